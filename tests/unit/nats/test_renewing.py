"""Leases of what is held are renewed in time, and no clock is set going while nothing is held."""

import asyncio
from collections.abc import Sequence

from faststream_oo.nats.address import Subject
from faststream_oo.nats.client.renewing import Renewing
from faststream_oo.nats.leases import Acks, StreamClaims, Told
from faststream_oo.nats.message import ReceivedMessage
from faststream_oo.nats.transports.memory.server import Delivered
from tests.unit.kafka.clock import ManualClock
from tests.unit.kafka.sinks import RecordingSink


class Holding(RecordingSink):
    """A sink that holds what a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[ReceivedMessage] = []

    def holding(self) -> Sequence[ReceivedMessage]:
        return self.messages


async def test_what_is_held_is_renewed_at_a_third_until_it_is_let_go() -> None:
    clock, sink, told = ManualClock(), Holding(), list[Told]()
    claims = StreamClaims([Subject("s")], "c", Acks(told.extend))
    renewing = Renewing(sink, claims.all, 30.0, clock)
    reply = "$JS.ACK.S.c.1.1.1.1700000000000000000.0"

    await clock.advance(100.0)
    assert told == []

    sink.messages.append(claims.received(Delivered("s", b"", reply)))
    renewing.arm()
    renewing.arm()  # for another that came
    await clock.advance(25.0)
    await asyncio.sleep(0)
    assert told == [(reply, b"+WPI", "", None)] * 2

    sink.messages.clear()
    await clock.advance(100.0)
    assert len(told) == 2
    assert clock._timers == []


async def test_nothing_is_renewed_after_the_end() -> None:
    clock, sink, told = ManualClock(), Holding(), list[Told]()
    claims = StreamClaims([Subject("s")], "c", Acks(told.extend))
    renewing = Renewing(sink, claims.all, 30.0, clock)
    sink.messages.append(claims.received(Delivered("s", b"", "$JS.ACK.S.c.1.1.1.1.0")))
    renewing.arm()
    renewing.close()
    await clock.advance(100.0)
    assert told == []
