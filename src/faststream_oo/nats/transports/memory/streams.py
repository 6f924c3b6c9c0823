"""One stream of an embedded server: what it keeps, what it refuses, and what it forgets."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, Protocol

from attrs import field, frozen

from faststream_oo.clock import Clock, Timer
from faststream_oo.errors import TransportError
from faststream_oo.nats.message import NONE
from faststream_oo.nats.packets import size_of
from faststream_oo.nats.transports.memory.patterns import takes

ID: Final = "Nats-Msg-Id"
"""Header by which a stream knows a message again."""

TTL: Final = "Nats-TTL"
"""Header that says how many seconds a message stays."""

_IN_FILE: Final = 30
"""Bytes of a message in a file besides its subject, its headers and its body."""

_IN_MEMORY: Final = 16
"""The same in memory."""

_BLOCK: Final = 4
"""Bytes of headers in a file besides them."""

ROLLUP: Final = "Nats-Rollup"
"""Header with which a message takes the place of all others on its subject ("sub") or in its stream ("all")."""


class StreamError(TransportError):
    """What a server answers to a request that it refuses.

    Args:
        code: The server's own number of it.
        description: Its words.
    """

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code
        self.description = description


@frozen
class StreamConfig:
    """How a stream was made, in the server's words.

    Attributes:
        name: Its name.
        subjects: What it captures.
        retention: When an acknowledged message goes.
        storage: Where its messages lie.
        discard: What goes when it is full: the oldest, or the new one.
        max_msgs: Most messages.
        max_bytes: Most bytes.
        max_age: Seconds that a message stays.
        max_msg_size: Most bytes of one message.
        max_msgs_per_subject: Most messages on one subject.
        duplicate_window: Seconds in which an id is known.
        replicas: Copies, which one server in a process does not make.
        allow_rollup: Whether a message may take the place of others.
        sealed: Whether what it holds stays for ever, and nothing is added.
    """

    name: str
    subjects: Sequence[str] = field(default=(), kw_only=True, converter=tuple[str, ...])
    retention: Literal["limits", "interest", "workqueue"] = field(default="limits", kw_only=True)
    storage: Literal["file", "memory"] = field(default="file", kw_only=True)
    discard: Literal["old", "new"] = field(default="old", kw_only=True)
    max_msgs: int | None = field(default=None, kw_only=True)
    max_bytes: int | None = field(default=None, kw_only=True)
    max_age: float | None = field(default=None, kw_only=True)
    max_msg_size: int | None = field(default=None, kw_only=True)
    max_msgs_per_subject: int | None = field(default=None, kw_only=True)
    duplicate_window: float = field(default=120.0, kw_only=True)
    replicas: int = field(default=1, kw_only=True)
    allow_rollup: bool = field(default=False, kw_only=True)
    sealed: bool = field(default=False, kw_only=True)

    @property
    def captured(self) -> Sequence[str]:
        """The subjects that it captures: its own name where none are given."""
        return self.subjects or (self.name,)


@frozen
class Stored:
    """One message in a stream.

    Attributes:
        sequence: Its place, never used again.
        subject: Where it was published to.
        data: The body.
        headers: Text headers.
        time: When it was stored, in seconds since the epoch.
    """

    sequence: int
    subject: str
    data: bytes
    headers: Mapping[str, str]
    time: float


class Follower(Protocol):
    """A consumer, as its stream sees it."""

    def wants(self, subject: str, /) -> bool:
        """Whether its filters take a subject."""
        ...

    def awaits(self, message: Stored, /) -> bool:
        """Whether it will deliver a message for the first time."""
        ...

    def stored(self, message: Stored, /) -> None:
        """A message is there now."""

    def removed(self, message: Stored, /) -> None:
        """A message is not there any more."""


class MemoryStream:
    """A stream.

    Args:
        config: How it is made.
        clock: Where age is read.
    """

    def __init__(self, config: StreamConfig, clock: Clock) -> None:
        self.config = config
        self.captures = takes(config.captured)
        """Whether it stores a subject."""
        self.followers: dict[str, Follower] = {}
        """Its consumers by name."""
        self.first = 1
        """Sequence of the first message that is there, else one more than the last that was."""
        self.last = 0
        """Sequence of the last message that was stored, whether it is there or not."""
        self._clock = clock
        self._messages: dict[int, Stored] = {}
        self._by_subject: dict[str, dict[int, None]] = {}
        self._bytes = 0
        self._ids: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._last_id = ""
        self._wanted: dict[int, set[str]] = {}
        self._aging: Timer | None = None

    def __len__(self) -> int:
        return len(self._messages)

    def __getitem__(self, sequence: int) -> Stored | None:
        """Return what lies at a place, None when nothing does."""
        return self._messages.get(sequence)

    def from_place(self, sequence: int, /) -> Iterator[Stored]:
        """Return what lies at a place or behind, in order."""
        for place in range(max(sequence, self.first), self.last + 1):
            if (message := self._messages.get(place)) is not None:
                yield message

    def last_of(self, subject: str, /) -> Stored | None:
        """Return the last message on a subject."""
        places = self._by_subject.get(subject)
        return self._messages[next(reversed(places))] if places else None

    def last_per_subject(self, wants: Iterable[str], /) -> Sequence[Stored]:
        """Return the last message of every subject that patterns take, in order."""
        wanted = takes(wants)
        found = (next(reversed(places)) for subject, places in self._by_subject.items() if wanted(subject))
        return [self._messages[place] for place in sorted(found)]

    # In -----------------------------------------------------------------------------------------------------------

    def update(self, config: StreamConfig, /) -> None:
        """Take another configuration."""
        self.config = config
        self.captures = takes(config.captured)
        self._bytes = sum(map(self._size, self._messages.values()))

    def store(self, subject: str, data: bytes, headers: Mapping[str, str] | None) -> tuple[int, bool]:
        """Store a message.

        Returns:
            Its place, and whether it was there already.

        Raises:
            StreamError: It is refused.
        """
        self._check_sealed()
        headers = headers or NONE
        self._check_size(data, headers)
        self._check_order(subject, headers)
        ident = headers.get(ID, "")
        now = self._clock.wall()
        if ident and (known := self._known(ident, now)) is not None:
            return known, True
        self._check_expected(headers, "Nats-Expected-Last-Msg-Id", self._last_id, 10070, "wrong last msg ID: {}")
        message = Stored(self.last + 1, subject, data, headers, now)
        self._check_limits(message)
        self._make_room(message)
        self._append(message, ident)
        return message.sequence, False

    def _check_sealed(self) -> None:
        if self.config.sealed:
            raise StreamError(10109, "invalid operation on sealed stream")

    def _known(self, ident: str, now: float) -> int | None:
        since = now - self.config.duplicate_window
        while self._ids and next(iter(self._ids.values()))[1] <= since:
            self._ids.popitem(last=False)
        return self._ids[ident][0] if ident in self._ids else None

    def _check_size(self, data: bytes, headers: Mapping[str, str]) -> None:
        most = self.config.max_msg_size
        if most is not None and len(data) + size_of(headers) > most:
            raise StreamError(10054, "message size exceeds maximum allowed")

    def _check_order(self, subject: str, headers: Mapping[str, str]) -> None:
        self._check_expected(headers, "Nats-Expected-Stream", self.config.name, 10060, "expected stream does not match")
        last = str(self.last)
        self._check_expected(headers, "Nats-Expected-Last-Sequence", last, 10071, "wrong last sequence: {}")
        before = self.last_of(subject)
        last = str(before.sequence if before else 0)
        self._check_expected(headers, "Nats-Expected-Last-Subject-Sequence", last, 10071, "wrong last sequence: {}")

    def _check_expected(self, headers: Mapping[str, str], name: str, true: str, code: int, text: str) -> None:
        if headers.get(name, true) != true:
            raise StreamError(code, text.format(true))

    def _check_limits(self, message: Stored) -> None:
        config = self.config
        if ROLLUP in message.headers and not config.allow_rollup:
            raise StreamError(10111, "rollup not permitted")
        if _ttl(message) < 1:
            raise StreamError(10165, "invalid per-message TTL")
        if config.discard != "new":
            return
        # One that takes the place of another on its subject needs no room.
        of_subject = len(self._by_subject.get(message.subject, ()))
        replaces = config.max_msgs_per_subject is not None and of_subject >= config.max_msgs_per_subject
        if config.max_msgs is not None and len(self) >= config.max_msgs and not replaces:
            raise StreamError(10077, "maximum messages exceeded")
        if config.max_bytes is not None and self._bytes + self._size(message) > config.max_bytes and not replaces:
            raise StreamError(10077, "maximum bytes exceeded")

    def _make_room(self, message: Stored) -> None:
        rollup = message.headers.get(ROLLUP)
        if rollup is not None:
            self.purge(None if rollup == "all" else message.subject)
        most = self.config.max_msgs_per_subject
        while most is not None and len(places := self._by_subject.get(message.subject, {})) >= most:
            self.remove(next(iter(places)))

    def _append(self, message: Stored, ident: str) -> None:
        self.last = message.sequence
        self._last_id = ident
        if ident:
            self._ids[ident] = message.sequence, message.time
        wanting = {name for name, follower in self.followers.items() if follower.wants(message.subject)}
        if self.config.retention == "interest":
            if not wanting:
                if not self._messages:
                    self.first = self.last + 1
                return
            self._wanted[message.sequence] = wanting
        self._messages[message.sequence] = message
        self._by_subject.setdefault(message.subject, {})[message.sequence] = None
        self._bytes += self._size(message)
        self._drop_oldest()
        self._age()
        if (seconds := _ttl(message)) < float("inf"):
            self._clock.call_later(seconds, lambda: self.remove(message.sequence))
        for name in wanting if message.sequence in self._messages else ():
            self.followers[name].stored(message)

    def _size(self, message: Stored) -> int:
        """Return the bytes that a message takes of those that a stream may have; 0 where it may have any."""
        if self.config.max_bytes is None:
            return 0
        subject, around = len(message.subject.encode()), size_of(message.headers)
        written = _IN_MEMORY if self.config.storage == "memory" else _IN_FILE + (_BLOCK if around else 0)
        return written + subject + around + len(message.data)

    def _drop_oldest(self) -> None:
        most, bytes_ = self.config.max_msgs, self.config.max_bytes
        while (most is not None and len(self) > most) or (bytes_ is not None and self._bytes > bytes_):
            self.remove(self.first)

    # Out ----------------------------------------------------------------------------------------------------------

    def remove(self, sequence: int, /) -> None:
        """Forget a message, if it is there."""
        message = self._messages.pop(sequence, None)
        if message is None:
            return
        self._wanted.pop(sequence, None)
        places = self._by_subject[message.subject]
        del places[sequence]
        if not places:
            del self._by_subject[message.subject]
        self._bytes -= self._size(message)
        while self.first <= self.last and self.first not in self._messages:
            self.first += 1
        for follower in tuple(self.followers.values()):
            follower.removed(message)

    def purge(self, pattern: str | None = None, /) -> int:
        """Forget every message on subjects that fall under a pattern, and return how many. Raises StreamError."""
        self._check_sealed()
        if pattern is None:
            places = list(self._messages)
        else:
            wanted = takes([pattern])
            places = [place for subject, ones in self._by_subject.items() if wanted(subject) for place in ones]
        for place in places:
            self.remove(place)
        return len(places)

    def done(self, name: str, sequence: int, /) -> None:
        """A consumer is done with a message: it goes where the retention says so."""
        if self.config.retention == "workqueue":
            self.remove(sequence)
        elif (wanting := self._wanted.get(sequence)) is not None:
            wanting.discard(name)
            if not wanting:
                self.remove(sequence)

    def follow(self, name: str, follower: Follower) -> None:
        """Take a consumer: what it is going to deliver stays until it is done with it."""
        self.followers[name] = follower
        for sequence, wanting in self._wanted.items():
            if follower.awaits(self._messages[sequence]):
                wanting.add(name)

    def leave(self, name: str, /) -> None:
        """Forget a consumer: what it alone was interested in goes."""
        del self.followers[name]
        for sequence in list(self._wanted):
            self.done(name, sequence)

    # Age ----------------------------------------------------------------------------------------------------------

    def _age(self) -> None:
        if self.config.max_age is not None and self._aging is None and self._messages:
            due = self._messages[self.first].time + self.config.max_age - self._clock.wall()
            self._aging = self._clock.call_later(due, self._expire)

    def _expire(self) -> None:
        self._aging = None
        assert self.config.max_age is not None  # only then is there a timer
        before = self._clock.wall() - self.config.max_age + 1e-6
        while (message := self._messages.get(self.first)) is not None and message.time <= before:
            self.remove(message.sequence)
        self._age()

    def close(self) -> None:
        """Forget the timer."""
        if self._aging is not None:
            self._aging.cancel()


def _ttl(message: Stored) -> float:
    """Return how many seconds a message stays by its own header; 0 for what is no time."""
    text = message.headers.get(TTL, "never")
    if text == "never":
        return float("inf")
    try:
        return float(text.removesuffix("s"))
    except ValueError:
        return 0.0
