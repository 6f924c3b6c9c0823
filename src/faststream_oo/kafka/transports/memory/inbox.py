"""Replies from an embedded cluster: one partition, read from its end."""

import asyncio

from faststream_oo.errors import TransportError
from faststream_oo.kafka.address import TopicPartition
from faststream_oo.kafka.claim import PartitionClaim
from faststream_oo.kafka.message import ReceivedRecord
from faststream_oo.kafka.transports.memory.cluster import MemoryCluster
from faststream_oo.kafka.transports.memory.cursors import TURN, Cursor
from faststream_oo.kafka.transports.memory.topics import PartitionLog
from faststream_oo.transport import Sink


class MemoryInbox:
    """Feeds what is written to a partition from now on.

    Args:
        cluster: Where it is.
        log: Its log.
        sink: Who is fed.
    """

    def __init__(self, cluster: MemoryCluster, log: PartitionLog, sink: Sink) -> None:
        self._cluster = cluster
        self._log = log
        self._sink = sink
        self._claim = PartitionClaim(TopicPartition(log.topic, log.partition), {}, lambda: None)
        self._cursor = Cursor(self._claim, log, log.end)
        self._loop = asyncio.get_running_loop()
        self._woken = False
        log.readers.append(self._wake)
        cluster.clients.append(self)

    def close(self) -> None:
        """Feed no more."""
        self._claim.live = False
        self._log.readers.remove(self._wake)
        self._cluster.clients.remove(self)

    def lost(self) -> None:
        """Report that the cluster is down."""
        self._sink.degrade("the embedded Kafka is down")

    def found(self) -> None:
        """Read on."""
        self._sink.degrade(None)
        self._wake()

    def changed(self, _topic: str, /) -> None:
        """Report that the topic is gone."""
        if self._log.deleted and self._claim.live:
            self._claim.live = False
            self._sink.fail(TransportError(f'topic "{self._log.topic}" was deleted'))

    def _wake(self) -> None:
        """Read in a turn of its own, as nobody reads while somebody writes."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        self._woken = False
        cursor = self._cursor
        if not self._claim.live or not self._cluster.online.is_set():
            return
        if not cursor.placed:
            cursor.position = self._log.end
        while records := cursor.read(TURN):
            cursor.turn = TURN
            self._sink.feed(ReceivedRecord.of(records, self._claim))
