"""The intake of a stream: new entries, and the abandoned ones of dead workers."""

import logging
import os
import platform
import secrets
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final, cast

from faststream_oo.errors import TransportError
from faststream_oo.redis.client.commands import Answer, Command, CommandError, Link
from faststream_oo.redis.client.pending import PendingList
from faststream_oo.redis.client.scripts import FORGET
from faststream_oo.redis.client.source import BLOCK_SECONDS, ClientSource
from faststream_oo.redis.client.wire import Wire, asking
from faststream_oo.redis.options import RedisSourceOptions
from faststream_oo.transport import Capabilities

_log: Final = logging.getLogger("faststream_oo")

_LARGEST: Final = 200
"""Entries of one read."""

_LONGEST_TICK: Final = 5.0
"""Seconds between two looks for abandoned entries, at most."""

_SILENT_LEASES: Final = 10
"""A worker that was silent for so many leases, and holds nothing, is taken out of the group."""


class StreamSource(ClientSource):
    """A member of a group, or a reader of every entry without one.

    Args:
        stream: Key, prefix included.
        options: Of the subscription.
        link: Where to.
        wire: What settles and questions go over.
        creates: Whether a missing stream or group is made.
    """

    def __init__(self, stream: str, options: RedisSourceOptions, link: Link, wire: Wire, *, creates: bool) -> None:
        super().__init__(stream, link, wire)
        self._stream = stream
        self._options = options
        self._creates = creates
        self._consumer = f"{platform.node()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._settles = options.settles and options.group is not None
        group = options.group if self._settles else None
        self._claim = PendingList(stream, group, self._consumer, options.claim_after, wire)
        self._last = b"0"
        """Id of the last entry that was read here, or after which reading begins."""

    @property
    def capabilities(self) -> Capabilities:
        """Entries are acknowledged one by one."""
        return Capabilities(settles=self._settles)

    # Groups -------------------------------------------------------------------------------------------------------

    async def _prepare(self) -> None:
        group = self._options.group
        start = self._options.start or ("latest" if group is None else "earliest")
        # The end is an id, that of now: a group which is made again may begin where the first one did.
        self._last = await self._end() if start == "latest" else (b"0" if start == "earliest" else start.encode())
        if group is not None:
            await self._have_group(group)
        await self._sink.assign([self._claim])
        if self._settles:
            self._keep(self._keep_up(), "leases")

    async def _end(self) -> bytes:
        """Return the id of the last entry: what comes later is new, whenever the first read happens."""
        (entries,) = await self._asked(("XREVRANGE", self._stream, "+", "-", "COUNT", 1))
        return cast(bytes, entries[0][0]) if entries else b"0"

    async def _have_group(self, group: str) -> None:
        """Make the group after the last entry that is not new, or see where it is. Raises TransportError."""
        if self._creates:
            try:
                await self._wire.ask(("XGROUP", "CREATE", self._stream, group, self._last, "MKSTREAM"))
                return
            except CommandError as error:
                if error.code != "BUSYGROUP":
                    what = f'group "{group}" of stream "{self._stream}" cannot be made: {error}'
                    raise TransportError(what) from error
        try:
            found = await self._told(group)
        except CommandError as error:
            raise TransportError(f'stream "{self._stream}" cannot be read: {error}') from error
        if found is None:
            what = f'group "{group}" of stream "{self._stream}" does not exist'
            raise TransportError(f"{what}; topology: create makes it")
        self._last = found[b"last-delivered-id"]

    async def _told(self, group: str) -> Mapping[bytes, Any] | None:
        """Return what the server tells of a group, None when there is none."""
        (groups,) = await self._asked(("XINFO", "GROUPS", self._stream))
        return next((facts for facts in map(_facts, groups) if facts[b"name"] == group.encode()), None)

    async def _have_group_again(self, error: CommandError) -> None:
        """Go on after the group or the stream was deleted: what this worker was not given yet is still new."""
        group = self._options.group
        if group is None or not self._creates or error.code not in {"NOGROUP", "UNBLOCKED"}:
            raise error
        fields = {"address": self._stream, "group": group, "cause": str(error)}
        _log.warning('group "%s" of stream "%s" was deleted: %s', group, self._stream, error, extra={"fields": fields})
        if error.code == "UNBLOCKED" or await self._is_another():  # servers before 7.2 say that the stream is gone
            self._last = b"0"  # in a new one all is new, ids of the same millisecond too
        await self._have_group(group)

    async def _is_another(self) -> bool:
        """Whether the stream is not the one that was read: the last entry is not in it, nor what was there before it."""
        same, oldest, newest = cast(
            "Sequence[Sequence[Any]]",
            await self._wire.ask(
                ("XRANGE", self._stream, self._last, self._last),
                ("XRANGE", self._stream, "-", "+", "COUNT", 1),
                ("XREVRANGE", self._stream, "+", "-", "COUNT", 1),
            ),
        )
        if same or not newest:
            return not same
        last = _id(self._last)
        return _id(newest[0][0]) < last or _id(oldest[0][0])[0] >= last[0]

    # Reading ------------------------------------------------------------------------------------------------------

    async def _begin(self, *, again: bool) -> None:
        """Take what the lost connection was given on its last read, and nobody saw."""
        if not (again and self._settles):
            return
        await self._claim.settling.flush()
        after = b"0"
        while entries := _entries(await self._own(after)):
            self._feed(entries)
            after = entries[-1][0]

    async def _own(self, after: bytes) -> Answer:
        try:
            return await self._ask(self._reading(_LARGEST, after))
        except CommandError as error:
            await self._have_group_again(error)
            return None

    async def _read(self, room: int) -> None:
        after = self._last if self._options.group is None else b">"
        try:
            answer = await self._ask(self._reading(min(room, _LARGEST), after, BLOCK_SECONDS), BLOCK_SECONDS)
        except CommandError as error:
            return await self._have_group_again(error)
        if entries := _entries(answer):
            self._last = entries[-1][0]
            self._take(entries)
        return None

    def _reading(self, count: int, after: bytes, block: int | None = None) -> Command:
        """Return the command that reads entries after an id; `>` gives new ones of the group."""
        blocked = () if block is None else ("BLOCK", block * 1000)
        if self._options.group is None:
            return ("XREAD", "COUNT", count, *blocked, "STREAMS", self._stream, after)
        noack = () if self._settles else ("NOACK",)
        group = ("GROUP", self._options.group, self._consumer)
        return ("XREADGROUP", *group, "COUNT", count, *blocked, *noack, "STREAMS", self._stream, after)

    def _take(self, entries: Sequence[Any]) -> None:
        """Feed entries; what comes after the stop is for other workers, where somebody else may have it."""
        if self._stopping and self._settles:
            self._claim.give_back(entries)
        else:
            self._feed(entries)

    def _feed(self, entries: Sequence[Any]) -> None:
        if messages := self._claim.messages(entries):
            self._sink.feed(messages)

    # Leases -------------------------------------------------------------------------------------------------------

    async def _keep_up(self) -> None:
        """Renew what is held, take over what others left, and forget who is gone, for ever."""
        lease = self._options.claim_after
        renewed = self._clock.time()
        swept = -inf
        while True:
            now = self._clock.time()
            try:
                if now - renewed >= lease / 4:  # each time where leases are short
                    renewed = now
                    await self._claim.renew()
                if not self._stopping:
                    await self._take_over()
                if now - swept >= lease * _SILENT_LEASES:
                    swept = now
                    await self._forget_the_gone(lease * _SILENT_LEASES)
            except TransportError as error:
                _log.debug("%s: %s", self._name, error)  # the reader says what is wrong
            await self._clock.sleep(min(lease / 3, _LONGEST_TICK))

    async def _forget_the_gone(self, seconds: float) -> None:
        """Take the names of killed workers out of the group, once nothing is pending under them."""
        group = self._options.group or ""
        await self._wire.ask(("EVAL", FORGET, 1, self._stream, group, round(seconds * 1000)))

    async def _take_over(self) -> None:
        """Take entries that nobody has renewed for as long as a lease, as far as there is room."""
        cursor: Answer = b"0"
        idle = round(self._options.claim_after * 1000)
        place = (self._stream, self._options.group or "", self._consumer)
        while self._go.is_set() and not self._stopping and (room := min(self._sink.room, _LARGEST)) > 0:
            (answer,) = await self._asked(("XAUTOCLAIM", *place, idle, cast(bytes, cursor), "COUNT", room))
            cursor, entries, *gone = answer
            if gone and gone[0]:
                fields = {"address": self._stream, "lost": len(gone[0])}
                text = "%s: %d entries were deleted before anybody had handled them"
                _log.error(text, self._stream, len(gone[0]), extra={"fields": fields})
            self._take(entries)
            if cursor == b"0-0":
                return

    async def _asked(self, command: Command) -> Sequence[Any]:
        return await self._wire.ask(command)

    # The end ------------------------------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Return when every settle so far is with the server. Raises TransportError."""
        await self._claim.settling.flush()

    async def _leave(self) -> None:
        """Take the consumer's name away, unless entries are pending under it: they would be gone with it."""
        live, self._claim.live = self._claim.live, False
        if not (live and self._settles):
            return
        place = (self._stream, self._options.group or "")
        (pending,) = await self._asked(("XPENDING", *place, "-", "+", 1, self._consumer))
        if not pending:
            await self._wire.ask(("XGROUP", "DELCONSUMER", *place, self._consumer))

    async def lag(self) -> int | None:
        """Return how many entries the group was not given yet; None without a group or where Redis lost count, unless none."""
        if self._options.group is None:
            return await self._none_after(self._last)
        if (told := await self._told(self._options.group)) is None:
            return None
        lag = told.get(b"lag")
        return lag if isinstance(lag, int) else await self._none_after(told[b"last-delivered-id"])

    async def _none_after(self, last: bytes) -> int | None:
        (entries,) = await self._asked(("XRANGE", self._stream, b"(" + last, "+", "COUNT", 1))
        return None if entries else 0


