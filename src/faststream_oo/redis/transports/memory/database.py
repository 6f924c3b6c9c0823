"""Keys of an embedded Redis: their values and types, when they expire, and who waits for them or watches them."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeAlias, TypeVar
from weakref import WeakSet

from faststream_oo.clock import Clock
from faststream_oo.redis.client.commands import Answer, CommandError
from faststream_oo.redis.transports.memory.entries import MemoryStream
from faststream_oo.redis.transports.memory.replies import WRONGTYPE, Waiting


class MemoryList(deque[bytes]):
    """A list."""


class MemoryScores(dict[bytes, float]):
    """A sorted set: members and their scores."""


Value: TypeAlias = bytes | MemoryList | MemoryScores | MemoryStream
V = TypeVar("V", bytes, MemoryList, MemoryScores, MemoryStream)


class Database:
    """One numbered database: every command sees all of it, and nothing happens in between.

    Args:
        clock: Where expiry, idle times and time-outs are read.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.moment = 0
        """Milliseconds since the epoch, read once a write as Redis reads them once a turn."""
        self._values: dict[bytes, Value] = {}
        self._expiry: dict[bytes, float] = {}
        self._blocked: dict[bytes, list[Blocked]] = {}
        self._touched: dict[bytes, None] = {}
        self._watches: dict[bytes, WeakSet[Watch]] = {}

    # Keys ---------------------------------------------------------------------------------------------------------

    def get(self, key: bytes, kind: type[V], /) -> V | None:
        """Return the value of a key, None when there is none. Raises CommandError for another type."""
        value = self.value(key)
        if value is None or isinstance(value, kind):
            return value
        raise CommandError(WRONGTYPE)

    def made(self, key: bytes, kind: type[V], /) -> V:
        """Return the value of a key, made empty when there is none. Raises CommandError for another type."""
        value = self.get(key, kind)
        if value is None:
            value = self._values[key] = kind()
        return value

    def value(self, key: bytes, /) -> Value | None:
        """Return the value of a key, whatever it is."""
        due = self._expiry.get(key)
        if due is not None and due <= self.clock.time():
            self.remove(key)
        return self._values.get(key)

    def put(self, key: bytes, value: Value, /) -> None:
        """Make a key hold this value, which does not expire."""
        self._expiry.pop(key, None)
        self._values[key] = value
        self.touch(key)

    def remove(self, key: bytes, /) -> bool:
        """Forget a key; False when there was none."""
        self._expiry.pop(key, None)
        if self._values.pop(key, None) is None:
            return False
        self.touch(key)
        return True

    def tidy(self, key: bytes, /) -> None:
        """Note that something was taken out of a value; a list or a sorted set that is empty is forgotten."""
        value = self._values.get(key)
        if isinstance(value, (MemoryList, MemoryScores)) and not value:
            self.remove(key)
        else:
            self.touch(key)

    def expire(self, key: bytes, seconds: float, /) -> bool:
        """Let a key end in so many seconds; False when there is none."""
        if self.value(key) is None:
            return False
        self._expiry[key] = self.clock.time() + seconds
        self.touch(key)
        return True

    def left(self, key: bytes, /) -> float | None:
        """Return the seconds until a key ends, None when it does not."""
        due = self._expiry.get(key)
        return None if due is None else due - self.clock.time()

    def __iter__(self) -> Iterator[bytes]:
        """Return the keys that are there."""
        return (key for key in tuple(self._values) if self.value(key) is not None)

    # Waiting ------------------------------------------------------------------------------------------------------

    def touch(self, key: bytes, /) -> None:
        """Note that a key has changed: who waits for it is served after the whole command, and who watches it is told."""
        self.stir(key)
        for watch in self._watches.pop(key, ()):
            watch.changed = True

    def stir(self, key: bytes, /) -> None:
        """Let who waits for a key try again after the whole command."""
        if key in self._blocked:
            self._touched[key] = None

    def block(self, waiting: Waiting, answered: Callable[[Answer], object], /) -> "Blocked":
        """Let a command wait, and answer it when it is served or its time is over."""
        blocked = Blocked(self, waiting, answered)
        for key in waiting.keys:
            self._blocked.setdefault(key, []).append(blocked)
        return blocked

    def leave(self, blocked: "Blocked", /) -> None:
        """Let a command wait no more."""
        for key in blocked.waiting.keys:
            self._blocked[key].remove(blocked)
            if not self._blocked[key]:
                del self._blocked[key]

    def watch(self, key: bytes, watch: "Watch", /) -> None:
        """Tell a watch when a key has changed, once, for as long as somebody has it."""
        watch.keys.append((self, key))
        self._watches.setdefault(key, WeakSet()).add(watch)

    def serve(self) -> None:
        """Serve who waits for what has changed, the longest waiting first."""
        while self._touched:
            key = next(iter(self._touched))
            del self._touched[key]
            for blocked in tuple(self._blocked.get(key, ())):
                blocked.attempt(key)


class Watch:
    """What a connection watches until its next transaction."""

    def __init__(self) -> None:
        self.changed = False
        self.keys: list[tuple[Database, bytes]] = []

    def holds(self) -> bool:
        """Whether nothing of it has changed, or ended, since."""
        for database, key in self.keys:
            database.value(key)  # which ends it when it is due
        return not self.changed


class Blocked:
    """A command that waits.

    Args:
        database: Where.
        waiting: For what, and how long.
        answered: Called once with the answer, unless it is given up.
    """

    def __init__(self, database: Database, waiting: Waiting, answered: Callable[[Answer], object]) -> None:
        self.waiting = waiting
        self._database = database
        self._answered = answered
        self._over = False
        seconds = waiting.seconds
        self._timer = database.clock.call_later(seconds, lambda: self.end(None)) if seconds else None

    def attempt(self, key: bytes, /) -> None:
        """Try again: a key has changed."""
        if not self._over:
            try:
                answer = self.waiting.attempt(key)
            except CommandError as refusal:
                answer = refusal
            if answer is not None:
                self.end(answer)

    def end(self, answer: Answer, /) -> None:
        """Answer it."""
        if self.give_up():
            self._answered(answer)

    def give_up(self) -> bool:
        """Wait no more, without an answer; False when it was over already."""
        if self._over:
            return False
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        self._database.leave(self)
        return True
