"""Brokers that providers are given otherwise than by their provider."""

from dependency_injector import containers, providers

from faststream_oo.container.wiring import Wiring
from faststream_oo.kafka.broker import KafkaBroker
from faststream_oo.kafka.container import KafkaContainer
from faststream_oo.kafka.options import KafkaSettings
from tests.unit.container.shop import Audit, Orders, Payments


class Base(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    kafka = KafkaContainer(config=config.kafka)


def test_the_container_of_a_broker_in_its_place_is_a_problem() -> None:
    class Shop(Base):
        payments = providers.Singleton(Payments, broker=Base.kafka)
        orders = providers.Factory(Orders, broker=Base.kafka.broker, payments=payments)

    assert [str(one) for one in Wiring(Shop()).problems] == [
        "Shop.payments.broker: gives a container, Payments.__init__ wants KafkaBroker. Hint: its .broker"
    ]


def test_a_container_elsewhere_is_none() -> None:
    class Shop(Base):
        audit = providers.Singleton(Audit, log=Base.kafka)
        payments = providers.Singleton(Payments, broker=Base.kafka.broker)
        orders = providers.Factory(Orders, broker=Base.kafka.broker, payments=payments)

    assert Wiring(Shop()).problems == []


def test_a_producer_is_one_whose_broker_was_made_by_hand() -> None:
    class Shop(Base):
        payments = providers.Singleton(Payments, broker=KafkaBroker(KafkaSettings()))
        orders = providers.Factory(Orders, broker=Base.kafka.broker, payments=payments)

    shop = Shop()
    wiring = Wiring(shop)
    assert wiring.producers == [(Payments, shop.payments().broker)]
    assert wiring.brokers == [shop.kafka.broker(), shop.payments().broker]
