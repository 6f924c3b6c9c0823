"""What a durable hands out, to whom, and what comes again and when, past the framework: the same embedded and real."""

import asyncio
import time
from typing import Any

import pytest

from faststream_oo.nats import JetStream
from faststream_oo.nats.transports.memory.streams import StreamError
from tests.integration.kinds import of
from tests.integration.nats.pulling import is_there, pulling
from tests.integration.nats.worlds import StreamWorld

pytestmark = of("nats-stream")


async def numbered(world: StreamWorld, count: int) -> str:
    """Return a stream with so many messages, on subjects that end in their numbers."""
    address = await world.create("durable")
    for number in range(count):
        await world.put(f"{address}.{number}", b"")
    return address


async def declared(world: StreamWorld, **options: Any) -> str:
    """Return a stream without messages that is made like this."""
    name = world.name("declared")
    async with world.serving() as served:
        await served.broker.declare(JetStream(name, subjects=[f"{name}.>"], **options))
    return name


# Settling -------------------------------------------------------------------------------------------------------------


async def test_a_durable_of_which_nothing_is_said_settles_singly_and_begins_with_everything(world: StreamWorld) -> None:
    puller = await pulling(world, await numbered(world, 0))
    assert await puller.config() == {
        "ack": "explicit",
        "ack_wait": 30.0,
        "max_deliver": None,
        "max_ack_pending": 1000,
        "deliver": "all",
    }


async def test_a_message_comes_again_when_what_became_of_it_says_so(world: StreamWorld) -> None:
    puller = await pulling(world, await numbered(world, 5), ack_wait=2.0)
    assert await puller.fetch(5) == ["0#1", "1#1", "2#1", "3#1", "4#1"]
    begin = time.monotonic()
    await puller.tell(0, "+ACK")
    await puller.tell(3, "+TERM")
    await puller.tell(2, '-NAK {"delay": 400000000}')
    await puller.tell(1, "-NAK")
    assert await puller.fetch(1) == ["1#2"]
    await puller.tell(5, "+ACK")
    assert await puller.fetch(1) == ["2#2"]
    assert time.monotonic() - begin >= 0.4
    await puller.tell(6, "+ACK")
    assert await puller.fetch(1) == ["4#2"]
    assert await puller.fetch(1) == ["4#3"]
    assert time.monotonic() - begin >= 3.0
    assert puller.places[-1] == (5, 9)


async def test_what_was_given_back_comes_before_what_is_new(world: StreamWorld) -> None:
    puller = await pulling(world, await numbered(world, 3))
    assert await puller.fetch(2) == ["0#1", "1#1"]
    await puller.tell(0, "+ACK")
    await puller.tell(1, "-NAK")
    assert await puller.fetch(2) == ["1#2", "2#1"]


async def test_what_waited_too_long_comes_before_what_is_new(world: StreamWorld) -> None:
    puller = await pulling(world, await numbered(world, 3), ack_wait=0.5)
    assert await puller.fetch(1) == ["0#1"]
    await asyncio.sleep(1.0)
    assert await puller.fetch(3) == ["0#2", "1#1", "2#1"]


async def test_others_flow_while_one_waits_to_come_again_and_it_counts_as_unsettled(world: StreamWorld) -> None:
    puller = await pulling(world, await numbered(world, 3), max_ack_pending=2)
    assert await puller.fetch(1) == ["0#1"]
    await puller.tell(0, '-NAK {"delay": 3000000000}')
    assert await puller.fetch(2, wait=0.5) == ["1#1"]
    assert await puller.left() == (2, 1)
    await puller.tell(1, "+ACK")
    assert await puller.fetch(2) == ["2#1", "0#2"]


async def test_an_end_counts_after_the_wait_while_nobody_asks(world: StreamWorld) -> None:
    puller = await pulling(world, await numbered(world, 3), ack_wait=0.5)
    assert len(await puller.fetch(3)) == 3
    await asyncio.sleep(1.0)
    for place in range(3):
        await puller.tell(place, "+ACK")
    assert await puller.fetch(3, wait=0.7) == []


