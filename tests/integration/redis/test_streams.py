"""What the commands of streams do, on a real Redis and on the embedded one: one test a behaviour, each with its number.

Times are not waited for: an entry is claimed with the idle time that a test wants. Not here: what D-X names (lengths after
an approximate trim, the lag after a trim, consumers that have found nothing), and what the client does.
"""

import asyncio
import time

import pytest

from tests.integration.redis.wires import Wire, Wires, entries, key

INVALID = "Invalid stream ID specified as stream command argument"


async def filled(call: Wire, count: int = 3) -> str:
    """Return a stream with entries `1-0`, `2-0`, …"""
    own = key()
    for number in range(1, count + 1):
        await call("XADD", own, f"{number}-0", "n", number)
    return own


async def read(call: Wire, own: str, consumer: str, *options: str | int, start: str = ">") -> list[str]:
    """Return the ids that a consumer of group `g` reads."""
    answer = await call("XREADGROUP", "GROUP", "g", consumer, *options, "STREAMS", own, start)
    return [] if answer is None else [one for one, _ in entries(answer[0][1])]


async def lag(call: Wire, own: str) -> int | None:
    (group,) = await call("XINFO", "GROUPS", own)
    facts = dict(zip(group[::2], group[1::2], strict=True))
    found: int | None = facts[b"lag"]
    return found


async def pending(call: Wire, own: str) -> list[tuple[str, str, int]]:
    """Return ids, owners and counts of group `g`."""
    rows = await call("XPENDING", own, "g", "-", "+", 100)
    return [(one.decode(), owner.decode(), count) for one, owner, _, count in rows]


# Writing ------------------------------------------------------------------------------------------------------------


async def test_d22_ids_are_milliseconds_and_only_grow(call: Wire) -> None:
    own = key()
    ids = [(await call("XADD", own, "*", "f", "v")).decode() for _ in range(50)]

    assert abs(int(ids[0].partition("-")[0]) / 1000 - time.time()) < 60
    assert sorted(ids, key=lambda one: tuple(map(int, one.split("-")))) == ids
    assert len(set(ids)) == 50
    await call("XADD", own, "99999999999999-0", "f", "v")
    assert await call("XADD", own, "*", "f", "v") == b"99999999999999-1"


async def test_d22_numbers_begin_anew_with_each_millisecond(call: Wire) -> None:
    own = key()
    ids = await call.transaction(*(("XADD", own, "*", "f", "v") for _ in range(3)))
    ids += [await call("XADD", own, "*", "f", "v") for _ in range(50)]
    numbers: dict[bytes, list[int]] = {}
    for one in ids:
        milliseconds, _, number = one.partition(b"-")
        numbers.setdefault(milliseconds, []).append(int(number))

    assert all(found == list(range(len(found))) for found in numbers.values())
    assert len(next(iter(numbers.values()))) >= 3  # time stands still in a transaction


async def test_d23_ids_of_ones_own_must_grow(call: Wire) -> None:
    own = key()
    assert await call.refused("XADD", own, "0-0", "f", "v") == "The ID specified in XADD must be greater than 0-0"
    assert await call("XADD", own, "5", "f", "v") == b"5-0"
    assert await call("XADD", own, "5-*", "f", "v") == b"5-1"
    for low in ("5-1", "4"):
        words = "The ID specified in XADD is equal or smaller than the target stream top item"
        assert await call.refused("XADD", own, low, "f", "v") == words
    assert await call.refused("XADD", own, "x", "f", "v") == INVALID


async def test_d24_fields_are_bytes_and_may_repeat(call: Wire) -> None:
    own = key()
    await call("XADD", own, "1", b"\x00\xff", b"", b"", b"\r\n", "f", "1", "f", "2")

    ((_, fields),) = await call("XRANGE", own, "-", "+")
    assert fields == [b"\x00\xff", b"", b"", b"\r\n", b"f", b"1", b"f", b"2"]
    assert await call.refused("XADD", own, "*", "f", "v", "g") == "wrong number of arguments for 'xadd' command"


