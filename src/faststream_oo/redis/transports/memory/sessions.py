"""One connection as an embedded Redis sees it: its commands in order, its transaction, and what it listens to."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar, Final

from faststream_oo.redis.client.commands import Answer, CommandError
from faststream_oo.redis.transports.memory.database import Blocked, Watch
from faststream_oo.redis.transports.memory.instance import DATABASES, MemoryServer
from faststream_oo.redis.transports.memory.replies import OK, Args, Waiting, integer, syntax
from faststream_oo.redis.transports.memory.table import checked, found

_ABORTED: Final = "EXECABORT Transaction discarded because of previous errors."
_UNBLOCKED: Final = "UNBLOCKED client unblocked via CLIENT UNBLOCK"
_SILENT: Final = frozenset({b"SUBSCRIBE", b"PSUBSCRIBE", b"UNSUBSCRIBE", b"PUNSUBSCRIBE"})
"""Commands that answer once a name."""

_AT_ONCE: Final = frozenset({b"EXEC", b"DISCARD", b"MULTI", b"WATCH"})
"""Commands that a transaction does not keep for its end."""


class Session:
    """A connection.

    Args:
        server: To what.
        number: Of its database.
        answered: Called with every answer, and with everything that is heard.
        ended: Called when the server ends it, with the reason.
    """

    def __init__(
        self,
        server: MemoryServer,
        number: int,
        answered: Callable[[Answer], object],
        ended: Callable[[str], object],
    ) -> None:
        self._server = server
        self._database = server.database(number)
        self._answered = answered
        self._ended = ended
        self._unread: deque[Sequence[bytes]] = deque()
        self._blocked: Blocked | None = None
        self._queued: list[Sequence[bytes]] | None = None
        self._spoiled = False
        self._watch = Watch()
        self._subscribed: dict[tuple[bytes, bool], None] = {}
        self._number = server.connect(self)

    # Life ---------------------------------------------------------------------------------------------------------

    def take(self, commands: Iterable[Sequence[bytes]], /) -> None:
        """Do commands, after those before them."""
        self._database.moment = int(self._database.clock.wall() * 1000)
        self._unread.extend(commands)
        while self._unread and self._blocked is None:
            self._do(self._unread.popleft())

    def close(self) -> None:
        """Leave: nothing is answered any more, nothing is waited for, and nothing watched."""
        self._server.clients.pop(self._number, None)
        self._unread.clear()
        if self._blocked is not None:
            self._blocked.give_up()
        self._watch = Watch()
        self._server.channels.unsubscribe(self)

    def lost(self, why: str, /) -> None:
        """End, as the server wants it."""
        self.close()
        self._ended(why)

    def unblock(self, *, error: bool) -> bool:
        """End the command that waits, as its time-out would or by an error; False when none waits."""
        if self._blocked is None:
            return False
        self._blocked.end(CommandError(_UNBLOCKED) if error else None)
        return True

    def hear(self, pattern: bytes | None, channel: bytes, data: bytes, /) -> None:
        """Pass on what is published to what it is subscribed to."""
        self._answered([b"message", channel, data] if pattern is None else [b"pmessage", pattern, channel, data])

    # Commands -----------------------------------------------------------------------------------------------------

    def _do(self, words: Sequence[bytes]) -> None:
        name = words[0].upper()
        try:
            if self._queued is not None and name not in _AT_ONCE:
                self._queue(words)
                return
            answer = self._one(words)
        except CommandError as refusal:
            answer = refusal
        self._database.serve()
        if isinstance(answer, Waiting):
            self._blocked = self._database.block(answer, self._served)
        elif name not in _SILENT or isinstance(answer, CommandError):
            self._answered(answer)

    def _served(self, answer: Answer) -> None:
        self._blocked = None
        self._answered(answer)
        while self._unread and self._blocked is None:
            self._do(self._unread.popleft())

    def _one(self, words: Sequence[bytes]) -> "Answer | Waiting":
        own = self._OWN.get(words[0].upper())
        if own is None:
            return found(words)(self._database, words[1:])
        checked(words, own[0])
        return own[1](self, words[1:])

    def _queue(self, words: Sequence[bytes]) -> None:
        try:
            own = self._OWN.get(words[0].upper())
            checked(words, own[0]) if own else found(words)
        except CommandError as refusal:
            self._spoiled = True
            self._answered(refusal)
        else:
            self._queued = [*(self._queued or ()), words]
            self._answered(b"QUEUED")

    def _multi(self, args: Args) -> Answer:
        if self._queued is not None:
            raise CommandError("MULTI calls can not be nested")
        self._queued = []
        return OK

    def _exec(self, args: Args) -> Answer:
        holds, spoiled, queued = self._watch.holds(), self._spoiled, self._discard("EXEC")
        if spoiled:
            raise CommandError(_ABORTED)
        if not holds:
            return None
        return [self._within(words) for words in queued]

    def _discarded(self, args: Args) -> Answer:
        self._discard("DISCARD")
        return OK

    def _discard(self, name: str) -> Sequence[Sequence[bytes]]:
        queued, self._queued = self._queued, None
        if queued is None:
            raise CommandError(f"{name} without MULTI")
        self._spoiled, self._watch = False, Watch()
        return queued

    def _watched(self, args: Args) -> Answer:
        if self._queued is not None:
            raise CommandError("WATCH inside MULTI is not allowed")
        for key in args:
            self._database.value(key)  # what is due has ended before
            self._database.watch(key, self._watch)
        return OK

    def _unwatched(self, args: Args) -> Answer:
        self._watch = Watch()
        return OK

    def _within(self, words: Sequence[bytes]) -> Answer:
        """Do one command of a transaction; nothing waits in there."""
        try:
            answer = self._one(words)
        except CommandError as refusal:
            return refusal
        return None if isinstance(answer, Waiting) else answer

    def _ping(self, args: Args) -> Answer:
        said = args[0] if args else b""
        return [b"pong", said] if self._subscribed else said or b"PONG"

    def _select(self, args: Args) -> Answer:
        number = integer(args[0])
        if not 0 <= number < DATABASES:
            raise CommandError("DB index is out of range")
        self._database = self._server.database(number)
        return OK

    def _client(self, args: Args) -> Answer:
        match [args[0].upper(), *args[1:]]:
            case [b"ID"]:
                return self._number
            case [b"SETNAME" | b"SETINFO", *_]:
                return OK
            case [b"UNBLOCK", number, *how]:
                other = self._server.clients.get(integer(number))
                return int(other is not None and other.unblock(error=bool(how) and how[0].upper() == b"ERROR"))
            case [b"KILL", b"ID", number]:
                other = self._server.clients.get(integer(number))
                if other is not None:
                    other.lost("Connection closed by server.")
                return int(other is not None)
            case _:
                raise syntax()

    def _publish(self, args: Args) -> Answer:
        return self._server.channels.publish(args[0], args[1])

    def _listening(self, args: Args) -> Answer:
        match [args[0].upper(), *args[1:]]:
            case [b"NUMSUB", *channels]:
                return [fact for one in channels for fact in (one, self._server.channels.listeners(one))]
            case [b"NUMPAT"]:
                return self._server.channels.patterns
            case _:
                raise syntax()

    # Subscribing --------------------------------------------------------------------------------------------------

    def _subscribe(self, args: Args, *, patterns: bool) -> Answer:
        channels = self._server.channels
        for name in args:
            self._subscribed[name, patterns] = None
            (channels.subscribe_pattern if patterns else channels.subscribe)(self, name)
            self._answered([b"psubscribe" if patterns else b"subscribe", name, len(self._subscribed)])
        return None

    def _unsubscribe(self, args: Args, *, patterns: bool) -> Answer:
        names: Sequence[bytes | None] = [*args] or [name for name, pattern in self._subscribed if pattern == patterns]
        for name in names or [None]:
            if name is not None:
                self._subscribed.pop((name, patterns), None)
                self._server.channels.leave(self, name, pattern=patterns)
            self._answered([b"punsubscribe" if patterns else b"unsubscribe", name, len(self._subscribed)])
        return None

    _OWN: ClassVar[Mapping[bytes, tuple[int, Callable[..., "Answer | Waiting"]]]] = {
        b"PING": (-1, _ping),
        b"SELECT": (2, _select),
        b"CLIENT": (-2, _client),
        b"MULTI": (1, _multi),
        b"EXEC": (1, _exec),
        b"DISCARD": (1, _discarded),
        b"WATCH": (-2, _watched),
        b"UNWATCH": (1, _unwatched),
        b"PUBLISH": (3, _publish),
        b"PUBSUB": (-2, _listening),
        b"SUBSCRIBE": (-2, partial(_subscribe, patterns=False)),
        b"PSUBSCRIBE": (-2, partial(_subscribe, patterns=True)),
        b"UNSUBSCRIBE": (-1, partial(_unsubscribe, patterns=False)),
        b"PUNSUBSCRIBE": (-1, partial(_unsubscribe, patterns=True)),
    }
    """Commands that need the connection or more than its database, as `COMMANDS`."""
