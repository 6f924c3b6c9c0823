"""What the commands of lists, channels and transactions do, on a real Redis and on the embedded one: one test a behaviour.

D-01 to D-57 and D-E1 to D-E5 are numbers of measured behaviours; those of streams are beside this module. Not here: what
the client does and not the server (D-10, 12), and what needs a server of other settings.
"""

import pytest

from faststream_oo.redis.client.commands import LostError
from tests.integration.redis.wires import Wire, Wires, key

MATCHING = [
    (b"a.*", b"a."), (b"a.*", b"a.b.c"), (b"a?", b"ab"), (b"h[^e]llo", b"hallo"), (b"h[a-c]llo", b"hbllo"),
    (b"a\\*", b"a*"), (b"a\\?c", b"a?c"), (b"*", b"x"), (b"**", b"abc"), (b"news.*", b"news.\n"), (b"a[b", b"ab"),
    (b"[^]x", b"ax"), (b"a\\", b"a\\"), (b"", b""), (b"[c-a]", b"b"), (b"[\\]]", b"]"), (b"\xff?", b"\xff\x00"),
]  # fmt: skip
OTHERS = [
    (b"a.*", b"a"), (b"a?", b"a"), (b"a?", b"abc"), (b"h[^e]llo", b"hello"), (b"h[a-c]llo", b"hdllo"), (b"A*", b"ab"),
    (b"*", b""), (b"[!a]", b"b"), (b"*.*.*", b"a.b"), (b"[a-]", b"-"), (b"[]]", b"]"),
]  # fmt: skip


# Channels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "channel", "heard"), [(*pair, True) for pair in MATCHING] + [(*pair, False) for pair in OTHERS]
)
async def test_d01_d02_patterns_are_redis_own(
    wires: Wires, call: Wire, pattern: bytes, channel: bytes, heard: bool
) -> None:
    listener = await wires.connect()
    await listener("PSUBSCRIBE", pattern)
    data = key().encode()
    await call("PUBLISH", channel, data)
    await listener.send("PING", data)

    while (one := (await listener.next())[0]) != [b"pong", data]:  # others may publish meanwhile, and `*` hears them
        if one == [b"pmessage", pattern, channel, data]:
            heard = not heard
    assert not heard


async def test_d03_a_channel_comes_first_then_each_of_its_patterns(wires: Wires, call: Wire) -> None:
    own = key()
    listener = await wires.connect()
    await listener.all(("SUBSCRIBE", f"{own}.1"))
    await listener.all(("PSUBSCRIBE", f"{own}.*"), ("PSUBSCRIBE", f"{own}.?"))
    await listener.all(("SUBSCRIBE", f"{own}.1"))

    assert await call("PUBLISH", f"{own}.1", b"x") == 3
    channel = f"{own}.1".encode()
    heard = await listener.next(3)
    assert heard[0] == [b"message", channel, b"x"]
    assert sorted(map(str, heard[1:])) == sorted(
        str([b"pmessage", f"{own}.{end}".encode(), channel, b"x"]) for end in "*?"
    )


async def test_d04_publish_tells_how_many_it_was_delivered_to(wires: Wires, call: Wire) -> None:
    own = key()
    one, two = await wires.connect(), await wires.connect()
    assert await call("PUBLISH", own, "x") == 0
    await one("SUBSCRIBE", own)
    await two("SUBSCRIBE", own)
    assert await call("PUBLISH", own, "x") == 2
    await one.next()
    assert await one("UNSUBSCRIBE", own) == [b"unsubscribe", own.encode(), 0]
    assert await call("PUBLISH", own, "x") == 1


async def test_d05_d07_a_listener_hears_what_is_published_from_then_on_in_order(wires: Wires, call: Wire) -> None:
    own = key()
    await call("PUBLISH", own, "before")
    listener = await wires.connect()
    await listener("SUBSCRIBE", own)
    for number in range(5):
        await call("PUBLISH", own, number)

    assert [one[2] for one in await listener.next(5)] == [b"0", b"1", b"2", b"3", b"4"]


async def test_d06_channels_ignore_the_database(wires: Wires, call: Wire) -> None:
    own = key()
    listener = await wires.connect()
    await listener("SUBSCRIBE", own)
    await call("SELECT", 1)

    assert await call("PUBLISH", own, "x") == 1