async def test_d25_an_exact_trim(call: Wire) -> None:
    own = key()
    for number in range(1, 16):
        await call("XADD", own, "MAXLEN", "=", 10, f"{number}-0", "f", "v")

    assert await call("XLEN", own) == 10
    assert await call("XTRIM", own, "MAXLEN", 3) == 7
    assert [one for one, _ in entries(await call("XRANGE", own, "-", "+"))] == ["13-0", "14-0", "15-0"]


async def test_d26_an_empty_stream_keeps_its_last_id_and_its_groups(call: Wire) -> None:
    own = await filled(call, 2)
    await call("XGROUP", "CREATE", own, "g", "0")
    assert await call("XDEL", own, "1-0", "2-0", "9-0") == 2
    assert await call("XDEL", own, "1-0") == 0
    assert await call("XLEN", own) == 0
    assert (await call.refused("XADD", own, "2-0", "f", "v")).startswith("The ID specified in XADD is equal")
    assert len(await call("XINFO", "GROUPS", own)) == 1
    await call("DEL", own)
    assert await call.refused("XINFO", "GROUPS", own) == "no such key"


async def test_ranges_from_either_end(call: Wire) -> None:
    own = await filled(call, 5)
    assert [one for one, _ in entries(await call("XRANGE", own, "2", "4"))] == ["2-0", "3-0", "4-0"]
    assert [one for one, _ in entries(await call("XRANGE", own, "-", "+", "COUNT", 2))] == ["1-0", "2-0"]
    assert [one for one, _ in entries(await call("XREVRANGE", own, "+", "-", "COUNT", 2))] == ["5-0", "4-0"]
    assert [one for one, _ in entries(await call("XRANGE", own, "(4-0", "+"))] == ["5-0"]
    assert await call("XRANGE", own, "(5-0", "+") == []
    assert await call("XRANGE", key(), "-", "+") == []


# Reading ------------------------------------------------------------------------------------------------------------


async def test_d27_reading_after_an_id(call: Wire) -> None:
    own = await filled(call)
    ((name, found),) = await call("XREAD", "STREAMS", own, "1-0")
    assert (name, [one for one, _ in entries(found)]) == (own.encode(), ["2-0", "3-0"])
    assert await call("XREAD", "STREAMS", own, "$") is None
    assert await call("XREAD", "STREAMS", key(), "0") is None
    assert await call("XREAD", "BLOCK", 10, "STREAMS", own, "$") is None


async def test_d28_everybody_who_waits_at_the_end_gets_the_next(wires: Wires, call: Wire) -> None:
    own = await filled(call)
    waiters = [await wires.waiting("XREAD", "BLOCK", 0, "STREAMS", own, "$") for _ in range(2)]
    await call("XADD", own, "9-0", "n", "9")

    assert [await waiter.next() for waiter in waiters] == [[[[own.encode(), [[b"9-0", [b"n", b"9"]]]]]]] * 2


async def test_d28_what_comes_between_two_reads_at_the_end_is_missed(call: Wire) -> None:
    own = await filled(call)
    assert await call("XREAD", "BLOCK", 10, "STREAMS", own, "$") is None
    await call("XADD", own, "9-0", "n", "9")
    assert await call("XREAD", "BLOCK", 10, "STREAMS", own, "$") is None
    ((_, found),) = await call("XREAD", "STREAMS", own, "3-0")
    assert [one for one, _ in entries(found)] == ["9-0"]


async def test_d29_ids_that_cannot_be_read(call: Wire) -> None:
    own = await filled(call)
    assert await call.refused("XREAD", "STREAMS", own, "x") == INVALID
    words = await call.refused("XREAD", "STREAMS", own, ">")
    assert words.startswith("The > ID can be specified only when calling XREADGROUP using the GROUP")


# Groups: reading ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "got"), [("0", ["1-0", "2-0", "3-0"]), ("$", []), ("2-0", ["3-0"])])
async def test_d30_where_a_group_begins(call: Wire, start: str, got: list[str]) -> None:
    own = await filled(call)
    await call("XGROUP", "CREATE", own, "g", start)
    await call("XGROUP", "CREATE", own, "other", "0")

    assert await read(call, own, "a") == got
    ((_, found),) = await call("XREADGROUP", "GROUP", "other", "a", "STREAMS", own, ">")
    assert [one for one, _ in entries(found)] == ["1-0", "2-0", "3-0"]


