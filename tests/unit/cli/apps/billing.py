"""A small application: a container class, and what else a target may name."""

from attrs import frozen
from dependency_injector import containers, providers

from faststream_oo import Application, Settings
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaContainer, KafkaProducer, consumes, produces


@frozen
class OrderPlaced:
    order_id: str
    amount: int


@frozen
class PaymentRequested:
    order_id: str
    amount: int


@frozen
class BillingSettings:
    currency: str = "EUR"


class Payments(KafkaProducer):
    @produces("payments.requested", key="order_id")
    async def requested(self, order: OrderPlaced) -> PaymentRequested:
        return PaymentRequested(order.order_id, order.amount)


class Orders(KafkaConsumer, group="billing"):
    def __init__(self, broker: KafkaBroker, payments: Payments, settings: BillingSettings) -> None:
        super().__init__(broker)
        self._payments = payments
        self._settings = settings

    @consumes("orders.placed", concurrency=4)
    async def placed(self, order: OrderPlaced) -> None:
        await self._payments.requested(order)


class Billing(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    settings = Settings(BillingSettings, config.billing)
    kafka = KafkaContainer(config=config.kafka)
    payments = providers.Singleton(Payments, broker=kafka.broker)
    orders = providers.Factory(Orders, broker=kafka.broker, payments=payments, settings=settings)
    app = providers.Singleton(Application, title="Billing", version="1.2.0", connect_timeout=0.3)


def container() -> Billing:
    return Billing()


def of_tenant(tenant: str) -> Application:
    return Application(Billing(), title=tenant)


def application() -> Application:
    return Application.of(Billing())


class Holder:
    """A namespace."""

    inner = Billing


instance = Billing()
built = Application.of(Billing())
number = 5
