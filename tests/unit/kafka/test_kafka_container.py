"""The nested container of a Kafka broker, as a user's container holds it."""

import pytest
from dependency_injector import containers, providers

from faststream_oo.codecs.json import JsonCodec
from faststream_oo.container.checks import check
from faststream_oo.container.graph import Graph
from faststream_oo.errors import SetupError
from faststream_oo.kafka.broker import KafkaBroker
from faststream_oo.kafka.container import KafkaContainer
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.kafka.transport import KafkaTransport
from faststream_oo.message import Message
from faststream_oo.middleware import ConsumeNext


class Timings:
    """A middleware."""

    async def consume(self, message: Message, call_next: ConsumeNext, /) -> object:
        return await call_next(message)


class Fake(JsonCodec):
    """Another codec."""


class Service:
    def __init__(self, broker: KafkaBroker) -> None:
        self.broker = broker


class Billing(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    timings = providers.Singleton(Timings)
    json = providers.Singleton(JsonCodec)
    kafka = KafkaContainer(config=config.kafka, codec=json, middlewares=[timings])
    service = providers.Singleton(Service, broker=kafka.broker)


def test_the_settings_are_structured_from_the_configuration() -> None:
    billing = Billing()
    billing.config.from_dict({"kafka": {"servers": ["a:1", "b:2"], "client_id": "billing"}})
    assert billing.kafka.settings() == KafkaSettings(servers=("a:1", "b:2"), client_id="billing")
    assert billing.kafka.broker().settings is billing.kafka.settings()


def test_without_a_section_everything_has_its_default() -> None:
    assert Billing().kafka.settings() == KafkaSettings()


def test_without_any_argument_everything_has_its_default() -> None:
    kafka = KafkaContainer()
    assert kafka.settings() == KafkaSettings()
    assert isinstance(kafka.codec(), JsonCodec)
    assert kafka.broker().middlewares == ()


def test_wrong_settings_are_reported_by_their_path() -> None:
    billing = Billing()
    billing.config.from_dict({"kafka": {"lingr": 0.1}})
    with pytest.raises(SetupError, match=r'kafka\.lingr: unknown option. Hint: did you mean "linger"\?'):
        billing.kafka.broker()


def test_the_broker_is_one_and_made_of_what_was_given() -> None:
    billing = Billing()
    broker = billing.kafka.broker()
    assert broker is billing.service().broker
    assert broker.codec is billing.json()
    assert broker.middlewares == (billing.timings(),)


def test_two_containers_have_brokers_of_their_own() -> None:
    one, two = Billing(), Billing()
    one.config.from_dict({"kafka": {"client_id": "one"}})
    two.config.from_dict({"kafka": {"client_id": "two"}})
    assert (one.kafka.settings().client_id, two.kafka.settings().client_id) == ("one", "two")
    assert one.service().broker is not two.service().broker
    assert one.kafka is not two.kafka


def test_a_provider_is_overridden_by_its_name() -> None:
    billing = Billing()
    billing.kafka.codec.override(providers.Singleton(Fake))
    assert isinstance(billing.kafka.broker().codec, Fake)
    assert not isinstance(Billing().kafka.broker().codec, Fake)


def test_an_override_on_the_class_reaches_new_containers() -> None:
    with Billing.kafka.codec.override(providers.Singleton(Fake)):
        assert isinstance(Billing().kafka.broker().codec, Fake)
    assert not isinstance(Billing().kafka.broker().codec, Fake)


def test_settings_may_be_given_ready() -> None:
    class Counted(containers.DeclarativeContainer):
        settings = providers.Singleton(KafkaSettings, servers=["localhost:9092"])
        kafka = KafkaContainer(settings=settings)

    counted = Counted()
    assert counted.kafka.broker().settings is counted.settings()


def test_a_transport_may_be_given() -> None:
    class Double:
        """Stands for a transport, which the broker does not open here."""

    class Counted(containers.DeclarativeContainer):
        transport: providers.Singleton[KafkaTransport] = providers.Singleton(Double)  # type: ignore[arg-type]  # a double
        kafka = KafkaContainer(transport=transport)

    counted = Counted()
    assert counted.kafka.broker().connect() is counted.transport()


def test_a_mapping_is_a_configuration_too() -> None:
    assert KafkaContainer(config={"client_id": "x"}).settings().client_id == "x"


def test_both_kinds_of_settings_are_refused() -> None:
    with pytest.raises(SetupError, match="config= and settings= are both given"):
        KafkaContainer(config={}, settings=providers.Object(KafkaSettings()))


def test_a_container_may_hold_several_brokers() -> None:
    class Bridge(containers.DeclarativeContainer):
        config = providers.Configuration()
        here = KafkaContainer(config=config.here)
        there = KafkaContainer(config=config.there)

    bridge = Bridge()
    bridge.config.from_dict({"here": {"client_id": "a"}, "there": {"client_id": "b"}})
    assert [bridge.here.settings().client_id, bridge.there.settings().client_id] == ["a", "b"]


def test_its_providers_pass_the_checks_under_their_paths() -> None:
    graph = Graph(Billing())
    assert check(graph, [entry.provider for entry in graph.entries]) == []
    assert {"Billing.kafka.settings", "Billing.kafka.broker"} <= {entry.path for entry in graph.entries}