async def test_d31_consumers_share_and_the_longest_waiting_is_served_first(wires: Wires, call: Wire) -> None:
    own = await filled(call, 4)
    await call("XGROUP", "CREATE", own, "g", "0")
    assert [await read(call, own, one, "COUNT", 1) for one in "abab"] == [["1-0"], ["2-0"], ["3-0"], ["4-0"]]
    waiters = [await wires.waiting("XREADGROUP", "GROUP", "g", one, "BLOCK", 0, "STREAMS", own, ">") for one in "ab"]
    await call("XADD", own, "5-0", "n", "5")
    await call("XADD", own, "6-0", "n", "6")

    got = [[one for one, _ in entries((await waiter.next())[0][0][1])] for waiter in waiters]
    assert got == [["5-0"], ["6-0"]]


async def test_d32_the_first_who_waits_takes_all_that_a_transaction_wrote(wires: Wires, call: Wire) -> None:
    own = key()
    await call("XGROUP", "CREATE", own, "g", "0", "MKSTREAM")
    first, second = [
        await wires.waiting("XREADGROUP", "GROUP", "g", one, "COUNT", 10, "BLOCK", 0, "STREAMS", own, ">")
        for one in "ab"
    ]
    await call.transaction(*(("XADD", own, f"{number}-0", "f", "v") for number in (1, 2, 3, 4)))
    await call("XADD", own, "5-0", "f", "v")

    got = [[one for one, _ in entries((await waiter.next())[0][0][1])] for waiter in (first, second)]
    assert got == [["1-0", "2-0", "3-0", "4-0"], ["5-0"]]


async def test_d33_d34_history_is_a_consumer_s_own_and_counts(call: Wire) -> None:
    own = await filled(call)
    await call("XGROUP", "CREATE", own, "g", "0")
    assert await call("XREADGROUP", "GROUP", "g", "b", "BLOCK", 0, "STREAMS", own, "0") == [[own.encode(), []]]
    await read(call, own, "a", "COUNT", 2)
    await read(call, own, "b")

    assert await read(call, own, "a", start="0") == ["1-0", "2-0"]
    assert await read(call, own, "a", start="1-0") == ["2-0"]
    assert await pending(call, own) == [("1-0", "a", 2), ("2-0", "a", 3), ("3-0", "b", 1)]


async def test_d34_history_begins_the_idle_time_anew(call: Wire) -> None:
    own = await claimable(call)
    assert await read(call, own, "a", "COUNT", 1, start="0") == ["1-0"]
    rows = await call("XPENDING", own, "g", "IDLE", 30_000, "-", "+", 9)
    assert [row[0] for row in rows] == [b"2-0"]


async def test_d35_who_comes_back_under_its_name_gets_the_next_entry_and_the_old_one_by_history(
    wires: Wires, call: Wire
) -> None:
    own = await filled(call)
    await call("XGROUP", "CREATE", own, "g", "0")
    first, other = await wires.connect(), await wires.connect()
    assert await read(first, own, "a", "COUNT", 1) == ["1-0"]
    await first.close()
    again = await wires.connect()

    assert await read(again, own, "a", "COUNT", 1) == ["2-0"]
    assert await read(again, own, "a", start="0") == ["1-0", "2-0"]
    assert await read(other, own, "a", "COUNT", 1) == ["3-0"]
    assert await read(other, own, "a", start="0") == ["1-0", "2-0", "3-0"]


async def test_d36_anybody_may_acknowledge(wires: Wires, call: Wire) -> None:
    own = await filled(call)
    await call("XGROUP", "CREATE", own, "g", "0")
    await read(call, own, "a", "COUNT", 1)
    other = await wires.connect()
    await read(other, own, "b", "COUNT", 1)
    assert await other("XACK", own, "g", "1-0") == 1
    assert await pending(call, own) == [("2-0", "b", 1)]


