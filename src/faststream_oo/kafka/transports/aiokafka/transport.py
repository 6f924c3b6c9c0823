"""The transport: one producer, one admin client, and a consumer a subscription."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from aiokafka import errors
from attrs import fields

from faststream_oo.address import Address
from faststream_oo.errors import Problem, PublishError, SetupError, TransportError
from faststream_oo.kafka.address import TopicPartition
from faststream_oo.kafka.message import PartitionInfo
from faststream_oo.kafka.options import KafkaSettings, KafkaSourceOptions
from faststream_oo.kafka.transports.aiokafka.admin import ClusterAdmin
from faststream_oo.kafka.transports.aiokafka.causes import CONNECT_SECONDS, connect_error
from faststream_oo.kafka.transports.aiokafka.config import check_config, check_source_config, largest_record
from faststream_oo.kafka.transports.aiokafka.producers import Producers
from faststream_oo.kafka.transports.aiokafka.sender import TopicSender
from faststream_oo.kafka.transports.aiokafka.topology import declare
from faststream_oo.options import Topology
from faststream_oo.transport import Frame, Sink, Source


class AiokafkaTransport:
    """Kafka by aiokafka: all acks, idempotent, keys to partitions as Kafka's Java client, offsets by ledger.

    Args:
        settings: Connection and defaults.

    Raises:
        SetupError: The settings hold options that are wrong, or that the framework sets.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        _refuse(check_config(settings))
        self._settings = settings
        self._admin = ClusterAdmin(settings)
        self._producers = Producers(settings)
        self._senders: dict[str, TopicSender] = {}

    async def open(self) -> None:
        """Connect, once: a producer, and the client for questions. Raises ConnectError."""
        brokers: Sequence[str] = ()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._admin.open()
                brokers = tuple((await self._admin.brokers()).values())
                await self._producers.open()
        except (errors.KafkaError, OSError, TransportError) as error:
            await self.close()
            raise await connect_error(self._settings, error, brokers) from error
        except BaseException:
            await self.close()
            raise
