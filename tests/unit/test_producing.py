"""Options of what is published, at every level: class, method, settings, and the message itself."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve, frozen
from dependency_injector import containers, providers

from faststream_oo import Application, Batch, Message, Outgoing, RetryPolicy, nats, rabbit, redis
from faststream_oo.codec import Decoder, Encoder
from faststream_oo.codecs import JsonCodec
from faststream_oo.current import Embedding, embedded
from faststream_oo.errors import PublishError, SetupError
from faststream_oo.kafka import (
    KafkaBroker,
    KafkaConsumer,
    KafkaContainer,
    KafkaMessage,
    KafkaOutgoing,
    KafkaProducer,
    KafkaSettings,
    Topic,
    consumes,
    produces,
)
from faststream_oo.kafka.options import KafkaProduceSettings
from faststream_oo.kafka.transports.memory.transport import MemoryTransport
from faststream_oo.middleware import PublishNext
from faststream_oo.testing import Harness
from faststream_oo.testing.virtual import VirtualClock


@frozen
class Payment:
    order_id: str
    customer: str = "c-1"


class Shouting:
    """A codec that is told apart by its bytes."""

    def __init__(self) -> None:
        self._json = JsonCodec()

    def encoder(self, annotation: object, /) -> Encoder:
        encode = self._json.encoder(annotation)

        def shout(body: object) -> tuple[bytes, Mapping[str, str]]:
            data, headers = encode(body)
            return data.upper(), headers

        return shout

    def decoder(self, annotation: object, /) -> Decoder:
        return self._json.decoder(annotation)


class Noting:
    """A middleware that adds its name to a header; the outermost comes first."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def publish(self, outgoing: Outgoing[Any], call_next: PublishNext, /) -> None:
        path = outgoing.headers.get("through", "") + self._name
        await call_next(evolve(outgoing, headers={**outgoing.headers, "through": path}))


class Classy(Noting):
    def __init__(self) -> None:
        super().__init__("C")


class Payments(KafkaProducer, key="order_id", headers={"from": "class"}, prefix="eu."):
    @produces("requested")
    async def requested(self, payment: Payment) -> Payment:
        return payment

    @produces("refunded", key="customer", headers={"from": "method"})
    async def refunded(self, payment: Payment) -> Payment:
        return payment

    @produces("special")
    async def special(self, payment: Payment) -> KafkaOutgoing[Payment]:
        return KafkaOutgoing(payment, key="own", headers={"from": "message"}, to="elsewhere")


class Waiting(KafkaConsumer, group="g", retry=RetryPolicy(1)):
    @consumes("never")
    async def never(self, body: bytes) -> None: ...