async def test_d36_acknowledging(call: Wire) -> None:
    own = await filled(call)
    await call("XGROUP", "CREATE", own, "g", "0")
    await read(call, own, "a")
    assert await call("XACK", own, "g", "1-0") == 1
    assert await call("XACK", own, "g", "1-0", "2-0", "9-0") == 1
    assert await call("XACK", own, "none", "1-0") == 0
    assert await call("XACK", key(), "g", "1-0") == 0
    assert await call.refused("XACK", own, "g", "x") == INVALID
    assert await call("XLEN", own) == 3


async def test_d38_what_a_deleted_consumer_held_comes_to_nobody(call: Wire) -> None:
    own = await filled(call)
    await call("XGROUP", "CREATE", own, "g", "0")
    await read(call, own, "a")
    assert await call("XGROUP", "DELCONSUMER", own, "g", "a") == 3
    assert await call("XPENDING", own, "g") == [0, None, None, None]
    assert await read(call, own, "b") == []


async def test_d39_a_group_that_is_set_back_delivers_again(call: Wire) -> None:
    own = await filled(call, 2)
    await call("XGROUP", "CREATE", own, "g", "0")
    await read(call, own, "a")
    await read(call, own, "a", start="0")
    assert await call("XGROUP", "SETID", own, "g", "0") == b"OK"
    assert await read(call, own, "b") == ["1-0", "2-0"]
    assert await pending(call, own) == [("1-0", "b", 1), ("2-0", "b", 1)]
    assert await call("XGROUP", "DESTROY", own, "g") == 1
    await call("XGROUP", "CREATE", own, "g", "0")
    assert await read(call, own, "b") == ["1-0", "2-0"]


async def test_d40_without_acknowledgement_nothing_is_pending(call: Wire) -> None:
    own = await filled(call)
    await call("XGROUP", "CREATE", own, "g", "0")
    assert await read(call, own, "a", "NOACK") == ["1-0", "2-0", "3-0"]
    assert await pending(call, own) == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("XGROUP", "DESTROY", "{}", "g"), "NOGROUP the consumer group this client was blocked on no longer exists"),
        (("DEL", "{}"), "UNBLOCKED the stream key no longer exists"),
    ],
)
async def test_d41_who_waits_hears_that_it_is_gone(
    wires: Wires, call: Wire, command: tuple[str, ...], words: str
) -> None:
    own = key()
    await call("XGROUP", "CREATE", own, "g", "0", "MKSTREAM")
    waiter = await wires.waiting("XREADGROUP", "GROUP", "g", "a", "BLOCK", 0, "STREAMS", own, ">")
    await call(*(word.format(own) for word in command))

    if await wires.version() >= (7, 2):  # which ask again, and say the same of both
        words = f"NOGROUP No such key '{own}' or consumer group 'g' in XREADGROUP with GROUP option"
    assert [str(one) for one in await waiter.next()] == [words]


async def waiting_reader(wires: Wires, call: Wire) -> tuple[str, Wire]:
    """Return a stream without entries, and a connection that waits for one as `a` of group `g`."""
    own = key()
    await call("XGROUP", "CREATE", own, "g", "0", "MKSTREAM")
    return own, await wires.waiting("XREADGROUP", "GROUP", "g", "a", "COUNT", 1, "BLOCK", 0, "STREAMS", own, ">")


async def test_d42_what_a_reader_was_given_and_did_not_see_is_held_under_its_name(wires: Wires, call: Wire) -> None:
    own, waiter = await waiting_reader(wires, call)
    await call("XADD", own, "1-0", "n", "1")
    await waiter.close()
    await call("XADD", own, "2-0", "n", "2")

    assert await read(call, own, "b") == ["2-0"]
    assert await pending(call, own) == [("1-0", "a", 1), ("2-0", "b", 1)]
    assert await read(call, own, "a", start="0") == ["1-0"]


async def test_d42_who_is_known_to_have_left_while_waiting_is_given_nothing(wires: Wires, call: Wire) -> None:
    own, waiter = await waiting_reader(wires, call)
    await waiter.close()
    await wires.gone(waiter)
    await call("XADD", own, "1-0", "n", "1")

    assert await pending(call, own) == []
    assert await read(call, own, "b") == ["1-0"]


