"""Whoever takes from a durable past the framework and settles by hand: by a raw client, and of the embedded server."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError, NotFoundError

from faststream_oo.nats.message import Received
from faststream_oo.nats.place import place_of
from faststream_oo.nats.transports.memory import durables
from faststream_oo.nats.transports.memory.durables import Delivery
from faststream_oo.nats.transports.memory.pushing import delivered_of
from faststream_oo.nats.transports.memory.streams import StreamError
from tests.integration.nats.worlds import EmbeddedStreamWorld, RealStreamWorld, StreamWorld, flushed

NANOSECONDS: Final = 1_000_000_000


class Puller(ABC):
    """Takes messages and says what became of them, each by its place in what it has taken.

    Args:
        stream: Where from.
        name: By which durable.
    """

    def __init__(self, stream: str, name: str) -> None:
        self.taken: list[Received] = []
        self._stream = stream
        self._name = name

    @property
    def seen(self) -> list[str]:
        """Last tokens of the subjects, each with the number of its delivery: `0#1`."""
        return [f"{one.subject.rpartition('.')[2]}#{one.reply.split('.')[4]}" for one in self.taken]

    @property
    def places(self) -> list[tuple[int, int]]:
        """Places in the stream, and among the deliveries of the durable."""
        return [(place.sequence, place.delivery) for one in self.taken for place in [place_of(one.reply)]]

    async def fetch(self, most: int, wait: float = 10.0) -> list[str]:
        """Return what came once there are so many, or when the wait is over."""
        before = len(self.taken)
        ended = await self.ask(most, wait)
        await ended.wait()
        return self.seen[before:]

    @abstractmethod
    async def ask(self, most: int, wait: float = 10.0) -> asyncio.Event:
        """Ask for so many, and return when the server has heard it what is set once they are here or the wait is over."""

    @abstractmethod
    async def tell(self, place: int, word: str) -> None:
        """Say what became of a message, and return when the server has heard it."""

    @abstractmethod
    async def config(self) -> Mapping[str, Any]:
        """Return how the server has made the durable where nothing was said."""

    @abstractmethod
    async def left(self) -> tuple[int, int]:
        """Return how many messages are unsettled, and how many were never delivered."""


async def pulling(world: StreamWorld, stream: str, name: str = "c", /, **options: Any) -> Puller:
    """Make a durable or change one that is there, in the words of the embedded server. Raises StreamError."""
    if isinstance(world, RealStreamWorld):
        made = RealPuller(world, stream, name)
    else:
        assert isinstance(world, EmbeddedStreamWorld)
        return EmbeddedPuller(world, stream, name, options)
    await made.open(options)
    return made


async def is_there(world: StreamWorld, stream: str, name: str, /) -> bool:
    """Whether a stream has a durable."""
    if isinstance(world, EmbeddedStreamWorld):
        return world.server.jetstream.find_consumer(stream, name) is not None
    assert isinstance(world, RealStreamWorld)
    try:
        await world.streams.consumer_info(stream, name)
    except NotFoundError:
        return False
    return True


class RealPuller(Puller):
    """By a raw client."""

    def __init__(self, world: RealStreamWorld, stream: str, name: str) -> None:
        super().__init__(stream, name)
        self._js = world.streams
        self._client = world.client
        self._inbox = world.client.new_inbox()
        self._missing = 0
        self._ended = asyncio.Event()

    async def open(self, options: Mapping[str, Any]) -> None:
        try:
            await self._js.add_consumer(  # pyright: ignore[reportUnknownMemberType] - `params`
                self._stream, _config(self._name, **options)
            )
        except APIError as error:
            raise StreamError(error.err_code or 0, error.description or "") from error
        await self._client.subscribe(self._inbox, cb=self._come)  # pyright: ignore[reportUnknownMemberType]

    async def _come(self, received: Any) -> None:
        if received.reply:
            self.taken.append(received)
            self._missing -= 1
        if not received.reply or not self._missing:
            self._ended.set()

    async def ask(self, most: int, wait: float = 10.0) -> asyncio.Event:
        self._missing, self._ended = most, asyncio.Event()
        asked = json.dumps({"batch": most, "expires": int(wait * NANOSECONDS)}).encode()
        await self._client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}", asked, self._inbox)
        await flushed(self._client)
        return self._ended

    async def tell(self, place: int, word: str) -> None:
        await self._client.publish(self.taken[place].reply, word.encode())
        await flushed(self._client)

    async def config(self) -> Mapping[str, Any]:
        found = (await self._js.consumer_info(self._stream, self._name)).config
        most = found.max_deliver if found.max_deliver and found.max_deliver > 0 else None
        return {
            "ack": found.ack_policy,
            "ack_wait": found.ack_wait,
            "max_deliver": most,
            "max_ack_pending": found.max_ack_pending,
            "deliver": found.deliver_policy,
        }

    async def left(self) -> tuple[int, int]:
        info = await self._js.consumer_info(self._stream, self._name)
        return info.num_ack_pending or 0, info.num_pending or 0


def _config(
    name: str, *, filters: Any = (), deliver: Any = None, ack: str | None = None, **rest: Any
) -> ConsumerConfig:
    match deliver:
        case int():
            rest |= {"deliver_policy": DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": deliver}
        case None:
            pass
        case _:
            rest |= {"deliver_policy": DeliverPolicy(deliver)}
    if filters:
        rest |= {"filter_subject": filters[0]} if len(filters) == 1 else {"filter_subjects": [*filters]}
    if ack is not None:
        rest |= {"ack_policy": AckPolicy(ack)}
    return ConsumerConfig(durable_name=name, **rest)


class EmbeddedPuller(Puller):
    """Of the embedded server."""

    def __init__(self, world: EmbeddedStreamWorld, stream: str, name: str, options: Mapping[str, Any]) -> None:
        super().__init__(stream, name)
        self._server = world.server
        self._consumer = world.server.jetstream.add_consumer(stream, durables.ConsumerConfig(name, **options))
        self._ended = asyncio.Event()
        self.room = 0

    def take(self, delivery: Delivery, /) -> None:
        self.room -= 1
        self.taken.append(delivered_of(delivery))
        if not self.room:
            self._end(self._ended)

    def gone(self) -> None:
        self._end(self._ended)

    async def ask(self, most: int, wait: float = 10.0) -> asyncio.Event:
        self.room, self._ended = most, asyncio.Event()
        asyncio.get_running_loop().call_later(wait, self._end, self._ended)
        self._consumer.join(self)
        return self._ended

    def _end(self, ended: asyncio.Event) -> None:
        if not ended.is_set():
            ended.set()
            self.room = 0
            self._consumer.part(self)

    async def tell(self, place: int, word: str) -> None:
        self._server.publish((self.taken[place].reply, word.encode(), "", None))

    async def config(self) -> Mapping[str, Any]:
        names = ("ack", "ack_wait", "max_deliver", "max_ack_pending", "deliver")
        return {name: getattr(self._consumer.config, name) for name in names}

    async def left(self) -> tuple[int, int]:
        return len(self._consumer.pending), self._consumer.waiting
