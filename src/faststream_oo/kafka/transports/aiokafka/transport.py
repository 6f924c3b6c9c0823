"""The transport: one producer when it is wanted, one admin client, and a consumer a subscription."""

import asyncio
from collections.abc import Mapping, Sequence

from faststream_oo.address import Address
from faststream_oo.errors import Problem
from faststream_oo.kafka.client.causes import CONNECT_SECONDS
from faststream_oo.kafka.client.transport import ClientTransport
from faststream_oo.kafka.options import KafkaSettings, KafkaSourceOptions
from faststream_oo.kafka.transports.aiokafka.admin import AiokafkaAdmin
from faststream_oo.kafka.transports.aiokafka.causes import connect_error
from faststream_oo.kafka.transports.aiokafka.config import check_config, check_source_config, largest_record
from faststream_oo.kafka.transports.aiokafka.logins import hide_logins
from faststream_oo.kafka.transports.aiokafka.producers import Producers
from faststream_oo.kafka.transports.aiokafka.sender import LaneSender
from faststream_oo.kafka.transports.aiokafka.source import AiokafkaSource


class AiokafkaTransport(ClientTransport):
    """Kafka by aiokafka: all acks, idempotent, keys to partitions as Kafka's Java client, offsets by ledger.

    Args:
        settings: Connection and defaults.

    Raises:
        SetupError: The settings hold options that are wrong, or that the framework sets.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._admin = AiokafkaAdmin(settings)
        super().__init__(settings, self._admin, largest_record(settings), check_config(settings))
        self._producers = Producers(settings)

    async def _connect(self) -> None:
        hide_logins()
        brokers: Sequence[str] = ()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._admin.open()
                brokers = tuple((await self._admin.brokers()).values())
        except Exception as error:  # Kerberos raises errors of its own
            await self.close()
            raise await connect_error(self._settings, error, brokers) from error
        except BaseException:
            await self.close()
            raise
        self._producers.open()

    async def _disconnect(self, seconds: float) -> None:
        await self._producers.close(seconds)

    def _source_problems(self, options: Mapping[str, object]) -> Sequence[Problem]:
        return check_source_config(options)

    def _new_source(self, address: Address, options: KafkaSourceOptions) -> AiokafkaSource:
        return AiokafkaSource(self._settings, address, options, self._admin, self._watch)

    def _new_sender(self, topic: str, largest: int) -> LaneSender:
        return LaneSender(topic, self._producers, self._admin, self._settings.linger or 0.0, largest)