async def test_d43_several_streams_and_mixed_ids(call: Wire) -> None:
    one, two = await filled(call), await filled(call)
    for own in (one, two):
        await call("XGROUP", "CREATE", own, "g", "0")
    await read(call, one, "a", "COUNT", 1)
    answer = await call("XREADGROUP", "GROUP", "g", "a", "COUNT", 2, "STREAMS", one, two, "0", ">")

    assert [[id_ for id_, _ in entries(found)] for _, found in answer] == [["1-0"], ["1-0", "2-0"]]


async def test_d44_a_deleted_entry_is_skipped_or_empty(call: Wire) -> None:
    own = await filled(call)
    await call("XGROUP", "CREATE", own, "g", "0")
    await call("XDEL", own, "2-0")
    assert await read(call, own, "a") == ["1-0", "3-0"]
    await call("XDEL", own, "1-0")
    assert await call("XREADGROUP", "GROUP", "g", "a", "STREAMS", own, "0") == [
        [own.encode(), [[b"1-0", None], [b"3-0", [b"n", b"3"]]]]
    ]
    assert await call("XACK", own, "g", "1-0") == 1


async def test_d45_a_trim_does_not_mind_what_is_pending(call: Wire) -> None:
    own = await filled(call, 5)
    await call("XGROUP", "CREATE", own, "g", "0")
    await read(call, own, "a", "COUNT", 3)
    await call("XTRIM", own, "MAXLEN", 1)
    assert len(await pending(call, own)) == 3
    assert await read(call, own, "a") == ["5-0"]
    ((_, found),) = await call("XREADGROUP", "GROUP", "g", "a", "STREAMS", own, "0")
    assert found == [[b"1-0", None], [b"2-0", None], [b"3-0", None], [b"5-0", [b"n", b"5"]]]


async def test_d53_every_group_that_waits_wakes(wires: Wires, call: Wire) -> None:
    own = key()
    waiters: list[Wire] = []
    for group in ("g", "h"):
        await call("XGROUP", "CREATE", own, group, "0", "MKSTREAM")
        waiters.append(await wires.waiting("XREADGROUP", "GROUP", group, "a", "BLOCK", 0, "STREAMS", own, ">"))
    await call("XADD", own, "1-0", "f", "v")

    assert [await waiter.next() for waiter in waiters] == [[[[own.encode(), [[b"1-0", [b"f", b"v"]]]]]]] * 2


# Groups: taking over ------------------------------------------------------------------------------------------------


async def claimable(call: Wire) -> str:
    """Return a stream of three whose entries one and two `a` holds, idle for a minute."""
    own = await filled(call)
    await call("XGROUP", "CREATE", own, "g", "0")
    await read(call, own, "a", "COUNT", 2)
    await call("XCLAIM", own, "g", "a", 0, "1-0", "2-0", "IDLE", 60_000, "JUSTID")
    return own


async def test_d46_a_claim_takes_what_is_idle_for_so_long(call: Wire) -> None:
    own = await claimable(call)
    assert await call("XCLAIM", own, "g", "b", 3_600_000, "1-0") == []
    assert entries(await call("XCLAIM", own, "g", "b", 30_000, "1-0", "3-0", "9-0")) == [("1-0", {b"n": b"1"})]
    assert await call("XCLAIM", own, "g", "c", 30_000, "1-0") == []  # its idle time began anew
    assert await pending(call, own) == [("1-0", "b", 2), ("2-0", "a", 1)]
    assert await call("XCLAIM", own, "g", "b", 0, "3-0", "FORCE", "JUSTID") == [b"3-0"]
    assert [row[:2] for row in await pending(call, own)] == [("1-0", "b"), ("2-0", "a"), ("3-0", "b")]


