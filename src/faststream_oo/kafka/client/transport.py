"""A connection to a cluster, whichever client makes it: what is asked of it beside sources and senders of its own."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from secrets import choice
from typing import Any, Final, NoReturn, cast

from faststream_oo.address import Address
from faststream_oo.encryption import encryption
from faststream_oo.errors import Problem, PublishError, SetupError, TransportError
from faststream_oo.kafka.address import DeadLetterTopic, Partitions, TopicPartition
from faststream_oo.kafka.client.admin import ClusterAdmin
from faststream_oo.kafka.client.records import DEAD_LETTER_ROOM
from faststream_oo.kafka.client.sender import CLOSE_SECONDS, TopicSender
from faststream_oo.kafka.client.source import ClientSource
from faststream_oo.kafka.client.topology import declare
from faststream_oo.kafka.client.watch import BrokerWatch
from faststream_oo.kafka.message import PartitionInfo
from faststream_oo.kafka.options import KafkaSettings, KafkaSourceOptions
from faststream_oo.options import Topology
from faststream_oo.transport import Frame, Sink

_LOOKS: Final = 5
_LOOK_PAUSE: Final = 0.2


class ClientTransport(ABC):
    """One connection: an admin client for questions, senders by topic, and a consumer a subscription.

    Args:
        settings: Connection and defaults.
        admin: The client for questions, not connected.
        largest: Bytes that an ordinary record may have.
        problems: What is wrong with the settings.

    Raises:
        SetupError: Anything is wrong with them.
    """

    def __init__(self, settings: KafkaSettings, admin: ClusterAdmin, largest: int, problems: Sequence[Problem]) -> None:
        _refuse(problems)
        self._settings = settings
        self._questions = admin
        self._largest = largest
        self._senders: dict[str, TopicSender] = {}
        self._watch = BrokerWatch(admin.ping)
        self._inboxes: list[ClientSource] = []

    async def open(self) -> None:
        """Connect, once.

        Raises:
            ConnectError: The cluster cannot be reached, or refuses us.
            SetupError: A file of `tls` cannot be used.
        """
        encryption(self._settings.tls, "kafka")
        await self._connect()

    @abstractmethod
    async def _connect(self) -> None:
        """Connect the client for questions, and what else must be there before a first publish. Raises ConnectError."""

    @abstractmethod
    async def _disconnect(self, seconds: float) -> None:
        """Disconnect, once nothing waits for its topic; what is with the client may take so long."""

    @abstractmethod
    def _source_problems(self, options: Mapping[str, object]) -> Sequence[Problem]:
        """Return what is wrong with the options of a source."""

    @abstractmethod
    def _new_source(self, address: Address, options: KafkaSourceOptions) -> ClientSource:
        """Return the intake of one subscription."""

    @abstractmethod
    def _new_sender(self, topic: str, largest: int) -> TopicSender:
        """Return a sender to a topic, of records of so many bytes at most."""

    async def close(self) -> None:
        """Send what was accepted, as far as that is possible in a few seconds, and disconnect."""
        self._watch.close()
        inboxes, self._inboxes = self._inboxes, []
        await asyncio.gather(*(inbox.close() for inbox in inboxes))
        senders, self._senders = list(self._senders.values()), {}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CLOSE_SECONDS
        await asyncio.gather(*(sender.close(CLOSE_SECONDS) for sender in senders))
        # Whoever had to give up does not wait for the broker once more.
        await asyncio.gather(self._disconnect(max(deadline - loop.time(), 1.0)), self._questions.close())

    async def ping(self) -> None:
        """Return when the cluster answers. Raises TransportError."""
        await self._questions.ping()

    def source(self, address: Address, options: Mapping[str, object], /) -> ClientSource:
        """Return the intake of one subscription, not started; the options are those of `KafkaSourceOptions`."""
        _refuse(self._source_problems(options))
        return self._new_source(address, KafkaSourceOptions(**cast(Any, options)))

    def sender(self, address: Address, /) -> TopicSender:
        """Return a sender to one topic."""
        sender = self._senders.get(address.name)
        if sender is None:
            room = DEAD_LETTER_ROOM if isinstance(address, DeadLetterTopic) else 0
            sender = self._senders[address.name] = self._new_sender(address.name, self._largest + room)
        return sender

    async def declare(self, addresses: Sequence[Address], topology: Topology, /) -> Sequence[str]:
        """Create what is missing, if the mode says so, and return the differences. Raises TransportError."""
        return await declare(self._questions, addresses, topology)

    async def partitions(self, topic: str, /) -> Sequence[PartitionInfo]:
        """Ask the cluster about a topic; none when it does not exist. Raises TransportError."""
        return await self._questions.partitions(topic)

    async def delete(self, topics: Sequence[str], /) -> None:
        """Delete topics that a test made. Raises TransportError."""
        await self._questions.delete(topics)

    async def inbox(self, sink: Sink, /) -> str:
        """Begin to feed what is written to one partition of the reply topic; return `topic/partition`."""
        topic = self._settings.replies().name
        for look in range(_LOOKS):
            if look:  # a new topic takes a moment to be known everywhere
                await asyncio.sleep(_LOOK_PAUSE)
            if (facts := (await self._questions.topics()).get(topic)) is not None:
                break
        else:
            raise TransportError(f'topic "{topic}" does not exist; replies need it, and topology: create makes it')
        place = Partitions(TopicPartition(topic, choice(list(facts.leaders))), start="latest")
        # Its end is known before the first request is sent: what is written from here on is read.
        source = self._new_source(place, KafkaSourceOptions())
        await source.start(sink)
        self._inboxes.append(source)
        return place.name

    async def transact(
        self, source: object, offsets: Mapping[TopicPartition, int], messages: Sequence[tuple[Address, Frame]], /
    ) -> NoReturn:
        """Refuse: there are no transactions."""
        raise PublishError("there are no transactions on Kafka")


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise SetupError(problems)