async def test_d08_what_a_transaction_publishes_is_delivered_when_it_ends(wires: Wires, call: Wire) -> None:
    own = key()
    listener = await wires.connect()
    await listener("SUBSCRIBE", own)
    assert await call.all(("MULTI",), ("PUBLISH", own, "1"), ("PUBLISH", own, "2")) == [b"OK", b"QUEUED", b"QUEUED"]
    other = await wires.connect()
    await other("PUBLISH", own, "0")
    assert await call("EXEC") == [1, 1]

    assert [one[2] for one in await listener.next(3)] == [b"0", b"1", b"2"]


async def test_d09_what_is_heard_names_its_channel_and_pattern_and_confirmations_count(
    wires: Wires, call: Wire
) -> None:
    own = key().encode()
    listener = await wires.connect()
    await listener.send("SUBSCRIBE", own, own + b".a")
    await listener.send("PSUBSCRIBE", own + b".*")
    assert await listener.next(3) == [
        [b"subscribe", own, 1], [b"subscribe", own + b".a", 2], [b"psubscribe", own + b".*", 3],
    ]  # fmt: skip

    await call("PUBLISH", own + b".b", "x")
    await call("PUBLISH", own, "y")
    await listener.send("UNSUBSCRIBE")
    await listener.send("PUNSUBSCRIBE", own + b".*")
    heard = await listener.next(5)

    assert heard[:2] == [[b"pmessage", own + b".*", own + b".b", b"x"], [b"message", own, b"y"]]
    assert [one[0] for one in heard[2:]] == [b"unsubscribe", b"unsubscribe", b"punsubscribe"]
    assert [one[2] for one in heard[2:]] == [2, 1, 0]
    assert {one[1] for one in heard[2:]} == {own, own + b".a", own + b".*"}


async def test_a_listener_is_answered_its_ping_after_what_it_heard(wires: Wires, call: Wire) -> None:
    own = key()
    listener = await wires.connect()
    await listener("SUBSCRIBE", own)
    await call("PUBLISH", own, "x")
    await listener.send("PING", "y")

    assert await listener.next(2) == [[b"message", own.encode(), b"x"], [b"pong", b"y"]]


# Lists --------------------------------------------------------------------------------------------------------------


async def test_d13_pushes_at_both_ends_and_no_key_when_it_is_empty(call: Wire) -> None:
    own = key()
    assert await call("RPUSH", own, "a", "b", "c") == 3
    assert await call("LPUSH", own, "x", "y") == 5
    assert await call("LRANGE", own, 0, -1) == [b"y", b"x", b"a", b"b", b"c"]
    assert await call("LPOP", own, 5) == [b"y", b"x", b"a", b"b", b"c"]
    assert await call("EXISTS", own) == 0


async def test_d14_the_first_key_that_has_something_wins(call: Wire) -> None:
    one, two = key(), key()
    await call("RPUSH", two, "2")
    assert await call("BLPOP", one, two, 0.1) == [two.encode(), b"2"]
    await call("RPUSH", two, "2")
    await call("RPUSH", one, "1")
    assert await call("BLPOP", one, two, 0.1) == [one.encode(), b"1"]


async def test_d14_a_wait_that_is_over_finds_nothing(call: Wire) -> None:
    assert await call("BLPOP", key(), 0.05) is None
    assert await call("BLMOVE", key(), key(), "LEFT", "RIGHT", 0.05) is None


async def test_d15_who_waits_longest_is_served_first_and_one_push_serves_all(wires: Wires, call: Wire) -> None:
    own = key()
    waiters = [await wires.waiting("BLPOP", own, 0) for _ in range(3)]
    for number in range(3):
        await call("RPUSH", own, number)
    assert [await waiter.next() for waiter in waiters] == [[[own.encode(), b"%d" % number]] for number in range(3)]

    waiters = [await wires.waiting("BLPOP", own, 0) for _ in range(3)]
    await call("RPUSH", own, 0, 1, 2)
    assert [await waiter.next() for waiter in waiters] == [[[own.encode(), b"%d" % number]] for number in range(3)]


@pytest.mark.parametrize(("push", "got", "left"), [("LPUSH", b"c", [b"b", b"a"]), ("RPUSH", b"a", [b"b", b"c"])])
async def test_d16_a_waiter_is_served_after_the_whole_command(
    wires: Wires, call: Wire, push: str, got: bytes, left: list[bytes]
) -> None:
    own = key()
    waiter = await wires.waiting("BLPOP", own, 0)
    await call(push, own, "a", "b", "c")

    assert await waiter.next() == [[own.encode(), got]]
    assert await call("LRANGE", own, 0, -1) == left


