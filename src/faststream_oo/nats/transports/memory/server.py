"""One embedded NATS server: who is subscribed to what, and what a test can do to it."""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

from attrs import frozen

from faststream_oo.clock import Clock
from faststream_oo.errors import TransportError
from faststream_oo.nats.address import matches
from faststream_oo.nats.packets import Packet
from faststream_oo.nats.transports.memory.jetstream import ACKS, Answer, MemoryJetStream, told

MAX_PAYLOAD: Final = 1_048_576
"""Bytes of body and headers of one message (nats-server's default)."""

_SPACES: Final = str.maketrans({"\r": " ", "\n": " "})


@frozen
class Delivered:
    """One message as a subscriber gets it.

    Attributes:
        subject: Where it was published to.
        data: The body.
        reply: Where an answer is wanted; empty when none is.
        headers: Text headers, None when there are none.
    """

    subject: str
    data: bytes
    reply: str = ""
    headers: Mapping[str, str] | None = None


@frozen(eq=False)
class Interest:
    """One subscription.

    Attributes:
        pattern: Of the subjects.
        group: Queue group, None for every message.
        deliver: Called with each message; must not raise.
    """

    pattern: str
    group: str | None
    deliver: Callable[[Delivered], object]


class Client(Protocol):
    """What is connected to a server."""

    def away(self, reason: str, /) -> None:
        """The server does not answer any more."""

    def back(self) -> None:
        """The server answers again."""


class MemoryServer:
    """A NATS server inside the process, for as long as the object lives; it keeps what a stream captures.

    Args:
        clock: Where time comes from.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.max_payload = MAX_PAYLOAD
        self.clients: list[Client] = []
        """Who is connected, in the order in which they hear what happens to the server."""
        self.online = asyncio.Event()
        """Set while the server answers."""
        self.online.set()
        self.published: list[Callable[[Delivered], object]] = []
        """Called with every message that is published, whoever gets it."""
        self.jetstream = MemoryJetStream(clock)
        """Its streams and their consumers."""
        self._interests: list[Interest] = []

    def check_online(self) -> None:
        """Raise TransportError while the server does not answer."""
        if not self.online.is_set():
            raise TransportError("the embedded NATS is down")

    def subscribe(self, interest: Interest, /) -> None:
        """Deliver from now on what falls under the pattern."""
        self._interests.append(interest)

    def unsubscribe(self, interest: Interest, /) -> None:
        """Deliver nothing more."""
        self._interests.remove(interest)

    def publish(self, packet: Packet, /) -> Answer:
        """Deliver a message to whoever is subscribed now: to all without a group, and to one member of each group.

        Returns:
            What the stream that captures it answers.
        """
        subject, body, reply, headers = packet
        if subject.startswith(ACKS):
            said = self.jetstream.settle(subject, body)
            return None if said is None else self.publish(said)
        message = Delivered(subject, body, reply, _as_received(headers))
        for heard in self.published:
            heard(message)
        takers = list(self._takers(subject))
        for taker in takers:
            taker.deliver(message)
        answer = self.jetstream.capture(subject, body, message.headers)
        if reply and answer is not None:
            self.publish((reply, told(answer), "", None))
        elif reply and not takers:
            self.publish((reply, b"", "", {"Status": "503", "Nats-Subject": subject}))
        return answer

    def _takers(self, subject: str) -> Iterator[Interest]:
        groups: dict[str, list[Interest]] = {}
        for interest in self._interests:
            if matches(interest.pattern, subject):
                if interest.group is None:
                    yield interest
                else:
                    groups.setdefault(interest.group, []).append(interest)
        for members in groups.values():
            yield random.choice(members)  # noqa: S311 - spreads load, hides nothing

    def down(self) -> None:
        """Answer nobody: what is sent waits at its sender."""
        if self.online.is_set():
            self.online.clear()
            for client in tuple(self.clients):
                client.away("the embedded NATS is down")

    def up(self) -> None:
        """Answer again; everybody is subscribed as before."""
        if not self.online.is_set():
            self.online.set()
            for client in tuple(self.clients):
                client.back()


def _as_received(headers: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Return headers as a subscriber reads them: without the spaces around, line breaks as spaces."""
    if not headers:
        return None
    return {name: text.strip().translate(_SPACES) for name, text in headers.items()}