async def test_d47_a_claim_may_leave_or_set_the_count_and_set_the_idle_time(call: Wire) -> None:
    own = await claimable(call)
    assert await call("XCLAIM", own, "g", "b", 0, "1-0", "JUSTID") == [b"1-0"]
    await call("XCLAIM", own, "g", "b", 0, "2-0", "RETRYCOUNT", 7)
    assert await pending(call, own) == [("1-0", "b", 1), ("2-0", "b", 7)]
    await call("XCLAIM", own, "g", "b", 0, "1-0", "IDLE", 50_000, "JUSTID")
    ((_, _, idle, count),) = await call("XPENDING", own, "g", "1-0", "1-0", 1)
    assert (50_000 <= idle < 60_000, count) == (True, 1)
    assert [row[0] for row in await call("XPENDING", own, "g", "IDLE", 40_000, "-", "+", 9)] == [b"1-0"]


async def test_d48_taking_over_what_is_idle_whoever_has_it(call: Wire) -> None:
    own = await claimable(call)
    following, found, deleted = await call("XAUTOCLAIM", own, "g", "b", 30_000, "0", "COUNT", 1)
    assert (following, entries(found), deleted) == (b"2-0", [("1-0", {b"n": b"1"})], [])
    following, found, deleted = await call("XAUTOCLAIM", own, "g", "a", 30_000, following)
    assert (following, entries(found), deleted) == (b"0-0", [("2-0", {b"n": b"2"})], [])
    assert await pending(call, own) == [("1-0", "b", 2), ("2-0", "a", 2)]
    assert await call("XAUTOCLAIM", own, "g", "b", 0, "0", "JUSTID") == [b"0-0", [b"1-0", b"2-0"], []]


async def test_d49_a_claim_of_what_was_deleted_ends_it(call: Wire) -> None:
    own = await claimable(call)
    await call("XDEL", own, "1-0", "2-0")
    assert await call("XCLAIM", own, "g", "b", 0, "1-0") == []
    assert await call("XAUTOCLAIM", own, "g", "b", 0, "0") == [b"0-0", [], [b"2-0"]]
    assert await call("XACK", own, "g", "1-0", "2-0") == 0


async def test_d50_one_of_those_who_take_over_at_once_gets_it_and_the_old_owner_may_still_acknowledge(
    wires: Wires, call: Wire
) -> None:
    own = await claimable(call)
    takers = [await wires.connect() for _ in range(4)]
    taken = await asyncio.gather(*(taker("XAUTOCLAIM", own, "g", f"b{taker.number}", 30_000, "0") for taker in takers))
    assert sorted(len(found) for _, found, _ in taken) == [0, 0, 0, 2]
    assert [count for *_, count in await pending(call, own)] == [2, 2]
    assert await call("XACK", own, "g", "1-0") == 1


async def test_d51_pending_as_a_whole(call: Wire) -> None:
    own = await filled(call)
    await call("XGROUP", "CREATE", own, "g", "0")
    assert await call("XPENDING", own, "g") == [0, None, None, None]
    await read(call, own, "b", "COUNT", 2)
    await read(call, own, "a")
    assert await call("XPENDING", own, "g") == [3, b"1-0", b"3-0", [[b"a", b"1"], [b"b", b"2"]]]
    rows = await call("XPENDING", own, "g", "-", "+", 10, "b")
    assert [row[0] for row in rows] == [b"1-0", b"2-0"]


async def test_consumers_tell_what_they_hold(call: Wire) -> None:
    own = await filled(call)
    await call("XGROUP", "CREATE", own, "g", "0")
    await read(call, own, "a", "COUNT", 2)
    await call("XGROUP", "CREATECONSUMER", own, "g", "b")
    consumers = [dict(zip(one[::2], one[1::2], strict=True)) for one in await call("XINFO", "CONSUMERS", own, "g")]

    assert [(one[b"name"], one[b"pending"]) for one in consumers] == [(b"a", 2), (b"b", 0)]


async def test_d52_how_many_entries_a_group_has_not_read(call: Wire) -> None:
    own = await filled(call, 5)
    await call("XGROUP", "CREATE", own, "g", "0")
    assert await lag(call, own) == 5
    await read(call, own, "a", "COUNT", 2)
    assert await lag(call, own) == 3
    await read(call, own, "a")
    assert await lag(call, own) == 0
    await call("XADD", own, "6-0", "n", "6")
    assert await lag(call, own) == 1