async def test_d17_a_waiter_gets_what_a_transaction_leaves_and_nothing_waits_in_one(wires: Wires, call: Wire) -> None:
    own = key()
    waiter = await wires.waiting("BLPOP", own, 0)
    assert await call.transaction(("RPUSH", own, "a"), ("LPOP", own), ("BLPOP", own, 0)) == [1, b"a", None]
    await call("RPUSH", own, "b")

    assert await waiter.next() == [[own.encode(), b"b"]]


async def test_d18_who_left_while_waiting_takes_nothing(wires: Wires, call: Wire) -> None:
    own = key()
    waiter = await wires.waiting("BLPOP", own, 0)
    await waiter.close()
    await wires.gone(waiter)
    await call("RPUSH", own, "a")

    assert await call("LLEN", own) == 1


async def test_d19_a_move_keeps_the_element_in_the_other_list(call: Wire) -> None:
    source, target = key(), key()
    await call("RPUSH", source, "a", "b")
    assert await call("LMOVE", source, target, "LEFT", "RIGHT") == b"a"
    assert await call("BLMOVE", source, target, "LEFT", "RIGHT", 1) == b"b"
    assert await call("LMOVE", source, target, "LEFT", "RIGHT") is None
    assert await call("LMOVE", target, target, "LEFT", "RIGHT") == b"a"
    assert await call("LRANGE", target, 0, -1) == [b"b", b"a"]
    assert await call("LREM", target, 1, "a") == 1
    assert await call("LREM", target, 1, "a") == 0


async def test_d19_a_move_wakes_who_waits_for_its_target(wires: Wires, call: Wire) -> None:
    source, target = key(), key()
    mover = await wires.waiting("BLMOVE", source, target, "LEFT", "RIGHT", 0)
    popper = await wires.waiting("BLPOP", target, 0)
    await call("RPUSH", source, "a")

    assert await mover.next() == [b"a"]
    assert await popper.next() == [[target.encode(), b"a"]]


async def test_d20_pops_of_several(call: Wire) -> None:
    own = key()
    await call("RPUSH", own, "a")
    assert await call("LPOP", own, 0) == []
    assert await call("LPOP", own, 2) == [b"a"]
    assert await call("LPOP", own) is None
    assert await call("LPOP", own, 2) is None


async def test_d21_a_waiter_does_not_mind_another_type(wires: Wires, call: Wire) -> None:
    own = key()
    waiter = await wires.waiting("BLPOP", own, 0)
    await call("SET", own, "text")
    assert await call.refused("BLPOP", own, 1) == "WRONGTYPE Operation against a key holding the wrong kind of value"
    await call("DEL", own)
    await call("RPUSH", own, "a")

    assert await waiter.next() == [[own.encode(), b"a"]]


@pytest.mark.parametrize(
    ("first", "last", "left"), [(1, -1, [b"b", b"c"]), (0, 0, [b"a"]), (3, -1, []), (-2, 9, [b"b", b"c"]), (2, 1, [])]
)
async def test_a_trim_keeps_a_span(call: Wire, first: int, last: int, left: list[bytes]) -> None:
    own = key()
    await call("RPUSH", own, "a", "b", "c")
    assert await call("LRANGE", own, first, last) == left
    assert await call("LTRIM", own, first, last) == b"OK"
    assert await call("LRANGE", own, 0, -1) == left


@pytest.mark.parametrize(
    ("count", "removed", "left"), [(1, 1, [b"b", b"a"]), (-1, 1, [b"a", b"b"]), (0, 2, [b"b"]), (5, 2, [b"b"])]
)
async def test_elements_are_removed_from_either_end(call: Wire, count: int, removed: int, left: list[bytes]) -> None:
    own = key()
    await call("RPUSH", own, "a", "b", "a")
    assert await call("LREM", own, count, "a") == removed
    assert await call("LRANGE", own, 0, -1) == left


# Transactions, keys and bytes ---------------------------------------------------------------------------------------


async def test_d54_a_command_that_fails_in_a_transaction_leaves_the_others(call: Wire) -> None:
    own, other = key(), key()
    await call("SET", own, "text")
    first, refusal, last = await call.transaction(("INCR", other), ("RPUSH", own, "a"), ("INCR", other))

    assert (first, last) == (1, 2)
    assert str(refusal) == "WRONGTYPE Operation against a key holding the wrong kind of value"


async def test_d54_a_transaction_with_an_unknown_command_does_nothing(call: Wire) -> None:
    own = key()
    _, _, refusal, ended = await call.all(("MULTI",), ("INCR", own), ("NOSUCH", "a", "b"), ("EXEC",))

    assert str(refusal).startswith("unknown command 'NOSUCH', with args beginning with: 'a' 'b'")
    assert str(ended).endswith("Transaction discarded because of previous errors.")
    assert await call("EXISTS", own) == 0


