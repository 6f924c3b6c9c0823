"""Own middlewares (trace, authorisation, metrics), own codec, hooks of the converter."""

import time
from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen
from dependency_injector import containers, providers

from faststream_oo import DeadLetter, Message, Outgoing
from faststream_oo.codec import Codec, Decoder, Encoder
from faststream_oo.codecs import JsonCodec, make_converter
from faststream_oo.kafka import KafkaConsumer, KafkaContainer, KafkaProducer, consumes, produces
from faststream_oo.middleware import ConsumeNext, PublishNext
from faststream_oo.testing import Harness


@frozen
class Money:
    amount: Decimal
    currency: str


class TraceMiddleware:
    """Both directions: hand the caller's trace on, and stamp what is sent."""

    async def consume(self, message: Message, call_next: ConsumeNext, /) -> object:
        print("trace", message.headers.get("traceparent"), message.address, message.attempt)
        return await call_next(message)

    async def publish(self, outgoing: Outgoing, call_next: PublishNext, /) -> None:
        await call_next(outgoing.with_headers({"x-sent-by": "billing"}))


class TokenCheck:
    """One direction is enough; this one has a dependency."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = tokens

    async def consume(self, message: Message, call_next: ConsumeNext, /) -> object:
        expected = self._tokens.get(message.headers.get("x-user", ""))
        if expected is None or expected != message.headers.get("x-token"):
            return DeadLetter("not authorised")
        return await call_next(message)


class Timings:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    async def consume(self, message: Message, call_next: ConsumeNext, /) -> object:
        started = time.perf_counter()
        try:
            return await call_next(message)
        finally:
            self.seconds[message.subscription.name] = time.perf_counter() - started


class ReversedCodec:
    """A codec of one's own: two methods; wraps another one."""

    def __init__(self, inner: Codec) -> None:
        self._inner = inner

    def encoder(self, annotation: object, /) -> Encoder:
        encode = self._inner.encoder(annotation)

        def backwards(value: object) -> tuple[bytes, Mapping[str, str]]:
            body, headers = encode(value)
            return body[::-1], headers

        return backwards

    def decoder(self, annotation: object, /) -> Decoder:
        decode = self._inner.decoder(annotation)
        return lambda body, headers: decode(body[::-1], headers)


def json_with_hooks() -> JsonCodec:
    """cattrs hooks, the usual way."""
    converter = make_converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(Money, lambda m: f"{m.amount} {m.currency}")
    converter.register_structure_hook(Money, lambda text, _: Money(Decimal(text.split()[0]), text.split()[1]))
    return JsonCodec(converter)


class Ticks(KafkaProducer, codec=ReversedCodec(JsonCodec())):
    @produces("ticks")
    async def tick(self) -> int:
        return int(time.time())


class Invoices(KafkaConsumer, group="books", middlewares=[TokenCheck]):
    @consumes("invoices")
    async def issued(self, number: str, total: Money) -> None:
        print(number, total.amount)

    @consumes("ticks", codec=ReversedCodec(JsonCodec()))
    async def ticked(self, tick: int) -> None:
        print(tick)

    @consumes("odd", codec=ReversedCodec(JsonCodec()), middlewares=[TraceMiddleware()])
    async def odd(self, value: int) -> None: ...


class Books(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    timings = providers.Singleton(Timings)
    tracing = providers.Singleton(TraceMiddleware)
    codec = providers.Singleton(json_with_hooks)
    kafka = KafkaContainer(config=config.kafka, codec=codec, middlewares=[tracing, timings])
    token_check = providers.Singleton(TokenCheck, tokens=config.tokens)
    ticks = providers.Singleton(Ticks, broker=kafka.broker)
    invoices = providers.Factory(Invoices, broker=kafka.broker)


async def test_timings_are_kept_by_subscription() -> None:
    async with Harness(Books, config={"tokens": {}}) as h:
        await h.container.ticks().tick()
        await h.settled()
        assert "Invoices.ticked" in h.container.timings().seconds
        assert [letter.reason for letter in h.dead_letters()] == ["not authorised"]
