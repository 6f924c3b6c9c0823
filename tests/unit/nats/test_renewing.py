"""Leases of what is held are renewed in time, and no clock is set going while nothing is held."""

import asyncio

import pytest
from attrs import define

from faststream_oo.nats.address import Subject
from faststream_oo.nats.client.renewing import Renewing
from faststream_oo.nats.leases import Acks, StreamClaims, Told
from faststream_oo.nats.message import ReceivedMessage
from faststream_oo.nats.transports.memory.server import Delivered
from tests.unit.kafka.clock import ManualClock

REPLY = "$JS.ACK.S.c.1.1.1.1700000000000000000.0"
RENEWED = (REPLY, b"+WPI", "", None)


@define
class Held:
    """A message of a consumer that is held, as long as it stays in `messages`."""

    clock: ManualClock
    told: list[Told]
    messages: list[ReceivedMessage]
    renewing: Renewing


@pytest.fixture
async def held() -> Held:
    clock, told, messages = ManualClock(), list[Told](), list[ReceivedMessage]()
    claims = StreamClaims([Subject("s")], "c", Acks(told.extend))
    messages.append(claims.received(Delivered("s", b"", REPLY)))
    return Held(clock, told, messages, Renewing(lambda: messages, clock, 30.0))


async def test_what_is_held_is_renewed_at_a_third_until_it_is_let_go(held: Held) -> None:
    await held.clock.advance(100.0)
    assert held.told == []

    held.renewing.arm()
    held.renewing.arm()  # for another that came
    await held.clock.advance(25.0)
    await asyncio.sleep(0)
    assert held.told == [RENEWED] * 2

    held.messages.clear()
    await held.clock.advance(100.0)
    assert len(held.told) == 2
    assert held.clock._timers == []


async def test_what_was_not_held_for_a_while_is_renewed_at_once_and_in_time_again(held: Held) -> None:
    held.renewing.arm()
    away = held.messages.copy()
    held.messages.clear()
    await held.clock.advance(100.0)
    held.messages += away
    held.renewing.renew()
    await asyncio.sleep(0)
    assert held.told == [RENEWED]
    await held.clock.advance(10.0)
    await asyncio.sleep(0)
    assert held.told == [RENEWED] * 2


async def test_nothing_is_renewed_after_the_end(held: Held) -> None:
    held.renewing.arm()
    held.renewing.close()
    await held.clock.advance(100.0)
    assert held.told == []