async def watching(wires: Wires, own: str) -> Wire:
    """Return a connection that watches a key."""
    wire = await wires.connect()
    assert await wire("WATCH", own) == b"OK"
    return wire


async def carried_out(wire: Wire) -> bool:
    """Send a transaction, and return whether it was carried out."""
    answer = await wire.transaction(("PING",))
    assert answer in ([b"PONG"], None)
    return answer is not None


async def of_every_type(call: Wire, command: str) -> tuple[str, list[str]]:
    """Return the key that a command names by its type, made before, and the words of the command."""
    places = {name: key() for name in ("text", "items", "scores", "stream", "none")}
    await call("SET", places["text"], "1")
    await call("RPUSH", places["items"], "a", "b", "c")
    await call("ZADD", places["scores"], 1, "m")
    for number in (1, 2, 3):
        await call("XADD", places["stream"], f"{number}-0", "n", number)
    await call("XGROUP", "CREATE", places["stream"], "g", "0")
    words = command.split()
    (own,) = {places[word] for word in words if word in places}
    return own, [places.get(word, word) for word in words]


@pytest.mark.parametrize(
    "command",
    [
        "SET text 1", "INCR text", "DEL text", "EXPIRE text 100", "RPUSH items d", "LPOP items", "LTRIM items 0 -1",
        "LREM items 1 b", "LMOVE items items LEFT RIGHT", "BLPOP items 1", "ZADD scores 2 m", "ZREM scores m",
        "XADD stream * n 4", "XDEL stream 1-0", "XTRIM stream MAXLEN 1", "SET none 1", "RPUSH none 1",
        "XGROUP CREATE none g 0 MKSTREAM",
    ],
)  # fmt: skip
async def test_d54_a_transaction_is_off_when_a_watched_key_was_written(wires: Wires, call: Wire, command: str) -> None:
    own, words = await of_every_type(call, command)
    wire = await watching(wires, own)
    await call(*words)

    assert not await carried_out(wire)
    assert await carried_out(wire)  # what is watched is watched once


@pytest.mark.parametrize(
    "command",
    [
        "GET text", "SET text 1 NX", "LRANGE items 0 -1", "LREM items 1 z", "LPOP items 0", "ZADD scores 1 m",
        "ZREM scores z", "XDEL stream 9-0", "XTRIM stream MAXLEN 9", "XGROUP CREATE stream h 0",
        "XGROUP SETID stream g 0", "XREADGROUP GROUP g a STREAMS stream >", "XACK stream g 1-0",
        "XGROUP DESTROY stream g", "DEL none", "LPOP none", "PUBLISH none x",
    ],
)  # fmt: skip
async def test_d54_what_writes_no_value_leaves_a_transaction(wires: Wires, call: Wire, command: str) -> None:
    own, words = await of_every_type(call, command)
    wire = await watching(wires, own)
    await call(*words)

    assert await carried_out(wire)


@pytest.mark.parametrize("ending", ["UNWATCH", "DISCARD"])
async def test_d54_what_is_no_longer_watched_leaves_a_transaction(wires: Wires, call: Wire, ending: str) -> None:
    own = key()
    wire = await watching(wires, own)
    await call("SET", own, "1")
    if ending == "DISCARD":
        await wire("MULTI")
    assert await wire(ending) == b"OK"

    assert await carried_out(wire)


async def test_d54_a_watched_key_that_has_ended_was_changed_and_none_is_watched_in_a_transaction(
    wires: Wires, call: Wire
) -> None:
    own = key()
    await call("SET", own, "1", "PX", 20)
    wire = await watching(wires, own)
    assert await call("BLPOP", key(), 0.05) is None
    assert not await carried_out(wire)

    _, refusal, ended = await wire.all(("MULTI",), ("WATCH", own), ("EXEC",))
    assert (str(refusal), ended) == ("WATCH inside MULTI is not allowed", [])


