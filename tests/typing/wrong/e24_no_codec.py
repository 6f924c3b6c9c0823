"""A codec provider must give a Codec."""

from dependency_injector import containers, providers

from faststream_oo.kafka import KafkaContainer


class App(containers.DeclarativeContainer):
    codec = providers.Singleton(dict[str, str])
    kafka = KafkaContainer(codec=codec)  # E
