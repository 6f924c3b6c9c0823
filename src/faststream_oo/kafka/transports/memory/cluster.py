"""One embedded Kafka cluster: its topics and groups, and what a test can do to it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from faststream_oo.clock import Clock
from faststream_oo.errors import TransportError
from faststream_oo.kafka.address import topic_problem
from faststream_oo.kafka.transports.memory.groups import Group
from faststream_oo.kafka.transports.memory.topics import MemoryTopic, PartitionLog, StoredRecord
from faststream_oo.kafka.transports.memory.transactions import Transaction


class Client(Protocol):
    """What is connected to a cluster."""

    def lost(self) -> None:
        """The cluster does not answer any more."""

    def found(self) -> None:
        """The cluster answers again."""

    def changed(self, topic: str, /) -> None:
        """A topic came, went, or has more partitions."""


class Crashing(Protocol):
    """A source that can end as a killed process does."""

    def crash(self) -> None:
        """End without a commit and without leaving."""


class MemoryCluster:
    """A Kafka cluster inside the process, for as long as the object lives.

    Args:
        clock: Where time comes from; timestamps begin at the wall clock and go on with it.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.topics: dict[str, MemoryTopic] = {}
        """The topics by name; each is the sequence of its partitions' logs."""
        self.appended: list[Callable[[StoredRecord], object]] = []
        """Called with every record after it was written."""
        self.clients: list[Client] = []
        """Who is connected, in the order in which they hear what happens to the cluster."""
        self.online = asyncio.Event()
        """Set while the cluster answers."""
        self.online.set()
        self._groups: dict[str, Group] = {}

    def now(self) -> int:
        """Return milliseconds since the epoch."""
        return int(self.clock.wall() * 1000)

    def check_online(self) -> None:
        """Raise TransportError while the cluster does not answer."""
        if not self.online.is_set():
            raise TransportError("the embedded Kafka is down")

    def group(self, name: str, /) -> Group:
        """Return a consumer group; it exists from its first mention on."""
        if name not in self._groups:
            self._groups[name] = Group(self.topics, self.clock, self.online)
        return self._groups[name]

    def log(self, topic: str, partition: int, /) -> PartitionLog:
        """Return the log of a partition. Raises TransportError when there is none."""
        logs = self.topics.get(topic)
        if logs is None or not 0 <= partition < len(logs):
            raise TransportError(f'there is no partition {partition} of "{topic}"')
        return logs[partition]

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> MemoryTopic:
        """Make a topic. Raises TransportError when there is one, or Kafka would not take the name or the config."""
        if (problem := topic_problem(name)) is not None:
            raise TransportError(problem)
        if name in self.topics:
            raise TransportError(f'topic "{name}" exists already')
        topic = self.topics[name] = MemoryTopic(name, partitions, config or {})
        self._tell(name)
        return topic

    def add_partitions(self, topic: str, total: int) -> None:
        """Give a topic more partitions, up to a number."""
        self.log(topic, 0)
        self.topics[topic].grow(total)
        self._tell(topic)

    def delete_topic(self, name: str) -> None:
        """Delete a topic, its records, and the offsets that groups committed for it."""
        self.log(name, 0)
        for log in self.topics.pop(name):
            log.deleted = True
            log.records.clear()
        for group in self._groups.values():
            group.forget(name)
        self._tell(name)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Forget the records below an offset, as retention does."""
        self.log(topic, partition).truncate(before)

    def make_gap(self, topic: str, partition: int, count: int) -> None:
        """Use up offsets without a record, as transaction markers and compaction do."""
        self.log(topic, partition).skip(count)

    def compact(self, topic: str, partition: int, before: int) -> None:
        """Keep below an offset the last record of every key there, as the cleaner of a compacted topic does."""
        self.log(topic, partition).compact(before)

    def begin(self, topic: str, partition: int = 0) -> Transaction:
        """Begin a transaction over one partition, as a transactional producer of another process does."""
        return Transaction(self.log(topic, partition), self.now)

    def crash(self, source: Crashing) -> None:
        """End a source as if its process was killed: its group notices when its session is over."""
        source.crash()

    def down(self) -> None:
        """Answer nobody: what is sent waits, nothing is read or committed, no group rebalances."""
        if self.online.is_set():
            self.online.clear()
            for client in tuple(self.clients):
                client.lost()

    def up(self) -> None:
        """Answer again; everybody goes on where he was."""
        if not self.online.is_set():
            self.online.set()
            for client in tuple(self.clients):
                client.found()

    def _tell(self, topic: str) -> None:
        for client in tuple(self.clients):
            client.changed(topic)