async def test_d57_answers_as_the_server_shapes_them(call: Wire) -> None:
    own, items = key(), key()
    assert await call("XGROUP", "CREATE", own, "g", "0", "MKSTREAM") == b"OK"
    await call("XADD", own, "1-1", "f", "v")
    entry = [b"1-1", [b"f", b"v"]]
    assert await call("XREAD", "STREAMS", own, "0") == [[own.encode(), [entry]]]
    assert await call("XREADGROUP", "GROUP", "g", "c", "STREAMS", own, ">") == [[own.encode(), [entry]]]
    assert await call("XREADGROUP", "GROUP", "g", "c", "STREAMS", own, ">") is None
    assert await call("XRANGE", own, "-", "+") == [entry]
    assert await call("XCLAIM", own, "g", "d", 0, "1-1") == [entry]
    assert await call("XAUTOCLAIM", own, "g", "e", 0, "0") == [b"0-0", [entry], []]
    await call("RPUSH", items, "v")
    assert await call("BLPOP", items, 1) == [items.encode(), b"v"]
    assert await call("PUBSUB", "NUMSUB", own, items) == [own.encode(), 0, items.encode(), 0]
    assert [await call("XGROUP", "DESTROY", own, "g") for _ in range(2)] == [1, 0]


async def test_a_discarded_transaction_does_nothing(call: Wire) -> None:
    own = key()
    assert await call.all(("MULTI",), ("INCR", own), ("DISCARD",)) == [b"OK", b"QUEUED", b"OK"]
    assert await call("EXISTS", own) == 0
    assert await call.refused("EXEC") == "EXEC without MULTI"


@pytest.mark.parametrize("value", [bytes(range(256)), b"", b"\r\n" * 3, "ключ".encode()])
async def test_d56_names_and_values_are_bytes(call: Wire, value: bytes) -> None:
    own = key().encode() + value
    await call("RPUSH", own, value)
    await call("SET", own + b"s", value)
    assert await call("LRANGE", own, 0, -1) == [value]
    assert await call("GET", own + b"s") == value


async def test_numbers_are_counted_and_keys_expire(call: Wire) -> None:
    own = key()
    assert [await call("INCR", own), await call("INCRBY", own, 5), await call("DECR", own)] == [1, 6, 5]
    assert [await call("TTL", own), await call("TTL", key())] == [-1, -2]
    assert await call("EXPIRE", own, 100) == 1
    assert 0 < await call("PTTL", own) <= 100_000
    assert await call("SET", own, "x", "NX") is None
    assert await call("SET", own, "x", "XX", "PX", 50_000) == b"OK"
    assert 0 < await call("TTL", own) <= 50
    assert await call("TYPE", own) == b"string"
    assert await call("DEL", own, own) == 1


async def test_e3_a_key_of_another_type_is_refused_and_a_channel_of_that_name_is_not(call: Wire) -> None:
    own = key()
    await call("RPUSH", own, "a")
    for command in (("XADD", own, "*", "f", "v"), ("GET", own), ("XREADGROUP", "GROUP", "g", "c", "STREAMS", own, ">")):
        assert (await call.refused(*command)).startswith("WRONGTYPE ")
    assert await call("PUBLISH", own, "x") == 0


async def test_e5_a_database_that_is_not_there_is_refused(call: Wire) -> None:
    assert await call.refused("SELECT", 99) == "DB index is out of range"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("LPUSH", "k"), "wrong number of arguments for 'lpush' command"),
        (("BLPOP", "k", "soon"), "timeout is not a float or out of range"),
        (("BLPOP", "k", -1), "timeout is negative"),
        (("LMOVE", "k", "k", "UP", "LEFT"), "syntax error"),
        (("LPOP", "k", -1), "value is out of range, must be positive"),
        (("SET", "k", "v", "EX", "0"), "invalid expire time in 'set' command"),
    ],
)
async def test_what_cannot_be_read_is_refused(call: Wire, command: tuple[str, ...], words: str) -> None:
    assert await call.refused(*command) == words


# Connections --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "answer"), [("TIMEOUT", None), ("ERROR", "UNBLOCKED client unblocked via CLIENT UNBLOCK")]
)
async def test_a_command_that_waits_is_ended_from_elsewhere(
    wires: Wires, call: Wire, how: str, answer: str | None
) -> None:
    waiter = await wires.connect()
    assert await call("CLIENT", "UNBLOCK", waiter.number) == 0
    await waiter.send("BLPOP", key(), 0)
    await wires.blocked(waiter)

    assert await call("CLIENT", "UNBLOCK", waiter.number, how) == 1
    (got,) = await waiter.next()
    assert got is None if answer is None else str(got) == answer
    assert await waiter("PING") == b"PONG"


async def test_d11_what_comes_while_a_listener_was_thrown_out_is_lost(wires: Wires, call: Wire) -> None:
    own = key()
    listener = await wires.connect()
    await listener("SUBSCRIBE", own)
    assert await call("CLIENT", "KILL", "ID", listener.number) == 1
    with pytest.raises(LostError):
        await listener.next()
    assert await call("PUBLISH", own, "x") == 0
