"""The inbox matches replies to requests by id, frees what is over, and counts what nobody waits for."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faststream_oo.errors import LifecycleError, TransportError
from faststream_oo.kafka import KafkaMessage
from faststream_oo.requests import Inbox
from faststream_oo.testing.virtual import VirtualClock


def reply(request_id: str) -> KafkaMessage:
    return KafkaMessage(headers={"fsoo-request-id": request_id})


def run(clock: VirtualClock, seconds: float) -> None:
    until = clock.time() + seconds
    while clock.run_next(until):
        pass


async def test_each_request_gets_its_own_reply() -> None:
    inbox = Inbox(VirtualClock())
    first, second = inbox.expect("a", 1.0), inbox.expect("b", 1.0)
    replies = [reply("b"), reply("a")]

    inbox.feed(replies)

    assert (await first, await second) == (replies[1], replies[0])
    assert not inbox.waiting


async def test_a_reply_of_somebody_else_s_making_is_matched_by_its_correlation_id() -> None:
    inbox = Inbox(VirtualClock())
    waiting = inbox.expect("a", 1.0)
    foreign = KafkaMessage(correlation_id="a")

    inbox.feed([foreign])

    assert await waiting is foreign


async def test_replies_that_nobody_waits_for_are_counted() -> None:
    inbox = Inbox(VirtualClock())
    waiting = inbox.expect("a", 1.0)

    inbox.feed([reply("b"), KafkaMessage(), reply("a"), reply("a")])

    assert waiting.done()
    assert inbox.unknown == 3


async def test_silence_is_none_and_a_late_reply_is_unknown() -> None:
    clock = VirtualClock()
    inbox = Inbox(clock)
    waiting = inbox.expect("a", 1.0)

    run(clock, 0.999)
    assert not waiting.done()
    run(clock, 0.001)

    assert await waiting is None
    inbox.forget("a", waiting)
    inbox.feed([reply("a")])
    assert inbox.unknown == 1


async def test_what_waits_fails_when_the_inbox_does() -> None:
    inbox = Inbox(VirtualClock())
    waiting = inbox.expect("a", 1.0)

    inbox.fail(ConnectionError("gone"))

    with pytest.raises(TransportError, match="replies cannot be received: gone"):
        await waiting


async def test_what_waits_fails_when_the_broker_is_closed() -> None:
    inbox = Inbox(VirtualClock())
    waiting = inbox.expect("a", 1.0)

    inbox.close(LifecycleError("closed"))

    with pytest.raises(LifecycleError):
        await waiting


ids = st.sampled_from("abcd")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), ids),
        st.tuples(st.just("reply"), ids),
        st.tuples(st.just("cancel"), ids),
        st.tuples(st.just("wait"), st.just("")),
    ),
    max_size=60,
)


@given(steps)
def test_whatever_comes_in_between_every_request_ends_once_and_every_reply_is_used_or_counted(
    steps: list[tuple[str, str]],
) -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        inbox = Inbox(clock)
        waiting: dict[str, asyncio.Future[object]] = {}
        asked = answered = silent = cancelled = replies = 0
        for step, name in steps:
            if step == "ask" and name not in waiting:
                waiting[name] = inbox.expect(name, 1.0)  # type: ignore[assignment]  # futures are invariant
                asked += 1
            elif step == "reply":
                inbox.feed([reply(name)])
                replies += 1
                if name in waiting:
                    assert await waiting.pop(name) is not None
                    answered += 1
            elif step == "cancel" and name in waiting:
                inbox.forget(name, waiting.pop(name))  # type: ignore[arg-type]  # futures are invariant
                cancelled += 1
            elif step == "wait":
                run(clock, 1.0)
                for silenced in list(waiting):
                    over = waiting.pop(silenced)
                    assert await over is None
                    inbox.forget(silenced, over)  # type: ignore[arg-type]  # futures are invariant
                    silent += 1
        assert set(inbox.waiting) == set(waiting)
        assert asked == answered + silent + cancelled + len(waiting)
        assert replies == answered + inbox.unknown

    asyncio.run(scenario())