async def test_a_late_end_of_the_first_copy_settles_the_second(world: StreamWorld) -> None:
    puller = await pulling(world, await numbered(world, 1), ack_wait=0.5)
    assert [*await puller.fetch(1), *await puller.fetch(1)] == ["0#1", "0#2"]
    await puller.tell(0, "+ACK")
    assert await puller.left() == (0, 0)
    assert await puller.fetch(1, wait=0.7) == []


async def test_a_message_comes_no_more_than_it_may_and_stays_in_its_stream(world: StreamWorld) -> None:
    stream = await numbered(world, 1)
    puller = await pulling(world, stream, ack_wait=0.3, max_deliver=2)
    assert await puller.fetch(3, wait=1.5) == ["0#1", "0#2"]
    assert await puller.left() == (0, 0)
    assert len(await world.stored(stream, f"{stream}.0")) == 1
    again = await pulling(world, stream, ack_wait=0.3, max_deliver=9)
    assert await again.fetch(1, wait=0.7) == []


async def test_waits_of_their_own_take_the_place_of_the_one(world: StreamWorld) -> None:
    stream = await numbered(world, 1)
    begin = time.monotonic()
    puller = await pulling(world, stream, backoff=[0.2, 0.6], max_deliver=4)
    for delivery, least in enumerate([0.0, 0.2, 0.8, 1.4], 1):
        assert await puller.fetch(1) == [f"0#{delivery}"]
        assert time.monotonic() - begin >= least
    assert await puller.fetch(1, wait=1.0) == []


async def test_what_is_renewed_does_not_come_again(world: StreamWorld) -> None:
    puller = await pulling(world, await numbered(world, 2), ack_wait=1.0)
    assert await puller.fetch(1) == ["0#1"]
    for _ in range(3):
        await asyncio.sleep(0.5)
        await puller.tell(0, "+WPI")
    assert await puller.fetch(1) == ["1#1"]


async def test_where_nothing_is_settled_nothing_is_pending_and_an_end_is_harmless(world: StreamWorld) -> None:
    puller = await pulling(world, await numbered(world, 2), ack="none")
    assert await puller.fetch(2) == ["0#1", "1#1"]
    await puller.tell(0, "+ACK")
    assert await puller.left() == (0, 0)


async def test_one_end_settles_all_before_it_where_a_durable_says_so(world: StreamWorld) -> None:
    puller = await pulling(world, await numbered(world, 4), ack="all")
    assert len(await puller.fetch(4)) == 4
    await puller.tell(2, "+ACK")
    assert await puller.left() == (1, 0)


async def test_an_end_after_the_durable_was_deleted_is_unheard_and_a_new_one_starts_over(world: StreamWorld) -> None:
    stream = await numbered(world, 2)
    puller = await pulling(world, stream)
    assert await puller.fetch(1) == ["0#1"]
    await world.remove(stream, "c")
    await puller.tell(0, "+ACK")
    assert await (await pulling(world, stream)).fetch(2) == ["0#1", "1#1"]


async def test_what_was_purged_from_the_stream_does_not_come_again(world: StreamWorld) -> None:
    stream = await numbered(world, 2)
    puller = await pulling(world, stream, ack_wait=0.3)
    assert await puller.fetch(1) == ["0#1"]
    await world.purge(stream)
    assert await puller.left() == (0, 0)
    assert await puller.fetch(1, wait=0.7) == []


async def gone(world: StreamWorld, stream: str) -> None:
    """Return when a stream has its durable no more."""
    async with asyncio.timeout(20):
        while await is_there(world, stream, "c"):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


async def test_a_durable_that_nobody_takes_from_goes_when_it_was_made_to(world: StreamWorld) -> None:
    stream = await numbered(world, 1)
    puller = await pulling(world, stream, inactive_threshold=0.5)
    assert await puller.fetch(1) == ["0#1"]
    await puller.tell(0, "+ACK")
    assert await is_there(world, stream, "c")
    await gone(world, stream)


