"""What a watch of a bucket does not have is refused when an application is checked."""

from typing import Annotated, Any

import pytest

from faststream_oo import Application, Path, RetryPolicy
from faststream_oo.errors import SetupError
from faststream_oo.nats import (
    KeyValue,
    NatsBroker,
    NatsConsumer,
    NatsSettings,
    ObjectStore,
    Pull,
    Subject,
    consumes,
    produces,
)

LIMITS = KeyValue("limits")
FILES = ObjectStore("files")


def problems(address: KeyValue | ObjectStore, settings: NatsSettings | None = None, **options: Any) -> list[str]:
    class Watcher(NatsConsumer):
        @consumes(address, **options)
        async def changed(self, body: bytes | None) -> None: ...

    return refused(Watcher, settings)


def refused(consumer: type[NatsConsumer], settings: NatsSettings | None = None) -> list[str]:
    broker = NatsBroker(settings or NatsSettings())
    try:
        Application(consumers=[consumer(broker)], brokers=[broker]).check()
    except SetupError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize("address", [LIMITS, FILES])
@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"group": "g"}, "group= is not of a bucket"),
        ({"delivery": "at_least_once"}, 'delivery="at_least_once": changes of bucket'),
        ({"delivery": "manual"}, 'delivery="manual": changes of bucket'),
        ({"dead_letter": Subject("dlq", stream="S")}, "dead_letter= is not of a bucket"),
        ({"start": "latest"}, "start= is not of a bucket"),
        ({"via": Pull()}, "via= is not of a bucket"),
    ],
)
def test_an_option_that_a_watch_does_not_have(
    address: KeyValue | ObjectStore, options: dict[str, Any], what: str
) -> None:
    (problem,) = problems(address, **options)
    assert what in problem
    assert f'"{address.name}"' in problem
    assert problem.endswith("Hint: leave it out, or watch in a class of its own")


def test_a_group_of_the_class_or_of_the_settings_is_refused_too() -> None:
    class Watcher(NatsConsumer, group="g"):
        @consumes(LIMITS)
        async def changed(self, body: bytes) -> None: ...

    assert len(refused(Watcher)) == 1
    assert len(problems(LIMITS, NatsSettings(consumers={"Watcher": {"group": "g"}}))) == 1


def test_the_codec_of_an_object_store_is_its_own() -> None:
    class Codec:
        def encoder(self, annotation: object) -> Any: ...

        def decoder(self, annotation: object) -> Any: ...

    (problem,) = problems(FILES, codec=Codec())
    assert problem.startswith('Watcher.changed: codec= is not of an object store: "files" tells of changes in JSON')
    assert problems(LIMITS, codec=Codec()) == []


def test_options_that_every_subscription_has() -> None:
    assert problems(LIMITS, concurrency=4, retry=RetryPolicy(attempts=1), timeout=1.0, prefetch=10) == []


@pytest.mark.parametrize("name", ["a.b", "a b", "", "ü", "*"])
@pytest.mark.parametrize("kind", [KeyValue, ObjectStore])
def test_a_bucket_without_a_name_for_one(kind: type[KeyValue] | type[ObjectStore], name: str) -> None:
    (problem,) = problems(kind(name))
    assert f'"{name}" is no name of a bucket: letters, digits, - and _' in problem


@pytest.mark.parametrize("keys", ["", "a..b", "a.*b", "a.>.b", "{a}.{a}", "a b", "$x"])
def test_keys_that_cannot_be_watched(keys: str) -> None:
    assert len(problems(KeyValue("limits", keys=keys))) == 1


def test_a_part_of_a_key_that_is_not_captured() -> None:
    class Watcher(NatsConsumer):
        @consumes(KeyValue("limits", keys="encoder.*"))
        async def changed(self, body: bytes, region: Annotated[str, Path()]) -> None: ...

    (problem,) = refused(Watcher)
    assert 'consume "encoder.{region}"' in problem


def test_nothing_is_published_to_a_bucket() -> None:
    class Writer(NatsConsumer):
        @consumes("orders")
        @produces(LIMITS)  # type: ignore[arg-type]  # by types too
        async def changed(self, body: bytes) -> bytes:
            return body

    (problem,) = refused(Writer)
    assert 'bucket "limits" is not published to. Hint: broker.key_value(…).put' in problem
