"""A small application to run harnesses on."""

import asyncio

from attrs import frozen
from dependency_injector import containers, providers

from faststream_oo import Application, Drop
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaContainer, KafkaProducer, consumes, produces


@frozen
class OrderPlaced:
    order_id: str
    amount: int


@frozen
class RushOrderPlaced(OrderPlaced):
    courier: str = "bike"


@frozen
class PaymentRequested:
    order_id: str
    amount: int


class Gate:
    """Holds handlers until a test opens it."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()


class Refusal:
    """Raises while it is told to."""

    def __init__(self) -> None:
        self.times = 0

    def check(self) -> None:
        if self.times:
            self.times -= 1
            raise ConnectionError("payments are down")


class Payments(KafkaProducer):
    @produces("payments.requested", key="order_id")
    async def requested(self, order: OrderPlaced) -> PaymentRequested:
        return PaymentRequested(order.order_id, order.amount)


class Orders(KafkaConsumer, group="billing"):
    def __init__(self, broker: KafkaBroker, payments: Payments, gate: Gate, refusal: Refusal) -> None:
        super().__init__(broker)
        self._payments = payments
        self._gate = gate
        self._refusal = refusal

    @consumes("orders.placed")
    async def placed(self, order: OrderPlaced) -> None:
        await self._gate.open.wait()
        self._refusal.check()
        await self._payments.requested(order)


class Audit(KafkaConsumer, group="audit"):
    @consumes("payments.requested")
    async def seen(self, payment: PaymentRequested) -> Drop | None:
        return Drop("nothing to pay") if payment.amount == 0 else None


class Tools(containers.DeclarativeContainer):
    gate = providers.Singleton(Gate)
    refusal = providers.Singleton(Refusal)


class Billing(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    kafka = KafkaContainer(config=config.kafka)
    tools = providers.Container(Tools)
    payments = providers.Singleton(Payments, broker=kafka.broker)
    orders = providers.Factory(
        Orders,
        broker=kafka.broker,
        payments=payments,
        gate=tools.container.gate,
        refusal=tools.container.refusal,
    )
    audit = providers.Singleton(Audit, broker=kafka.broker)
    app = providers.Singleton(Application, title="Billing")
