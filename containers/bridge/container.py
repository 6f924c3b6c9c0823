"""Composition of the bridge: `faststream-oo serve containers.bridge.container:AlertBridge --memory`."""

from dependency_injector import containers, providers

from containers.bridge.alerts import Bridge, Siren
from faststream_oo import Application
from faststream_oo.kafka import KafkaContainer
from faststream_oo.rabbit import RabbitContainer


class AlertBridge(containers.DeclarativeContainer):
    """A Kafka to read, a RabbitMQ to write, and what carries between them."""

    config = providers.Configuration(strict=True)
    kafka = KafkaContainer(config=config.kafka)
    rabbit = RabbitContainer(config=config.rabbit)
    siren = providers.Singleton(Siren, broker=rabbit.broker)
    bridge = providers.Factory(Bridge, broker=kafka.broker, siren=siren)
    app = providers.Singleton(Application, title="Alert bridge", version="1.0.0")