class ReplySource(StreamSource):
    """Reads a stream of this process's own, and keeps it short.

    Args:
        stream: Key, prefix included; new in the world.
        link: Where to.
        wire: What everything but the reads goes over.
    """

    def __init__(self, stream: str, link: Link, wire: Wire) -> None:
        super().__init__(stream, RedisSourceOptions(settles=False, start="earliest"), link, wire, creates=False)

    def _feed(self, entries: Sequence[Any]) -> None:
        super()._feed(entries)
        # Without the wire there is nothing to trim by, and a reader that says what is wrong.
        self._wire.submit(asking([("XTRIM", self._stream, "MINID", entries[-1][0])]))

    async def _leave(self) -> None:
        """Delete the stream."""
        await self._wire.ask(("DEL", self._stream))


def _entries(answer: Answer) -> Sequence[Any]:
    """Return the entries of a read from one stream."""
    streams = cast("Sequence[Any] | None", answer)
    return streams[0][1] if streams else ()


def _id(text: bytes) -> tuple[int, int]:
    """Return an id's milliseconds and number."""
    milliseconds, _, number = text.partition(b"-")
    return int(milliseconds), int(number or 0)


def _facts(answer: Any) -> dict[bytes, Any]:
    """Return what XINFO tells of one group by names."""
    return dict(zip(answer[::2], answer[1::2], strict=True))
