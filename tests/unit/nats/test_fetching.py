"""What is asked of a durable consumer, and when it is asked again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from faststream_oo.clock import LoopClock
from faststream_oo.errors import TransportError
from faststream_oo.message import Message
from faststream_oo.nats import Pull, Subject
from faststream_oo.nats.client.renewing import Renewing
from faststream_oo.nats.leases import Acks, StreamClaims
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.fetching import Fetching
from faststream_oo.nats.transports.nats_py.managing import Manager
from faststream_oo.transport import Sink
from tests.integration.worlds import until


class Server:
    """Stands for a client that is connected: what is published lies here, and what it says is delivered."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.looked = 0
        self.there = True
        self.online = asyncio.Event()
        self.online.set()
        self.client = self
        self._deliver: Callable[[Msg], Awaitable[None]]
        self._delivered = 0

    def new_inbox(self) -> str:
        return "_INBOX.x"

    async def subscribe(self, _subject: str, *, cb: Callable[[Msg], Awaitable[None]], **_: object) -> None:
        self._deliver = cb

    async def publish(self, subject: str, body: bytes, reply: str) -> None:
        assert subject == "$JS.API.CONSUMER.MSG.NEXT.S.g"
        self.asked.append((reply, orjson.loads(body)["batch"]))

    async def consumer(self, _stream: str, _name: str) -> object | None:
        self.looked += 1
        return self if self.there else None

    async def give(self, count: int) -> None:
        for _ in range(count):
            self._delivered += 1
            reply = f"$JS.ACK.S.g.1.{self._delivered}.{self._delivered}.1.0"
            await self._deliver(Msg(_client=cast(Client, self), subject="a", reply=reply, data=b""))
        await asyncio.sleep(0)

    async def say(self, status: str, words: str = "", request: int = -1) -> None:
        headers = {"Status": status, "Description": words}
        subject = self.asked[request][0]
        await self._deliver(Msg(_client=cast(Client, self), subject=subject, headers=headers))
        await asyncio.sleep(0)


class Room:
    """A sink with so much room, which is taken until it is freed."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.fed: list[Message] = []
        self._freed = asyncio.Event()

    async def ready(self) -> int:
        while not self.room:
            self._freed.clear()
            await self._freed.wait()
        return self.room

    def feed(self, messages: Sequence[Message]) -> None:
        self.fed += messages
        self.room -= len(messages)

    def free(self, count: int) -> None:
        self.room += count
        self._freed.set()


@pytest.fixture
async def started() -> Any:
    running: list[asyncio.Future[None]] = []

    async def start(room: int = 10, heartbeat: float = 5.0) -> tuple[Server, Room, Fetching]:
        server, sink = Server(), Room(room)
        claims = StreamClaims([Subject("a")], "g", Acks(lambda _: None))
        fetching = Fetching(
            cast(NatsConnection, server),
            claims,
            cast(Sink, sink),
            Renewing(tuple, LoopClock()),
            ("S", "g"),
            Pull(heartbeat=heartbeat),
            room,
            cast(Manager, server),
        )
        await fetching.open()
        running.append(asyncio.ensure_future(fetching.run()))
        await until(lambda: server.asked)
        return server, sink, fetching

    yield start
    for one in running:
        one.cancel()


async def test_more_is_asked_for_when_half_of_it_is_there_and_handled(started: Any) -> None:
    server, sink, _ = await started()
    await server.give(4)
    sink.free(4)
    assert [count for _, count in server.asked] == [10]
    await server.give(1)
    sink.free(1)
    await until(lambda: len(server.asked) == 2)

    assert [count for _, count in server.asked] == [10, 5]


async def test_nothing_is_asked_for_while_there_is_no_room(started: Any) -> None:
    server, sink, _ = await started()
    await server.give(10)
    await asyncio.sleep(0.01)
    assert len(server.asked) == 1
    sink.free(5)
    await until(lambda: len(server.asked) == 2)

    assert server.asked[1][1] == 5


async def test_a_request_that_is_over_is_made_anew(started: Any) -> None:
    server, sink, _ = await started()
    await server.give(3)
    await server.say("408", "Request Timeout")
    await until(lambda: len(server.asked) == 2)

    assert (server.asked[1][1], len(sink.fed)) == (7, 3)


async def test_silence_makes_it_look_for_the_consumer_and_ask_again(started: Any) -> None:
    server, _, _ = await started(heartbeat=0.1)
    await until(lambda: len(server.asked) == 2)

    assert server.looked == 1


async def test_signs_of_the_server_are_no_silence(started: Any) -> None:
    server, _, _ = await started(heartbeat=0.2)
    for _ in range(10):
        await server.say("100", "Idle Heartbeat")
        await asyncio.sleep(0.06)

    assert (len(server.asked), server.looked) == (1, 0)


async def test_a_lost_connection_is_asked_anew_when_it_is_back(started: Any) -> None:
    server, _, fetching = await started()
    fetching.again()
    await until(lambda: len(server.asked) == 2)

    assert [count for _, count in server.asked] == [10, 10]


@pytest.mark.parametrize(("status", "words"), [("409", "Consumer Deleted"), ("503", "")])
async def test_a_consumer_that_is_not_there_ends_it(started: Any, status: str, words: str) -> None:
    server, _, fetching = await started()
    server.there = False
    await server.say(status, words)

    assert await asyncio.wait_for(fetching.gone, 5.0) == "it was deleted"


async def test_a_leader_that_changes_is_asked_again(started: Any) -> None:
    server, _, fetching = await started()
    await server.say("409", "Leadership Change")
    await until(lambda: len(server.asked) == 2)

    assert not fetching.gone.done()


async def test_what_no_request_will_ever_meet_fails(started: Any) -> None:
    server, _, fetching = await started()
    await server.say("409", "Exceeded MaxRequestBatch of 5")

    with pytest.raises(TransportError, match="Exceeded MaxRequestBatch of 5"):
        await asyncio.wait_for(fetching.gone, 5.0)