@pytest.mark.parametrize("word", ["", "-NAK"])
async def test_a_durable_stays_while_what_it_handed_out_may_still_be_settled(world: StreamWorld, word: str) -> None:
    stream = await numbered(world, 1)
    puller = await pulling(world, stream, inactive_threshold=0.2)
    assert await puller.fetch(1) == ["0#1"]
    if word:
        await puller.tell(0, word)
    await asyncio.sleep(2.0)
    assert await is_there(world, stream, "c")
    await puller.tell(0, "+ACK")
    await gone(world, stream)


async def test_more_waits_than_deliveries_are_refused(world: StreamWorld) -> None:
    stream = await numbered(world, 0)
    with pytest.raises(StreamError, match=r"max deliver is required to be > length of backoff values \(10116\)"):
        await pulling(world, stream, backoff=[1.0, 2.0, 3.0], max_deliver=2)


# Where it begins, and what it takes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "seen"),
    [
        ("all", "abacbd"),
        ("last", "bd"),
        ("new", "d"),
        ("last_per_subject", "acbd"),
        (3, "acbd"),
        (7, "e"),
    ],
)
async def test_a_durable_begins_where_it_is_told(world: StreamWorld, start: Any, seen: str) -> None:
    address = await world.create("start")
    for token in "abacb":
        await world.put(f"{address}.{token}", b"")
    puller = await pulling(world, address, deliver=start, filters=[f"{address}.>"])
    for token in "de":
        await world.put(f"{address}.{token}", b"")
    assert await puller.fetch(len(seen)) == [f"{token}#1" for token in seen]


async def test_filters_take_what_they_name_in_the_order_of_the_stream(world: StreamWorld) -> None:
    address = await world.create("filters")
    for token in "abacb":
        await world.put(f"{address}.{token}", b"")
    puller = await pulling(world, address, filters=[f"{address}.c", f"{address}.a"])
    assert await puller.fetch(3) == ["a#1", "a#1", "c#1"]
    assert await puller.left() == (3, 0)


async def test_a_filter_outside_the_stream_is_taken_and_delivers_nothing(world: StreamWorld) -> None:
    stream = await numbered(world, 1)
    puller = await pulling(world, stream, filters=["elsewhere"])
    assert await puller.left() == (0, 0)
    assert await puller.fetch(1, wait=0.3) == []


async def test_the_last_of_every_subject_are_asked_for_by_subjects(world: StreamWorld) -> None:
    stream = await numbered(world, 0)
    with pytest.raises(
        StreamError, match=r"deliver last per subject, but optional filter subject is not set \(10094\)"
    ):
        await pulling(world, stream, deliver="last_per_subject")


async def test_filters_that_overlap_are_refused(world: StreamWorld) -> None:
    stream = await numbered(world, 0)
    with pytest.raises(StreamError, match=r"consumer subject filters cannot overlap \(10138\)"):
        await pulling(world, stream, filters=[f"{stream}.a", f"{stream}.*"])


@pytest.mark.parametrize(("change", "what"), [({"deliver": "new"}, "deliver policy"), ({"ack": "none"}, "ack policy")])
async def test_where_a_durable_began_and_how_it_settles_stay(
    world: StreamWorld, change: dict[str, Any], what: str
) -> None:
    stream = await numbered(world, 0)
    await pulling(world, stream)
    with pytest.raises(StreamError, match=rf"{what} can not be updated \(10012\)"):
        await pulling(world, stream, **change)


async def test_what_a_durable_takes_and_how_long_it_waits_may_change(world: StreamWorld) -> None:
    stream = await numbered(world, 3)
    await pulling(world, stream, filters=[f"{stream}.0"])
    changed = await pulling(world, stream, filters=[f"{stream}.2"], ack_wait=5.0)
    assert await changed.fetch(1) == ["2#1"]
    assert (await changed.config())["ack_wait"] == 5.0


# Who gets what --------------------------------------------------------------------------------------------------------


