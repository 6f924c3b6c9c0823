"""Composition of the earthquake desk: `faststream-oo serve containers.earthquakes.container:EarthquakeDesk --memory`."""

from dependency_injector import containers, providers

from containers.earthquakes.desk import Desk, Ledger, Press
from faststream_oo import Application
from faststream_oo.kafka import KafkaContainer


class EarthquakeDesk(containers.DeclarativeContainer):
    """One Kafka, the desk and what it needs."""

    config = providers.Configuration(strict=True)
    kafka = KafkaContainer(config=config.kafka)
    ledger = providers.Singleton(Ledger)
    press = providers.Singleton(Press, broker=kafka.broker)
    desk = providers.Factory(Desk, broker=kafka.broker, press=press, ledger=ledger)
    app = providers.Singleton(Application, title="Earthquake desk", version="1.0.0")
