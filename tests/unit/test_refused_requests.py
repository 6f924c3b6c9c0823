"""Mistakes about requests that types cannot catch are refused when an application is checked."""

import socket
from typing import Any, cast

import pytest
from attrs import frozen
from dependency_injector import containers, providers

from faststream_oo import Ack, Application, Batch
from faststream_oo.cli.description import as_text, description_of
from faststream_oo.errors import SetupError
from faststream_oo.kafka import KafkaConsumer, KafkaContainer, KafkaProducer, consumes, produces, requests


@frozen
class Ask:
    sku: str


@frozen
class Price:
    cents: int


class Prices(KafkaConsumer, group="prices"):
    @consumes("prices")
    async def price(self, ask: Ask) -> Price:
        return Price(1)


def application(desk: type[KafkaProducer], settings: dict[str, Any] | None = None) -> Application:
    class Shop(containers.DeclarativeContainer):
        config = providers.Configuration(strict=True)
        kafka = KafkaContainer(config=config.kafka)
        prices = providers.Singleton(Prices, broker=kafka.broker)

    # An attribute of the class statement would be looked up in this function.
    cast(Any, Shop).desk = providers.Singleton(desk, broker=Shop.kafka.broker)
    container = Shop()
    container.config.from_dict({"kafka": settings or {}})
    return Application(container)


def problems(desk: type[KafkaProducer], settings: dict[str, Any] | None = None) -> list[str]:
    with pytest.raises(SetupError) as refused:
        application(desk, settings).check()
    return [str(problem) for problem in refused.value.problems]


def test_an_outbox_on_a_request() -> None:
    class Desk(KafkaProducer):
        @requests("prices", reply=Price, outbox=False)
        async def of(self, sku: str) -> Ask:
            return Ask(sku)

        @requests("prices", reply=Price)
        async def too(self, sku: str) -> Ask:
            return Ask(sku)

    what = "outbox= is refused: a request goes at once. Hint: remove outbox="
    assert problems(Desk, {"producers": {"Desk.too": {"outbox": True}}}) == [f"Desk.of: {what}", f"Desk.too: {what}"]


def test_a_reply_that_is_a_value_or_that_the_codec_cannot_decode() -> None:
    class Desk(KafkaProducer):
        @requests("prices", reply=cast(Any, Price(1)))
        async def value(self, sku: str) -> Ask:
            return Ask(sku)

        @requests("prices", reply=socket.socket)
        async def sock(self, sku: str) -> Ask:
            return Ask(sku)

    assert problems(Desk) == [
        "Desk.value: reply=Price(cents=1) is no type. Hint: reply=Price",
        "Desk.sock: JsonCodec cannot decode socket.socket. Hint: register a hook on make_converter(), or set codec=",
    ]


def test_a_request_that_is_no_single_message() -> None:
    class Desk(KafkaProducer):
        @requests("prices", reply=Price)
        async def batch(self, sku: str) -> Batch[Ask]:
            return Batch([Ask(sku)])

        @requests("prices", reply=Price)
        async def outcome(self, sku: str) -> Ask | Ack:
            return Ack()

        @produces("others")
        @requests("prices", reply=Price)
        async def both(self, sku: str) -> Ask:
            return Ask(sku)

    assert problems(Desk) == [
        "Desk.batch: returns a Batch, and a request is one message. Hint: ask one by one",
        "Desk.outcome: Ack belongs to consumers. Hint: return the body to send",
        "Desk.both: a method with @requests sends one message. Hint: a method each",
    ]


def test_what_is_wrong_with_any_message_is_wrong_with_a_request() -> None:
    class Desk(KafkaProducer):
        @requests("prices of", reply=Price, timeout=0.0, key="skuu")
        async def of(self, sku: str) -> Ask:
            return Ask(sku)

    found = problems(Desk, {"producers": {"Desk.off": {}}})
    assert 'kafka.producers.Desk.off: no such producer. Hint: did you mean "Desk.of"?' in found
    assert any(problem.startswith('Desk.of: "prices of" is no topic name') for problem in found)
    assert 'Desk.of: Ask has no field "skuu" for key=. Hint: did you mean "sku"?' in found
    assert "Desk.of: timeout=0.0 is not above 0 seconds" in found


def test_a_request_of_a_consumer() -> None:
    class Desk(KafkaConsumer, group="desk"):
        @consumes("orders")
        async def order(self, sku: str) -> None: ...

    Desk.of = requests("prices", reply=Price)(cast(Any, lambda self, sku: Ask(sku)))  # type: ignore[attr-defined]  # that is the mistake

    assert problems(cast(Any, Desk)) == [
        "Desk.of: @requests belongs to producers. Hint: move it to a producer, and inject that"
    ]


def test_requests_show_in_the_description_with_their_reply() -> None:
    class Desk(KafkaProducer, key="sku"):
        @requests("prices", reply=list[Price], timeout=2.0)
        async def of(self, sku: str) -> Ask:
            return Ask(sku)

    described = description_of(application(Desk))
    (fact,) = described.requests

    assert (fact.name, fact.address, fact.body, fact.key) == ("Desk.of", "prices", "Ask", "sku")
    assert (fact.reply, fact.timeout) == (f"list[{__name__}.Price]", 2.0)
    assert "requests\n  Desk.of  prices  reply=" in as_text(described)
    assert not described.producers