async def test_fewer_than_asked_for_come_at_once_and_the_rest_when_they_are_there(world: StreamWorld) -> None:
    stream = await numbered(world, 2)
    puller = await pulling(world, stream)
    ended = await puller.ask(3)
    async with asyncio.timeout(10):
        while len(puller.taken) < 2:  # noqa: ASYNC110 - they come by themselves
            await asyncio.sleep(0.005)
    assert not ended.is_set()
    await world.put(f"{stream}.2", b"")
    await ended.wait()
    assert puller.seen == ["0#1", "1#1", "2#1"]


async def test_no_more_is_handed_out_than_may_be_unsettled(world: StreamWorld) -> None:
    puller = await pulling(world, await numbered(world, 5), max_ack_pending=2)
    assert await puller.fetch(5, wait=0.5) == ["0#1", "1#1"]
    await puller.tell(0, "+ACK")
    assert await puller.fetch(5, wait=0.5) == ["2#1"]


async def test_of_two_that_wait_the_first_is_served_first(world: StreamWorld) -> None:
    stream = await numbered(world, 0)
    first, second = await pulling(world, stream), await pulling(world, stream)
    waiting = [await first.ask(1), await second.ask(1)]
    for number in range(2):
        await world.put(f"{stream}.{number}", b"")
    for one in waiting:
        await one.wait()
    assert (first.seen, second.seen) == (["0#1"], ["1#1"])


async def test_what_somebody_left_unsettled_comes_to_the_next_after_its_wait(world: StreamWorld) -> None:
    stream = await numbered(world, 3)
    first, second = await pulling(world, stream, ack_wait=1.0), await pulling(world, stream, ack_wait=1.0)
    assert await first.fetch(2) == ["0#1", "1#1"]
    assert await second.fetch(1) == ["2#1"]
    await second.tell(0, "+ACK")
    assert await second.fetch(2) == ["0#2", "1#2"]


# Retention ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["+ACK", "+TERM"])
async def test_a_work_queue_forgets_what_ended(world: StreamWorld, word: str) -> None:
    stream = await declared(world, retention="workqueue")
    for number in range(2):
        await world.put(f"{stream}.{number}", b"")
    puller = await pulling(world, stream)
    await puller.fetch(2)
    await puller.tell(0, word)
    assert [len(await world.stored(stream, f"{stream}.{number}")) for number in range(2)] == [0, 1]


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("", "", r"multiple non-filtered consumers not allowed on workqueue stream \(10099\)"),
        ("a", "a", r"filtered consumer not unique on workqueue stream \(10100\)"),
        ("a", "*", r"filtered consumer not unique on workqueue stream \(10100\)"),
    ],
)
async def test_a_work_queue_has_one_durable_for_each_subject(
    world: StreamWorld, first: str, second: str, text: str
) -> None:
    stream = await declared(world, retention="workqueue")
    filters = [[f"{stream}.{one}"] if one else [] for one in (first, second)]
    await pulling(world, stream, "c", filters=filters[0])
    with pytest.raises(StreamError, match=text):
        await pulling(world, stream, "d", filters=filters[1])


async def test_durables_of_a_work_queue_may_have_subjects_of_their_own(world: StreamWorld) -> None:
    stream = await declared(world, retention="workqueue")
    for token in "ab":
        puller = await pulling(world, stream, token, filters=[f"{stream}.{token}"])
        await world.put(f"{stream}.{token}", b"")
        assert await puller.fetch(1) == [f"{token}#1"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"deliver": "new"}, r"consumer must be deliver all on workqueue stream \(10101\)"),
        ({"ack": "none"}, r"requires explicit ack policy on workqueue stream \(10084\)"),
    ],
)
async def test_a_work_queue_is_consumed_whole_and_settled(
    world: StreamWorld, options: dict[str, Any], text: str
) -> None:
    stream = await declared(world, retention="workqueue")
    with pytest.raises(StreamError, match=text):
        await pulling(world, stream, **options)
