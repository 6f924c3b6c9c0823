"""Following a stream: every message once and in order, whatever becomes of the consumers below it."""

import asyncio
from collections.abc import Sequence

import pytest

from faststream_oo.errors import TransportError
from faststream_oo.nats.client.following import Following
from faststream_oo.nats.options import Start
from faststream_oo.nats.transports.memory.server import Delivered
from tests.unit.kafka.clock import ManualClock, turns


class Server:
    """A stream of numbered messages, and the seats that were opened to it."""

    def __init__(self) -> None:
        self.stored = 0
        self.seats: list[Seat] = []
        self.refuses = 0
        self.made_again = 0

    async def make(self) -> None:
        self.made_again += 1


class Seat:
    def __init__(self, server: Server, following: Following) -> None:
        self._server = server
        self._following = following
        self.start: Start | None = None
        self.closed = False
        server.seats.append(self)

    async def open(self, start: Start, /) -> int:
        if self._server.refuses:
            self._server.refuses -= 1
            raise TransportError("not now")
        self.start = start
        return 0

    async def last(self) -> int:
        return self._server.stored

    async def lag(self) -> int:
        return 7

    async def close(self) -> None:
        self.closed = True

    def send(self, *sequences: int, first: int = 1) -> None:
        """Deliver messages, numbered from `first` on within this consumer."""
        for delivery, sequence in enumerate(sequences, first):
            reply = f"$JS.ACK.S.c.1.{sequence}.{delivery}.1700000000000000000.0"
            self._following.feed(self, Delivered("s", b"", reply))


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def follow(
    server: Server, clock: ManualClock, start: Start = "earliest", told: list[str | None] | None = None
) -> Following:
    heard = [] if told is None else told
    return Following(lambda following: Seat(server, following), start, clock, heard.append, server.make)


def sequences(following: Following) -> Sequence[int]:
    return [int(one.reply.split(".")[5]) for one in following.take(100)]


async def test_what_a_consumer_delivers_is_taken_in_order(server: Server, clock: ManualClock) -> None:
    following = follow(server, clock)
    await following.open()
    server.seats[0].send(1, 2, 5)
    await following.arrived()
    assert sequences(following) == [1, 2, 5]
    assert await following.lag() == 7


async def test_a_gap_has_the_stream_read_again_behind_the_last_message(server: Server, clock: ManualClock) -> None:
    told: list[str | None] = []
    following = follow(server, clock, told=told)
    await following.open()
    server.stored = 9
    server.seats[0].send(1, 2)
    server.seats[0].send(7, first=4)
    await turns()

    assert server.seats[0].closed
    assert server.seats[1].start == 3
    server.seats[1].send(3, 7)
    assert sequences(following) == [1, 2, 3, 7]
    assert told == ["messages were missed", None]


async def test_a_seat_that_is_over_is_not_heard(server: Server, clock: ManualClock) -> None:
    following = follow(server, clock)
    await following.open()
    server.stored = 1
    following.lost(server.seats[0], "gone")
    await turns()
    server.seats[0].send(1)
    following.lost(server.seats[0], "gone again")
    await turns()
    assert sequences(following) == []
    assert len(server.seats) == 2


async def test_a_start_at_the_end_misses_nothing_that_comes_while_its_consumer_is_lost(
    server: Server, clock: ManualClock
) -> None:
    server.stored = 4
    following = follow(server, clock, "latest")
    await following.open()
    server.stored = 6
    following.lost(server.seats[0], "gone")
    await turns()
    assert [seat.start for seat in server.seats] == [5, 5]


@pytest.mark.parametrize(("start", "again"), [("last_per_subject", "last_per_subject"), ("latest", "earliest")])
async def test_a_stream_that_was_made_again_is_read_from_its_beginning(
    server: Server, clock: ManualClock, start: Start, again: Start
) -> None:
    server.stored = 4
    following = follow(server, clock, start)
    await following.open()
    server.seats[0].send(5)
    server.stored = 1
    following.lost(server.seats[0], "gone")
    await turns()
    assert server.made_again == 1
    assert server.seats[1].start == again


async def test_it_tries_until_a_consumer_can_be_made(server: Server, clock: ManualClock) -> None:
    told: list[str | None] = []
    following = follow(server, clock, told=told)
    await following.open()
    server.refuses = 2
    following.lost(server.seats[0], "gone")
    await turns()
    assert await following.lag() is None
    for _ in range(2):
        await clock.advance(10.0)
    assert server.seats[-1].start == "earliest"
    assert len(server.seats) == 4
    assert told == ["gone", None]


async def test_a_consumer_that_is_lost_while_it_is_made_is_made_anew(server: Server, clock: ManualClock) -> None:
    following = follow(server, clock)
    await following.open()
    following.lost(server.seats[0], "gone")
    for _ in range(20):
        await asyncio.sleep(0)
        if len(server.seats) == 2:
            break
    following.lost(server.seats[1], "gone too")
    await clock.advance(10.0)
    assert len(server.seats) == 3
    assert server.seats[2].start == "earliest"


async def test_who_waits_hears_that_nothing_comes_any_more(server: Server, clock: ManualClock) -> None:
    following = follow(server, clock)
    await following.open()
    waiting = asyncio.create_task(following.arrived())
    await turns()
    following.failed(TransportError("the client gave up"))
    with pytest.raises(TransportError, match="the client gave up"):
        await waiting


async def test_whoever_feeds_waits_while_it_is_full(server: Server, clock: ManualClock) -> None:
    following = follow(server, clock)
    await following.open()
    server.seats[0].send(*range(1, 1001))
    assert following.room == 0
    fits = asyncio.create_task(following.fits())
    await turns()
    assert not fits.done()
    following.take(500)
    await turns()
    assert fits.done()


async def test_nothing_goes_on_after_the_end(server: Server, clock: ManualClock) -> None:
    following = follow(server, clock)
    await following.open()
    server.refuses = 100
    following.lost(server.seats[0], "gone")
    await turns()
    await following.close()
    count = len(server.seats)
    await clock.advance(100.0)
    assert len(server.seats) == count
    assert all(seat.closed for seat in server.seats[:-1])
