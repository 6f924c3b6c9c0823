"""Channels of an embedded Redis: who listens now gets what is published now, and nobody else."""

import re
from typing import Protocol

from faststream_oo.redis.transports.memory.globs import glob


class Listener(Protocol):
    """A connection that is subscribed."""

    def hear(self, pattern: bytes | None, channel: bytes, data: bytes, /) -> None:
        """Take a message of a channel, or of a pattern that it falls under; must not raise."""


class Channels:
    """Channels and patterns of one server, whatever the database."""

    def __init__(self) -> None:
        self._channels: dict[bytes, list[Listener]] = {}
        self._patterns: dict[bytes, tuple[re.Pattern[bytes], list[Listener]]] = {}

    def subscribe(self, listener: Listener, channel: bytes, /) -> None:
        """Deliver from now on what is published to a channel; a second time changes nothing."""
        listeners = self._channels.setdefault(channel, [])
        if listener not in listeners:
            listeners.append(listener)

    def subscribe_pattern(self, listener: Listener, pattern: bytes, /) -> None:
        """Deliver from now on what is published to channels that a pattern matches."""
        listeners = self._patterns.setdefault(pattern, (glob(pattern), []))[1]
        if listener not in listeners:
            listeners.append(listener)

    def leave(self, listener: Listener, name: bytes, /, *, pattern: bool) -> None:
        """Deliver nothing more of one channel or pattern."""
        if pattern and name in self._patterns and listener in self._patterns[name][1]:
            self._patterns[name][1].remove(listener)
            if not self._patterns[name][1]:
                del self._patterns[name]
        elif not pattern and listener in self._channels.get(name, ()):
            self._channels[name].remove(listener)
            if not self._channels[name]:
                del self._channels[name]

    def unsubscribe(self, listener: Listener, /) -> None:
        """Deliver nothing more."""
        for name in tuple(self._channels):
            self.leave(listener, name, pattern=False)
        for name in tuple(self._patterns):
            self.leave(listener, name, pattern=True)

    def publish(self, channel: bytes, data: bytes, /) -> int:
        """Deliver a message, and return how often; a listener gets it once a pattern, after its channel."""
        takers: list[tuple[bytes | None, Listener]] = [(None, one) for one in self._channels.get(channel, ())]
        for pattern, (expression, listeners) in self._patterns.items():
            if expression.fullmatch(channel):
                takers += [(pattern, one) for one in listeners]
        for pattern_, listener in takers:
            listener.hear(pattern_, channel, data)
        return len(takers)

    def listeners(self, channel: bytes, /) -> int:
        """Return how many are subscribed to a channel by its name."""
        return len(self._channels.get(channel, ()))

    @property
    def patterns(self) -> int:
        """How many patterns somebody is subscribed to."""
        return len(self._patterns)
