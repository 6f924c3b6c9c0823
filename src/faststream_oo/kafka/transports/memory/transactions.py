"""Transactions of another process over an embedded partition."""

from collections.abc import Callable

from faststream_oo.kafka.message import Content
from faststream_oo.kafka.transports.memory.topics import CREATE_TIME, PartitionLog


class Transaction:
    """A transaction over one partition, open until it is committed or aborted.

    Args:
        log: Of the partition.
        now: Returns milliseconds since the epoch.
    """

    def __init__(self, log: PartitionLog, now: Callable[[], int]) -> None:
        self._log = log
        self._now = now
        self._offsets: list[int] = []

    def write(self, record: Content, /) -> None:
        """Append value, key and headers."""
        if not self._offsets:
            self._log.open.append(self._log.end)
        self._offsets.append(self._log.end)
        self._log.append(self._now(), CREATE_TIME, record)

    def commit(self) -> None:
        """Let everybody read what was written; the marker uses up an offset."""
        self._end()

    def abort(self) -> None:
        """Hide what was written from all but those who read uncommitted; the marker uses up an offset."""
        self._log.aborted.update(self._offsets)
        self._end()

    def _end(self) -> None:
        if self._offsets:
            self._log.open.remove(self._offsets[0])
            self._offsets.clear()
            self._log.skip(1)