async def test_d52_it_is_not_known_from_the_middle_until_the_end_was_read(call: Wire) -> None:
    own = await filled(call, 5)
    await call("XGROUP", "CREATE", own, "g", "3-0")
    assert await lag(call, own) is None
    await call("XADD", own, "6-0", "n", "6")
    assert await lag(call, own) is None
    await read(call, own, "a")
    assert await lag(call, own) == 0


async def test_d52_at_the_end_of_an_empty_stream_and_after_a_deletion(call: Wire) -> None:
    own, empty = await filled(call, 5), key()
    await call("XGROUP", "CREATE", empty, "g", "0", "MKSTREAM")
    assert await lag(call, empty) == 0
    await call("XGROUP", "CREATE", own, "g", "$")
    assert await lag(call, own) == 0
    await call("XGROUP", "SETID", own, "g", "0")
    await call("XDEL", own, "3-0")
    assert await lag(call, own) is None


# Atomic moves and refusals ------------------------------------------------------------------------------------------


async def test_d55_a_dead_letter_is_moved_whole(wires: Wires, call: Wire) -> None:
    own, letters = await filled(call), key()
    await call("XGROUP", "CREATE", own, "g", "0")
    await read(call, own, "a")
    mover = await wires.connect()

    async def seen() -> tuple[int, int, int]:
        return await call("XLEN", letters), len(await pending(call, own)), await call("XLEN", own)

    await mover.all(("MULTI",), ("XADD", letters, "7-0", "n", "1"), ("XACK", own, "g", "1-0"), ("XDEL", own, "1-0"))
    assert await seen() == (0, 3, 3)
    assert await mover("EXEC") == [b"7-0", 1, 1]
    assert await seen() == (1, 2, 2)


async def test_e1_a_group_that_is_not_there(call: Wire) -> None:
    own = await filled(call)
    words = f"NOGROUP No such key '{own}' or consumer group 'g'"
    assert await call.refused("XREADGROUP", "GROUP", "g", "a", "STREAMS", own, ">") == (
        f"{words} in XREADGROUP with GROUP option"
    )
    assert await call.refused("XPENDING", own, "g") == words
    assert await call.refused("XCLAIM", own, "g", "a", 0, "1-0") == words
    assert await call.refused("XAUTOCLAIM", own, "g", "a", 0, "0") == words
    words = f"NOGROUP No such consumer group 'g' for key name '{own}'"
    assert await call.refused("XINFO", "CONSUMERS", own, "g") == words
    assert await call.refused("XGROUP", "SETID", own, "g", "0") == words
    assert await call("XGROUP", "DESTROY", own, "g") == 0


async def test_e1_one_stream_without_the_group_is_enough(call: Wire) -> None:
    one, two = await filled(call), await filled(call)
    await call("XGROUP", "CREATE", one, "g", "0")
    words = await call.refused("XREADGROUP", "GROUP", "g", "a", "STREAMS", one, two, ">", ">")
    assert words == f"NOGROUP No such key '{two}' or consumer group 'g' in XREADGROUP with GROUP option"
    assert await pending(call, one) == []


@pytest.mark.parametrize("about", [("GROUPS",), ("CONSUMERS", "g"), ("STREAM",)])
async def test_e1_nothing_is_told_of_a_stream_that_is_not_there(call: Wire, about: tuple[str, ...]) -> None:
    verb, *more = about
    assert await call.refused("XINFO", verb, key(), *more) == "no such key"


async def test_e2_a_group_is_made_once_and_on_a_stream(call: Wire) -> None:
    own = key()
    assert await call.refused("XGROUP", "CREATE", own, "g", "0") == (
        "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option "
        "to create an empty stream automatically."
    )
    assert await call("XGROUP", "CREATE", own, "g", "0", "MKSTREAM") == b"OK"
    assert await call.refused("XGROUP", "CREATE", own, "g", "0") == "BUSYGROUP Consumer Group name already exists"
