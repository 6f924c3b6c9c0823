"""The shared connection: what goes out together, and what becomes of it when a connection is lost."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

import pytest

from faststream_oo.clock import LoopClock
from faststream_oo.current import Embedding, embedded
from faststream_oo.errors import ConnectError, PublishError, TransportError
from faststream_oo.redis.address import Stream
from faststream_oo.redis.client.commands import Answer, Command, CommandError, Connection, LostError, NotReadyError
from faststream_oo.redis.client.senders import LARGEST, RedisSender
from faststream_oo.redis.client.wire import Wire, asking
from faststream_oo.transport import Frame


class Hasty(LoopClock):
    """A clock that nobody has to wait for."""

    async def sleep(self, delay: float, /) -> None:
        await asyncio.sleep(0)


class Server:
    """A server that writes down what is sent to it, and answers each command with itself or as it is told."""

    def __init__(self) -> None:
        self.writes: list[list[str]] = []
        self.connects = 0
        self.away = 0
        """So many connects fail."""
        self.answers: dict[str, list[Answer | LostError]] = {}
        """What the first times of a command are answered, by its argument; a LostError ends the connection there."""
        self.gate = asyncio.Event()
        self.gate.set()

    async def connect(self) -> Connection:
        self.connects += 1
        if self.away:
            self.away -= 1
            raise ConnectError("redis", "here", "away")
        return Served(self)

    def answer(self, command: str) -> Answer:
        told = self.answers.get(command)
        found = told.pop(0) if told else command.encode()
        if isinstance(found, LostError):
            raise found
        return found


class Served:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._asked: list[str] = []
        self._closed = False

    async def send(self, commands: Sequence[Command], /) -> None:
        assert not self._closed
        self._asked = [str(command[-1]) for command in commands]
        self._server.writes.append(self._asked)

    async def receive(self, count: int, into: list[Answer], /) -> None:
        await self._server.gate.wait()
        into.extend(map(self._server.answer, self._asked[:count]))  # those before an error stay

    async def close(self) -> None:
        self._closed = True


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def wire(server: Server) -> AsyncGenerator[Wire]:
    with embedded(Embedding(Hasty())):
        wire = Wire(server)
        await wire.open()
        yield wire
        await wire.close(0.0)


async def asked(wire: Wire, *names: str, again: bool = True) -> list[object]:
    """Ask several things in one turn, and return their answers or errors."""
    return await asyncio.gather(*(wire.ask(("ECHO", name), again=again) for name in names), return_exceptions=True)


async def test_what_is_asked_in_a_turn_goes_out_in_one_write_and_is_answered_one_by_one(
    server: Server, wire: Wire
) -> None:
    assert await asked(wire, "a", "b", "c") == [[b"a"], [b"b"], [b"c"]]
    assert server.writes == [["a", "b", "c"]]


async def test_what_is_asked_while_answers_are_awaited_goes_out_next_together(server: Server, wire: Wire) -> None:
    server.gate.clear()
    first = asyncio.ensure_future(asked(wire, "a"))
    await asyncio.sleep(0.01)
    others = [asyncio.ensure_future(asked(wire, name)) for name in "bc"]
    await asyncio.sleep(0.01)
    server.gate.set()

    await asyncio.gather(first, *others)
    assert server.writes == [["a"], ["b", "c"]]


async def test_several_commands_of_one_asking_stay_next_to_each_other(server: Server, wire: Wire) -> None:
    answers = await asyncio.gather(wire.ask(("ECHO", "a"), ("ECHO", "b")), wire.ask(("ECHO", "c")))

    assert list(map(list, answers)) == [[b"a", b"b"], [b"c"]]


async def test_one_write_has_a_bounded_number_of_commands_and_of_bytes(server: Server, wire: Wire) -> None:
    await asked(wire, *map(str, range(1200)))
    assert [len(write) for write in server.writes] == [500, 500, 200]

    server.writes.clear()
    large = [asking([("ECHO", name)]) for name in "abc"]
    for one in large:
        one.size = 600_000
        wire.submit(one)
    await asyncio.gather(*large)
    assert server.writes == [["a", "b"], ["c"]]


async def test_a_refusal_is_that_of_its_own_command(server: Server, wire: Wire) -> None:
    server.answers["b"] = [CommandError("WRONGTYPE no")]

    first, refused, third = await asked(wire, "a", "b", "c")
    assert (first, third) == ([b"a"], [b"c"])
    assert isinstance(refused, CommandError)


async def test_what_has_no_answer_when_the_connection_is_lost_is_sent_again_in_order_before_what_came_later(
    server: Server, wire: Wire
) -> None:
    server.answers["b"] = [LostError("cut")]
    server.away = 2
    server.gate.clear()
    first = asyncio.ensure_future(asked(wire, "a", "b", "c"))
    await asyncio.sleep(0.01)
    later = asyncio.ensure_future(asked(wire, "d"))
    await asyncio.sleep(0.01)
    server.gate.set()

    assert await first == [[b"a"], [b"b"], [b"c"]]
    assert await later == [[b"d"]]
    assert server.writes == [["a", "b", "c"], ["b", "c", "d"]]
    assert server.connects == 4


async def test_what_must_not_be_carried_out_twice_is_not_sent_again(server: Server, wire: Wire) -> None:
    server.answers["a"] = [LostError("cut")]

    (error,) = await asked(wire, "a", again=False)

    assert isinstance(error, LostError)
    assert str(error) == "it is unknown whether it was carried out: cut"
    assert server.writes == [["a"]]


async def test_what_connections_are_lost_for_again_and_again_fails_alone(server: Server, wire: Wire) -> None:
    server.answers["b"] = [LostError("cut")] * 10

    first, error, third = await asked(wire, "a", "b", "c")

    assert (first, third) == ([b"a"], [b"c"])
    assert isinstance(error, PublishError)
    assert server.writes == [["a", "b", "c"], ["b", "c"], ["b", "c"], ["c"]]


async def test_a_server_that_is_not_ready_is_no_fault_of_a_command(server: Server, wire: Wire) -> None:
    server.answers["a"] = [NotReadyError("LOADING")] * 10

    assert await asked(wire, "a") == [[b"a"]]


async def test_what_was_given_up_is_not_sent(server: Server, wire: Wire) -> None:
    server.gate.clear()
    first = asyncio.ensure_future(asked(wire, "a"))
    await asyncio.sleep(0.01)
    given_up, wanted = asking([("ECHO", "b")]), asking([("ECHO", "c")])
    for one in (given_up, wanted):
        wire.submit(one)
    given_up.cancel()
    server.gate.set()

    await asyncio.gather(first, wanted)
    assert server.writes == [["a"], ["c"]]


async def test_a_silent_connection_is_tried_before_what_must_not_be_sent_twice(
    server: Server, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked(wire, "a")
    loop = asyncio.get_running_loop()
    time: Callable[[], float] = loop.time
    monkeypatch.setattr(loop, "time", lambda: time() + 5.0)
    server.answers["PING"] = [LostError("gone since")]

    assert await asked(wire, "b", again=False) == [[b"b"]]
    assert server.writes[:2] == [["a"], ["PING"]]
    assert server.writes[-1] == ["b"]


async def test_in_the_end_what_has_no_answer_fails_and_nothing_more_is_taken(server: Server, wire: Wire) -> None:
    server.gate.clear()
    waiting = asyncio.ensure_future(asked(wire, "a"))
    await asyncio.sleep(0.01)

    await wire.close(0.05)

    (error,) = await waiting
    assert isinstance(error, PublishError)
    with pytest.raises(TransportError, match="not open"):
        await wire.ask(("ECHO", "b"))


class Huge(bytes):
    """A body of which only the length is there."""

    def __len__(self) -> int:
        return LARGEST + 1


@pytest.mark.parametrize(
    ("frame", "what"),
    [
        (Frame(Huge()), r"has 536,870,913 bytes, 536,870,912 is the limit"),
        (Frame(b"", {"a": "\ud800"}), "a header cannot be encoded"),
    ],
)
async def test_what_the_server_would_refuse_is_refused_at_once(
    server: Server, wire: Wire, frame: Frame, what: str
) -> None:
    with pytest.raises(PublishError, match=what):
        RedisSender(wire, Stream("orders"), "binary").send(frame)
    await asked(wire, "a")

    assert server.writes == [["a"]]