class Billing(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    kafka = KafkaContainer(config=config.kafka)
    payments = providers.Singleton(Payments, broker=kafka.broker)
    waiting = providers.Factory(Waiting, broker=kafka.broker)


def of(producer: type[KafkaProducer]) -> type[containers.DeclarativeContainer]:
    """A container of one producer."""

    class Made(containers.DeclarativeContainer):
        kafka = KafkaContainer(config={})
        payments = providers.Singleton(producer, broker=kafka.broker)
        waiting = providers.Factory(Waiting, broker=kafka.broker)

    return Made


def sent(harness: Harness[Any]) -> KafkaMessage[Payment]:
    (message,) = harness.messages(Payment)
    assert isinstance(message, KafkaMessage)
    return message


def text(message: Message[Any]) -> str:
    return (message.key or b"").decode()


async def test_a_class_gives_its_methods_prefix_key_and_headers() -> None:
    async with Harness(Billing) as h:
        await h.container.payments().requested(Payment("o-1"))
        message = sent(h)
        assert (message.topic, text(message), message.headers["from"]) == ("eu.requested", "o-1", "class")


async def test_a_method_wins_over_its_class() -> None:
    async with Harness(Billing) as h:
        await h.container.payments().refunded(Payment("o-1"))
        message = sent(h)
        assert (message.topic, text(message), message.headers["from"]) == ("eu.refunded", "c-1", "method")


async def test_a_message_wins_over_its_method_and_its_address_has_the_prefix_too() -> None:
    async with Harness(Billing) as h:
        await h.container.payments().special(Payment("o-1"))
        message = sent(h)
        assert (message.topic, text(message), message.headers["from"]) == ("eu.elsewhere", "own", "message")


async def test_later_messages_have_the_headers_and_keys_of_the_first() -> None:
    async with Harness(Billing) as h:
        for number in range(3):
            await h.container.payments().refunded(Payment(f"o-{number}", f"c-{number}"))
        messages = h.messages(Payment)
        assert [(one.headers["from"], text(one)) for one in messages] == [("method", f"c-{n}") for n in range(3)]
        assert len({one.id for one in messages}) == 3


async def test_of_a_batch_each_message_is_sent_with_what_it_says_itself() -> None:
    class Mixed(KafkaProducer, key="order_id"):
        @produces("mixed")
        async def mixed(self, many: Batch[object]) -> Batch[object]:
            return many

    async with Harness(of(Mixed)) as h:
        mixed, payment = h.container.payments().mixed, Payment("o-1")
        await mixed(Batch([payment]))
        await mixed(
            Batch(
                [
                    payment,
                    KafkaOutgoing(payment),
                    KafkaOutgoing(payment, key=b"own"),
                    KafkaOutgoing(payment, to="elsewhere"),
                    KafkaOutgoing(payment, id="again"),
                    KafkaOutgoing(payment, correlation_id="talk"),
                    KafkaOutgoing(payment, headers={"from": "message"}),
                ]
            )
        )
        every = h.messages(Payment)[1:]
        assert [text(one) for one in every] == ["o-1", "o-1", "own", *["o-1"] * 4]
        assert [one.address for one in every] == [*["mixed"] * 3, "elsewhere", *["mixed"] * 3]
        assert every[4].id == "again"
        assert every[5].correlation_id == "talk"
        assert [one.headers.get("from") for one in every] == [*[None] * 6, "message"]
        assert len({one.id for one in every}) == 7


@pytest.mark.parametrize("name", ["Payments", "Payments.refunded"])
async def test_settings_win_over_the_code(name: str) -> None:
    options = {"key": "order_id", "headers": {"from": "settings"}, "address": "moved"}
    async with Harness(Billing, config={"kafka": {"producers": {name: options}}}) as h:
        await h.container.payments().refunded(Payment("o-1"))
        message = sent(h)
        assert (message.topic, text(message), message.headers["from"]) == ("eu.moved", "o-1", "settings")


async def test_settings_of_a_method_win_over_those_of_its_class() -> None:
    producers = {"Payments.refunded": {"key": "customer"}, "Payments": {"key": "order_id"}}
    async with Harness(Billing, config={"kafka": {"producers": producers}}) as h:
        await h.container.payments().refunded(Payment("o-1"))
        assert text(sent(h)) == "c-1"


async def test_a_partition_of_the_method_of_the_settings_and_of_the_message() -> None:
    class Split(KafkaProducer, partition=1):
        @produces(Topic("wide", partitions=3))
        async def by_class(self, payment: Payment) -> Payment:
            return payment

        @produces(Topic("wide", partitions=3), partition=2)
        async def by_method(self, payment: Payment) -> Payment:
            return payment

        @produces(Topic("wide", partitions=3), partition=2)
        async def by_message(self, payment: Payment) -> KafkaOutgoing[Payment]:
            return KafkaOutgoing(payment, partition=0)

        @produces(Topic("wide", partitions=3), partition=2)
        async def by_settings(self, payment: Payment) -> Payment:
            return payment

    transport = MemoryTransport(KafkaSettings())

    class Made(containers.DeclarativeContainer):
        kafka = KafkaContainer(
            config={"producers": {"Split.by_settings": {"partition": 0}}}, transport=providers.Object(transport)
        )
        payments = providers.Singleton(Split, broker=kafka.broker)
        waiting = providers.Factory(Waiting, broker=kafka.broker)

    async with Harness(Made) as h:
        split = h.container.payments()
        for call in (split.by_class, split.by_method, split.by_message, split.by_settings):
            await call(Payment(call.__name__))
        await h.application.brokers[0].publish_to(
            Topic("wide", partitions=3), Batch(KafkaOutgoing(Payment(str(n)), partition=n) for n in (2, 1, 0))
        )
        logs = transport.cluster.topics["wide"]
        assert [[bytes(record.value or b"").split(b'"')[3].decode() for record in log.records] for log in logs] == [
            ["by_message", "by_settings", "0"],
            ["by_class", "1"],
            ["by_method", "2"],
        ]


async def test_a_codec_of_the_class_and_one_of_the_method() -> None:
    class Loud(KafkaProducer, codec=Shouting()):
        @produces("loud")
        async def loud(self, payment: Payment) -> Payment:
            return payment

        @produces("plain", codec=JsonCodec())
        async def plain(self, payment: Payment) -> Payment:
            return payment

    async with Harness(of(Loud)) as h:
        await h.container.payments().loud(Payment("o-1"))
        await h.container.payments().plain(Payment("o-1"))
        loud, plain = h.messages(Payment)
        assert (loud.body, plain.body) == (
            b'{"ORDER_ID":"O-1","CUSTOMER":"C-1"}',
            b'{"order_id":"o-1","customer":"c-1"}',
        )


async def test_middlewares_add_up_the_application_outermost_the_method_innermost() -> None:
    class Noted(KafkaProducer, middlewares=[Classy]):
        @produces("noted", middlewares=[Noting("M")])
        async def noted(self, payment: Payment) -> Payment:
            return payment

    class Made(containers.DeclarativeContainer):
        kafka = KafkaContainer(config={}, middlewares=[providers.Object(Noting("B"))])
        classy = providers.Singleton(Classy)
        payments = providers.Singleton(Noted, broker=kafka.broker)
        waiting = providers.Factory(Waiting, broker=kafka.broker)
        application = providers.Singleton(Application, middlewares=[Noting("A")])

    async with Harness(Made) as h:
        await h.container.payments().noted(Payment("o-1"))
        assert sent(h).headers["through"] == "ABCM"


async def test_middleware_and_codec_classes_of_a_method_that_a_consumer_publishes_by() -> None:
    class Relay(KafkaConsumer, group="relay", middlewares=[Classy]):
        @consumes("in")
        @produces("out", codec=Shouting)
        async def relay(self, payment: Payment) -> Payment:
            return payment

    class Made(containers.DeclarativeContainer):
        kafka = KafkaContainer(config={})
        classy = providers.Singleton(Classy)
        shouting = providers.Singleton(Shouting)
        relay = providers.Factory(Relay, broker=kafka.broker)

    async with Harness(Made) as h:
        await h.publish("in", Payment("o-1"))
        await h.settled()
        message = sent(h)
        assert (message.body, message.headers["through"]) == (b'{"ORDER_ID":"O-1","CUSTOMER":"C-1"}', "C")


def test_a_middleware_made_for_each_message_cannot_publish() -> None:
    class Relay(KafkaConsumer, group="relay", middlewares=[Classy]):
        @consumes("in")
        @produces("out")
        async def relay(self, payment: Payment) -> Payment:
            return payment

    class Made(containers.DeclarativeContainer):
        kafka = KafkaContainer(config={})
        classy = providers.Factory(Classy)
        relay = providers.Factory(Relay, broker=kafka.broker)

    with pytest.raises(SetupError) as refused:
        Application(Made()).check()
    assert str(refused.value) == (
        "Relay.relay: Classy is made for each message, a publish needs one that stays. "
        "Hint: providers.Singleton(Classy, …)"
    )


async def test_without_the_outbox_a_publish_goes_out_though_its_handler_fails() -> None:
    class Both(KafkaProducer):
        @produces("held")
        async def held(self, payment: Payment) -> Payment:
            return payment

        @produces("at-once", outbox=False)
        async def at_once(self, payment: Payment) -> Payment:
            return payment

    class Failing(KafkaConsumer, group="failing", retry=RetryPolicy(1)):
        def __init__(self, broker: KafkaBroker, both: Both) -> None:
            super().__init__(broker)
            self._both = both

        @consumes("in")
        async def fail(self, payment: Payment) -> None:
            await self._both.held(payment)
            await self._both.at_once(payment)
            raise ValueError("after both")

    class Made(containers.DeclarativeContainer):
        kafka = KafkaContainer(config={})
        both = providers.Singleton(Both, broker=kafka.broker)
        failing = providers.Factory(Failing, broker=kafka.broker, both=both)

    async with Harness(Made) as h:
        await h.publish("in", Payment("o-1"))
        await h.settled()
        assert sent(h).topic == "at-once"
        assert len(h.dead_letters("Failing.fail")) == 1


@pytest.mark.parametrize(
    ("options", "seconds"),
    [({}, 2.0), ({"Slow": {"confirm_timeout": 5.0}}, 5.0), ({"Slow.slow": {"confirm_timeout": 9.0}}, 9.0)],
)
async def test_a_publish_is_given_up_after_its_own_time(
    options: Mapping[str, KafkaProduceSettings], seconds: float
) -> None:
    class Slow(KafkaProducer, confirm_timeout=2.0):
        @produces("slow")
        async def slow(self, payment: Payment) -> Payment:
            return payment

    clock = VirtualClock()
    settings = KafkaSettings(driver="memory", producers=options)
    transport = MemoryTransport(settings)
    with embedded(Embedding(clock)):
        async with KafkaBroker(settings, transport=transport) as broker:
            await Slow(broker).slow(Payment("o-1"))
            transport.cluster.down()
            publish = asyncio.create_task(Slow(broker).slow(Payment("o-2")))
            await turns()
            while clock.run_next(seconds - 0.1):
                await turns()
            assert not publish.done()
            while clock.run_next(seconds + 0.6):
                await turns()
            with pytest.raises(PublishError, match=f"not confirmed in {seconds:g} s"):
                await publish


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_batch_publishes_each_item_with_the_options_of_its_method() -> None:
    class Many(KafkaProducer, key="order_id"):
        @produces("many.{customer}")
        async def many(self, payments: list[Payment]) -> Batch[Payment]:
            return Batch(payments)

    async with Harness(of(Many)) as h:
        await h.container.payments().many([Payment("o-1"), Payment("o-2", "c-2")])
        assert [(one.address, text(one)) for one in h.messages(Payment)] == [("many.c-1", "o-1"), ("many.c-2", "o-2")]


async def test_nothing_is_published_for_none() -> None:
    class Some(KafkaProducer):
        @produces("some")
        async def some(self, payment: Payment) -> Payment | None:
            return None

    async with Harness(of(Some)) as h:
        assert await h.container.payments().some(Payment("o-1")) is None
        assert h.published(Payment) == []


# What is no text ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told", [{"headers": {"a": 5}}, {"headers": {5: "a"}}, {"id": 5}, {"correlation_id": 5}], ids=repr
)
@pytest.mark.parametrize(
    ("broker", "outgoing"),
    [
        (KafkaBroker(KafkaSettings(driver="memory")), KafkaOutgoing),
        (nats.NatsBroker(nats.NatsSettings(driver="memory")), nats.NatsOutgoing),
        (rabbit.RabbitBroker(rabbit.RabbitSettings(driver="memory")), rabbit.RabbitOutgoing),
        (redis.RedisBroker(redis.RedisSettings(driver="memory")), redis.RedisOutgoing),
    ],
    ids=["kafka", "nats", "rabbit", "redis"],
)
async def test_headers_and_ids_are_text_on_every_broker(broker: Any, outgoing: Any, told: Mapping[str, Any]) -> None:
    async with broker:
        with pytest.raises(PublishError, match="names and values of headers are text"):
            await broker.publish("out", outgoing(1, **told))


async def test_a_handler_that_publishes_what_is_no_text_fails_and_its_subscription_goes_on() -> None:
    class Copies(redis.RedisConsumer, group="copies"):
        @redis.consumes("numbers", retry=RetryPolicy(attempts=1))
        async def number(self, number: int) -> None:
            headers: Any = {"number": number or "none"}
            await self.broker.publish("copies", redis.RedisOutgoing(number, headers=headers))

    class Copying(containers.DeclarativeContainer):
        config = providers.Configuration(strict=True)
        redis = redis.RedisContainer(config=config.redis)
        copies = providers.Singleton(Copies, broker=redis.broker)

    async with Harness(Copying) as h:
        await h.publish("numbers", 5)
        await h.publish("numbers", 0)
        await h.settled()
        assert [letter.body for letter in h.dead_letters()] == [b"5"]
        assert h.published(int, to="copies") == [0]
