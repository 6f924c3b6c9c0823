"""Sending to one topic: what is refused at once, and what waits until the topic was found."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Final, TypeAlias

from faststream_oo.errors import PublishError
from faststream_oo.kafka.address import topic_problem
from faststream_oo.kafka.client.admin import ClusterAdmin
from faststream_oo.kafka.client.records import content, estimated_size, placed
from faststream_oo.kafka.message import Content, Headers
from faststream_oo.transport import Frame

Confirm: TypeAlias = asyncio.Future[Any]
"""Gives a `KafkaReceipt` where it is read."""

Entry: TypeAlias = tuple[Confirm, bool, int | None, bytes | None, bytes | None, Headers]
"""A record that waits for its confirmation: the confirm, whether its receipt is read, timestamp, key, value, headers.

A plain tuple, as one is made for every record.
"""
TIMESTAMP: Final = 2
KEY: Final = 3

CLOSE_SECONDS: Final = 5.0
"""Longest time in seconds that a polite end may take."""

_LOOKS: Final = 4
"""How often a topic that seems to be missing is looked for: a new one takes a moment to be known everywhere."""

_LOOK_PAUSE: Final = 0.1


class TopicSender(ABC):
    """Sends to one topic, in the order of the calls.

    Args:
        topic: Its name.
        admin: Where it is looked up before its first record: a producer that asks for a missing topic may create it, or
            wait for it.
        largest: Bytes that a record may have.
        size_option: Name of the client's option that raises that.
    """

    def __init__(self, topic: str, admin: ClusterAdmin, largest: int, size_option: str) -> None:
        self._topic = topic
        self._problem = topic_problem(topic)
        self._admin = admin
        self._largest = largest
        self._measured = largest >> 1
        self._size_option = size_option
        self._found = False
        self._early: deque[tuple[int | None, Entry]] = deque()
        self._learning: asyncio.Task[None] | None = None

    @abstractmethod
    def _require_open(self) -> None:
        """Raise PublishError while the transport is not open."""

    @abstractmethod
    async def _prepare(self) -> None:
        """Do what is needed before the first record, now that the topic was found."""

    @abstractmethod
    def _place(self, partition: int | None, entry: Entry) -> None:
        """Give a record to the client; it waits for nothing. Raises PublishError."""

    def send(self, frame: Frame, /) -> Confirm:
        """Accept a record; the future gives its place in the log. Raises PublishError."""
        value, key = frame.body, frame.key
        headers: Headers
        if frame.copy_of is not None or value is None:
            value, key, headers = content(frame, self._topic)
        else:
            try:
                headers = [(name, text.encode()) for name, text in frame.headers.items()]
            except (UnicodeEncodeError, AttributeError):  # text that stands for bytes, or no text
                value, key, headers = content(frame, self._topic)
            # Only what may be too large is measured.
            if value is not None and len(value) > self._measured:
                self._check_size((value, key, headers))
        partition, timestamp = placed(frame.options) if frame.options else (None, None)
        confirm: Confirm = asyncio.Future()
        entry = (confirm, frame.receipt, timestamp, key, value, headers)
        if self._found and not self._early:
            self._place(partition, entry)
        else:
            self._learn_first(partition, entry)
        return confirm

    def _learn_first(self, partition: int | None, entry: Entry) -> None:
        """Keep what comes before the topic is known."""
        if self._problem is not None:
            raise PublishError(self._problem)
        self._require_open()
        self._early.append((partition, entry))
        if self._learning is None:
            self._learning = asyncio.ensure_future(self._learn())

    def _check_size(self, record: Content) -> None:
        if (size := estimated_size(record)) > self._largest:
            what = f'a record to "{self._topic}" would have {size:,} bytes, {self._largest:,} is the limit'
            raise PublishError(f'{what}; kafka.config["{self._size_option}"] raises it')

    async def _learn(self) -> None:
        """Find the topic, then send what came in meanwhile, in order."""
        try:
            await self._find()
            await self._prepare()
            self._found = True
        except asyncio.CancelledError:
            self._give_up(PublishError("the Kafka transport was closed"))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer to everybody who waits
            self._give_up(self._error(error))
        while self._early:
            partition, entry = self._early[0]
            try:
                self._place(partition, entry)
            except PublishError as error:
                fail(entry[0], error)
            self._early.popleft()
        self._learning = None

    async def _find(self) -> None:
        for look in range(_LOOKS):
            if look:
                await asyncio.sleep(_LOOK_PAUSE)
            if await self._admin.exists(self._topic):
                return
        raise PublishError(f'topic "{self._topic}" does not exist; topology: create makes declared topics')

    def _give_up(self, error: PublishError) -> None:
        while self._early:
            fail(self._early.popleft()[1][0], error)

    @abstractmethod
    def _error(self, error: BaseException) -> PublishError:
        """Return the error of a publish for what the client raised."""

    async def close(self, seconds: float, /) -> None:
        """Wait so long for what waits for its topic, and for what else is not with the client yet; the rest fails."""
        if (learning := self._learning) is not None:
            await asyncio.wait([learning], timeout=seconds)
            if not learning.done():
                learning.cancel()
                await asyncio.wait([learning])
        self._found = False


def fail(confirm: Confirm, error: PublishError, /) -> None:
    """End a confirm that is not given up yet."""
    if not confirm.done():
        confirm.set_exception(error)
        confirm.exception()  # looked at, as nobody needs to wait for it
