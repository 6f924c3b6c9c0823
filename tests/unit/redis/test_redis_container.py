"""The nested container of a Redis broker, as a user's container holds it, and what `describe` tells of it."""

import pytest
from dependency_injector import containers, providers

from faststream_oo import Application
from faststream_oo.cli.description import as_text, description_of
from faststream_oo.codecs.json import JsonCodec
from faststream_oo.container.checks import check
from faststream_oo.container.graph import Graph
from faststream_oo.errors import SetupError
from faststream_oo.redis import Channel, List, RedisBroker, RedisConsumer, RedisContainer, RedisSettings, consumes
from faststream_oo.testing import Harness


class Lights(RedisConsumer):
    @consumes("lights", group="house", claim_after=5.0)
    async def switched(self, on: bool) -> None: ...

    @consumes(List("repairs"))
    async def repaired(self, lamp: str) -> None: ...

    @consumes(Channel("rooms.{room}"))
    async def entered(self, who: str) -> None: ...


class House(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    json = providers.Singleton(JsonCodec)
    redis = RedisContainer(config=config.redis, codec=json)
    lights = providers.Singleton(Lights, broker=redis.broker)


def test_the_settings_are_structured_from_the_configuration() -> None:
    house = House()
    house.config.from_dict({"redis": {"url": "redis://a:1/2", "envelope": "json"}})
    assert house.redis.settings() == RedisSettings(url="redis://a:1/2", envelope="json")
    assert house.redis.broker().settings is house.redis.settings()


def test_without_a_section_everything_has_its_default() -> None:
    assert House().redis.settings() == RedisSettings()


def test_the_broker_is_one_and_made_of_what_was_given() -> None:
    house = House()
    broker = house.redis.broker()
    assert isinstance(broker, RedisBroker)
    assert broker is house.lights().broker
    assert broker.codec is house.json()


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ({"mode": "cluster"}, r'redis\.mode: expected "single", got "cluster"'),
        ({"mode": "sentinel"}, r'redis\.mode: expected "single", got "sentinel"'),
        ({"url": ["redis://one", "redis://two"]}, r"redis\.url: expected str, got a list"),
        ({"envelope": "xml"}, r"redis\.envelope: "),
        ({"master": "one"}, r"redis\.master: unknown option"),
        ({"max_connections": 5}, r"redis\.max_connections: unknown option"),
    ],
)
def test_wrong_settings_are_reported_by_their_path(setting: dict[str, object], problem: str) -> None:
    house = House()
    house.config.from_dict({"redis": setting})
    with pytest.raises(SetupError, match=problem):
        house.redis.broker()


def test_its_providers_pass_the_checks_under_their_paths() -> None:
    graph = Graph(House())
    assert check(graph, [entry.provider for entry in graph.entries]) == []
    assert {"House.redis.settings", "House.redis.broker"} <= {entry.path for entry in graph.entries}


def test_what_each_kind_of_address_promises_is_told() -> None:
    described = description_of(Application(House()))
    assert {one.name: (one.group, one.delivery, list(one.dead_letters)) for one in described.subscriptions} == {
        "Lights.switched": ("house", "at_least_once", ["lights:house:dlq"]),
        "Lights.repaired": (None, "at_least_once", ["repairs:dlq"]),
        "Lights.entered": (None, "at_most_once", ["rooms.{room}:dlq"]),
    }


def test_the_kind_of_an_address_is_told_with_it() -> None:
    described = description_of(Application(House()))
    assert [one.kind for one in described.subscriptions] == ["stream", "list", "channel"]
    assert "rooms.{room}  kind=channel" in as_text(described)


async def test_a_harness_puts_an_embedded_redis_below() -> None:
    async with Harness(House) as h:
        await h.publish("lights", True)
        await h.publish(List("repairs"), "hall")
        await h.publish(Channel("rooms.kitchen"), "me")
        await h.settled()
        handlers = ("Lights.switched", "Lights.repaired", "Lights.entered")
        assert [type(one).__name__ for name in handlers for one in h.outcomes(name)] == ["Ack", "Ack", "Ack"]
