"""What the checkers infer: the promises of the API, asserted."""

from typing import assert_type

from attrs import frozen
from dependency_injector import containers, providers

from faststream_oo import Batch, MessageScoped, Settings, nats
from faststream_oo.kafka import (
    KafkaBroker,
    KafkaConsumer,
    KafkaContainer,
    KafkaMessage,
    KafkaOutgoing,
    KafkaProducer,
    KafkaReceipt,
    KafkaSubscription,
    consumes,
    produces,
    requests,
)
from faststream_oo.nats import Entry, KeyValue, KeyValueStore, NatsBroker, ObjectInfo
from faststream_oo.redis import Channel, List, RedisBroker, RedisMessage, RedisReceipt
from faststream_oo.testing import Harness


@frozen
class Order:
    order_id: str
    amount: int


@frozen
class Payment:
    order_id: str


class Payments(KafkaProducer):
    @produces("payments", key="order_id")
    async def requested(self, order: Order) -> Payment:
        return Payment(order.order_id)

    @produces("payments")
    async def many(self, orders: list[Order]) -> Batch[Payment]:
        return Batch(Payment(order.order_id) for order in orders)

    @produces("payments")
    async def keyed(self, order: Order) -> KafkaOutgoing[Payment]:
        return KafkaOutgoing(Payment(order.order_id), key=order.order_id)


class Desk(KafkaProducer, headers={"x-desk": "1"}):
    @requests("payments.of", reply=Payment, timeout=2.0, partition=0)
    async def payment(self, order_id: str) -> str:
        return order_id

    @requests("payments.of", reply=list[Payment])
    async def payments(self, order_id: str) -> KafkaOutgoing[str]:
        return KafkaOutgoing(order_id)


class Orders(KafkaConsumer, group="billing", concurrency=4, reply=False):
    @consumes("orders")
    async def placed(self, order: Order, message: KafkaMessage[Order]) -> None:
        assert_type(message.value, Order)
        assert_type(message.offset, int)
        assert_type(message.subscription, KafkaSubscription)


class Unit:
    pass


class Shop(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    settings = Settings(Order, config.shop)
    unit = MessageScoped(Unit)
    kafka = KafkaContainer(config=config.kafka)
    payments = providers.Singleton(Payments, broker=kafka.broker)


async def producers(payments: Payments, orders: Orders, message: KafkaMessage[Order]) -> None:
    assert_type(await payments.requested(Order("o-1", 1)), Payment)
    assert_type(await payments.many([]), Batch[Payment])
    assert_type((await payments.keyed(Order("o-1", 1))).body, Payment)
    await orders.placed(Order("o-1", 1), message)


async def asking(desk: Desk, broker: KafkaBroker, harness: Harness[Shop]) -> None:
    assert_type(await desk.payment("o-1"), Payment)
    assert_type(await desk.payments("o-1"), list[Payment])
    assert_type(await broker.request("payments.of", "o-1", reply=Payment), Payment)
    assert_type(await broker.request("payments.of", "o-1", reply=dict[str, Payment], timeout=1.0), dict[str, Payment])
    assert_type(await harness.request("payments.of", "o-1", reply=Payment), Payment)


async def brokers(broker: KafkaBroker) -> None:
    assert_type(await broker.send_now("t", b""), KafkaReceipt)


ORDERS = nats.JetStream("ORDERS", subjects=["orders.>"])


class Streamed(nats.NatsConsumer, group="billing", via=nats.Pull(max_ack_pending=64), start=7):
    @nats.consumes(nats.Subject("orders.{region}", stream=ORDERS))
    @nats.produces(nats.Subject("payments", stream="PAYMENTS"))
    async def placed(self, order: Order, message: nats.NatsMessage[Order]) -> nats.NatsOutgoing[Payment]:
        assert_type(message.value, Order)
        assert_type(message.sequence, int | None)
        await message.in_progress()
        return nats.NatsOutgoing(Payment(order.order_id), expected_sequence=0, ttl=60.0)


async def streams(broker: nats.NatsBroker) -> None:
    assert_type(await broker.send_now(nats.Subject("t", stream=ORDERS), b""), nats.NatsReceipt | None)
    async with broker.reader(nats.Subjects("a", "b", stream=ORDERS), Order, start="last_per_subject") as reader:
        assert_type(await reader.get(), nats.NatsMessage[Order] | None)
    await broker.declare(ORDERS)


async def redis(broker: RedisBroker) -> None:
    assert_type(await broker.send_now(List("payments"), b""), RedisReceipt)
    assert_type(await broker.request(Channel("payments"), "o-1", reply=Payment), Payment)
    async with broker.reader("payments", Payment, group="billing") as reader:
        assert_type(await reader.get(), RedisMessage[Payment] | None)


def container() -> None:
    assert_type(Shop.kafka.broker, providers.Singleton[KafkaBroker])
    assert_type(Shop.settings, Settings[Order])
    assert_type(Shop.unit, MessageScoped[Unit])
    harness = Harness(Shop)
    assert_type(harness, Harness[Shop])
    assert_type(harness.container.payments(), Payments)
    assert_type(harness.published(Payment), list[Payment])


async def buckets(broker: NatsBroker) -> None:
    orders = broker.key_value(KeyValue("orders", history=5), Order)
    assert_type(orders, KeyValueStore[Order])
    assert_type(await orders.get("o-1"), Entry[Order] | None)
    assert_type(await orders.put("o-1", Order("o-1", 1), revision=0), int)
    async for entry in orders.watch("orders.*"):
        assert_type(entry, Entry[Order | None])
    files = broker.object_store("files")
    assert_type(await files.get("a"), bytes | None)
    assert_type(await files.info("a"), ObjectInfo | None)
    async for chunk in files.stream("a"):
        assert_type(chunk, bytes)
