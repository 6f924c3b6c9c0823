"""The steps of a list's workers, on a real Redis and on the embedded one, where they are no Lua."""

from typing import Any

import pytest

from faststream_oo.redis.client.commands import CommandError
from faststream_oo.redis.client.scripts import KEEP, SETTLE, TAKE
from tests.integration.redis.wires import Wire, key


class Worker:
    """A worker by its steps alone."""

    def __init__(self, call: Wire, own: str, name: str = "w") -> None:
        self._call = call
        self._own = own
        self._name = name
        self._workers = f"{own}:workers"
        self.held = (f"{own}:taken:{name}", f"{own}:processing:{name}")
        self.arriving = f"{own}:arriving:{name}"

    async def keep(self, lease: int = 60_000, how: str = "stay") -> list[int]:
        found: list[int] = await self._call("EVAL", KEEP, 2, self._own, self._workers, self._name, lease, how)
        return found

    async def take(self, count: int, seen: int = 0) -> list[bytes]:
        keys = (self._own, self._workers, *self.held, self.arriving)
        found: list[bytes] = await self._call("EVAL", TAKE, 5, *keys, self._name, seen, count)
        return found

    async def settle(self, before: int, head: int, *places: int) -> Any:
        return await self._call("EVAL", SETTLE, 3, self._workers, *self.held, self._name, before, head, *places)

    async def holds(self) -> list[bytes]:
        found: list[bytes] = await self._call("LRANGE", self.held[1], 0, -1)
        return found


@pytest.fixture
async def own(call: Wire) -> str:
    """A list of six."""
    own = key()
    await call("RPUSH", own, *"abcdef")
    return own


async def joined(call: Wire, own: str, name: str = "w") -> Worker:
    worker = Worker(call, own, name)
    assert await worker.keep(how="join") == [1, 0]
    return worker


async def test_what_is_taken_is_held_in_order(call: Wire, own: str) -> None:
    worker = await joined(call, own)
    assert await worker.take(2) == [b"a", b"b"]
    assert await worker.take(10, seen=2) == [b"c", b"d", b"e", b"f"]
    assert await worker.take(10, seen=6) == []
    assert await worker.holds() == [b"a", b"b", b"c", b"d", b"e", b"f"]
    assert await call("LLEN", own) == 0


async def test_an_answer_that_was_lost_is_given_again(call: Wire, own: str) -> None:
    worker = await joined(call, own)
    await worker.take(2)
    await worker.take(2, seen=2)
    assert await worker.take(2, seen=2) == [b"c", b"d"]
    assert await worker.holds() == [b"a", b"b", b"c", b"d"]


async def test_what_a_blocked_move_brought_comes_first(call: Wire, own: str) -> None:
    worker = await joined(call, own)
    await call("BLMOVE", own, worker.arriving, "LEFT", "RIGHT", 1)
    assert await worker.take(2) == [b"a", b"b"]
    assert await call("EXISTS", worker.arriving) == 0


async def test_more_arrived_than_is_wanted_is_taken_too(call: Wire, own: str) -> None:
    worker = await joined(call, own)
    for _ in range(3):
        await call("LMOVE", own, worker.arriving, "LEFT", "RIGHT")
    assert await worker.take(2) == [b"a", b"b", b"c"]
    assert await call("LRANGE", own, 0, -1) == [b"d", b"e", b"f"]


async def test_what_has_ended_is_taken_out_once_however_often_it_is_said(call: Wire, own: str) -> None:
    worker = await joined(call, own)
    await worker.take(6)
    for _ in range(2):
        await worker.settle(0, 2)
        assert await worker.holds() == [b"c", b"d", b"e", b"f"]
    for _ in range(2):
        await worker.settle(2, 1, 1, 3)
        assert await worker.holds() == [b"e"]
    await worker.settle(5, 1)
    assert await call("EXISTS", worker.held[1]) == 0


async def test_elements_that_are_alike_are_told_apart_by_their_places(call: Wire) -> None:
    own = key()
    await call("RPUSH", own, *"abaca")
    worker = await joined(call, own)
    await worker.take(5)
    await worker.settle(0, 0, 2, 4)
    assert await worker.holds() == [b"a", b"b", b"c"]


async def test_who_leaves_gives_everything_back_at_the_head_in_order(call: Wire, own: str) -> None:
    worker = await joined(call, own)
    await worker.take(3)
    await worker.settle(0, 1)
    await call("LMOVE", own, worker.arriving, "LEFT", "RIGHT")
    assert await worker.keep(lease=0) == [1, 3]
    assert await call("LRANGE", own, 0, -1) == [b"b", b"c", b"d", b"e", b"f"]
    assert await call("KEYS", f"{own}:*") == []


async def test_who_has_no_lease_any_more_is_refused_and_others_have_what_it_held(call: Wire, own: str) -> None:
    dead, other = await joined(call, own, "dead"), await joined(call, own, "other")
    await dead.take(3)
    await other.take(1)
    await dead.keep(lease=1)
    moved = 0
    while not moved:
        _, moved = await other.keep()

    assert moved == 3
    assert await dead.keep() == [0, 0]
    for refused in (dead.take(1, seen=3), dead.settle(0, 3)):
        with pytest.raises(CommandError, match=r"^GONE"):
            await refused
    assert await other.take(10, seen=1) == [b"a", b"b", b"c", b"e", b"f"]


async def test_a_list_of_another_type_loses_nothing_that_had_arrived(call: Wire) -> None:
    own = key()
    worker = await joined(call, own)
    await call("RPUSH", worker.arriving, "a")
    await call("SET", own, "text")
    with pytest.raises(CommandError, match="WRONGTYPE"):
        await worker.take(5)

    assert await call("LRANGE", worker.arriving, 0, -1) == [b"a"]
