"""The transport: one producer, one admin client, and a consumer a subscription."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from aiokafka import errors

from faststream_oo.address import Address
from faststream_oo.errors import Problem, PublishError, SetupError, TransportError
from faststream_oo.kafka.address import DeadLetterTopic, TopicPartition
from faststream_oo.kafka.message import PartitionInfo
from faststream_oo.kafka.options import KafkaSettings, KafkaSourceOptions
from faststream_oo.kafka.transports.aiokafka.admin import ClusterAdmin
from faststream_oo.kafka.transports.aiokafka.causes import CONNECT_SECONDS, connect_error
from faststream_oo.kafka.transports.aiokafka.config import (
    DEAD_LETTER_ROOM,
    check_config,
    check_source_config,
    largest_record,
)
from faststream_oo.kafka.transports.aiokafka.inbox import PartitionInbox
from faststream_oo.kafka.transports.aiokafka.producers import Producers
from faststream_oo.kafka.transports.aiokafka.sender import TopicSender
from faststream_oo.kafka.transports.aiokafka.shutdown import CLOSE_SECONDS
from faststream_oo.kafka.transports.aiokafka.source import AiokafkaSource
from faststream_oo.kafka.transports.aiokafka.topology import declare
from faststream_oo.kafka.transports.aiokafka.watch import BrokerWatch
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
        self._watch = BrokerWatch(self._admin.ping)
        self._inboxes: list[PartitionInbox] = []

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

    async def close(self) -> None:
        """Send what was accepted, as far as that is possible in a few seconds, and disconnect."""
        self._watch.close()
        inboxes, self._inboxes = self._inboxes, []
        await asyncio.gather(*(inbox.close() for inbox in inboxes))
        senders, self._senders = list(self._senders.values()), {}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CLOSE_SECONDS
        await asyncio.gather(*(sender.close(CLOSE_SECONDS) for sender in senders))
        # Nothing is left to be sent: whoever had to give up does not wait for the broker once more.
        await asyncio.gather(self._producers.close(max(deadline - loop.time(), 1.0)), self._admin.close())

    async def ping(self) -> None:
        """Return when the cluster answers. Raises TransportError."""
        await self._admin.ping()

    def source(self, address: Address, options: Mapping[str, object], /) -> AiokafkaSource:
        """Return the intake of one subscription, not started; the options are those of `KafkaSourceOptions`."""
        _refuse(check_source_config(options))
        resolved = KafkaSourceOptions(**cast(Any, options))
        return AiokafkaSource(self._settings, address, resolved, self._admin, self._watch)

    def sender(self, address: Address, /) -> TopicSender:
        """Return a sender to one topic."""
        sender = self._senders.get(address.name)
        if sender is None:
            largest = largest_record(self._settings)
            if isinstance(address, DeadLetterTopic):
                largest += DEAD_LETTER_ROOM
            linger = self._settings.linger or 0.0
            sender = TopicSender(address.name, self._producers, self._admin, linger, largest)
            self._senders[address.name] = sender
        return sender

    async def declare(self, addresses: Sequence[Address], topology: Topology, /) -> Sequence[str]:
        """Create what is missing, if the mode says so, and return the differences. Raises TransportError."""
        return await declare(self._admin, addresses, topology)

    async def partitions(self, topic: str, /) -> Sequence[PartitionInfo]:
        """Ask the cluster about a topic; none when it does not exist. Raises TransportError."""
        return await self._admin.partitions(topic)

    async def delete(self, topics: Sequence[str], /) -> None:
        """Delete topics that a test made. Raises TransportError."""
        await self._admin.delete(topics)

    async def inbox(self, sink: Sink, /) -> str:
        """Begin to feed what is written to one partition of the reply topic; return `topic/partition`."""
        inbox = PartitionInbox(self._settings, self._admin, self._watch, sink)
        try:
            place = await inbox.open(self._settings.replies().name)
        except BaseException:
            await inbox.close()
            raise
        self._inboxes.append(inbox)
        return place

    async def transact(
        self,
        source: Source,
        offsets: Mapping[TopicPartition, int],
        messages: Sequence[tuple[Address, Frame]],
        /,
    ) -> None:
        """Refuse: transactions are not served by this transport."""
        raise PublishError("the aiokafka transport has no transactions")


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise SetupError(problems)
