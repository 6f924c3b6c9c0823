"""Classes that the tests of the container package wire."""

from collections.abc import AsyncIterator
from typing import Self

from faststream_oo.kafka.broker import KafkaBroker
from faststream_oo.kafka.classes import KafkaConsumer, KafkaProducer
from faststream_oo.kafka.options import KafkaSettings


class Audit:
    """Something that others need."""

    def __init__(self, log: object = None) -> None:
        self.log = log


class UnitOfWork:
    def __init__(self, audit: Audit | None = None) -> None:
        self.audit = audit
        self.left: list[BaseException | None] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, error_type: object, error: BaseException | None, traceback: object) -> None:
        self.left.append(error)


class Gateway:
    """No Payments."""


class Payments(KafkaProducer):
    def __init__(self, broker: KafkaBroker) -> None:
        super().__init__(broker)


class Orders(KafkaConsumer, group="billing"):
    def __init__(self, broker: KafkaBroker, payments: Payments) -> None:
        super().__init__(broker)
        self.payments = payments


class Stock(KafkaConsumer, group="stock"):
    def __init__(self, broker: KafkaBroker, uow: UnitOfWork) -> None:
        super().__init__(broker)
        self.uow = uow


class ShopConsumer(KafkaConsumer, abstract=True):
    """Never served itself."""


def make_broker() -> KafkaBroker:
    return KafkaBroker(KafkaSettings())


def make_orders(broker: KafkaBroker, payments: Payments) -> Orders:
    return Orders(broker, payments)


async def open_pool() -> AsyncIterator[object]:
    yield object()
