"""Who has our static id is noticed by what it takes from us, and nobody else is taken for it."""

import pytest

from faststream_oo.errors import TransportError
from faststream_oo.kafka.options import KafkaSourceOptions
from faststream_oo.kafka.transports.aiokafka.rival import Rival
from tests.unit.kafka.clock import ManualClock

errors = pytest.importorskip("aiokafka.errors")
FENCED = errors.KafkaError(repr(errors.UnknownError()))


@pytest.fixture
def rival(clock: ManualClock) -> Rival:
    return Rival("orders", KafkaSourceOptions(group_instance_id="same", session_timeout=45.0), clock)


async def test_a_membership_that_is_taken_away_five_times_in_a_row_is_a_rival(rival: Rival, clock: ManualClock) -> None:
    for _ in range(4):
        await _lost(rival, clock, 44.0)
    with pytest.raises(TransportError, match='orders cannot be consumed: group_instance_id="same" is used by another'):
        await _lost(rival, clock, 44.0)


async def test_a_membership_that_may_have_expired_was_not_taken_away(rival: Rival, clock: ManualClock) -> None:
    for _ in range(4):
        await _lost(rival, clock, 1.0)
    await _lost(rival, clock, 45.0)
    for _ in range(4):
        await _lost(rival, clock, 1.0)


async def test_rebalances_take_nothing_away(rival: Rival, clock: ManualClock) -> None:
    for _ in range(10):
        rival.left(thrown_out=False)
        rival.joined()
        await clock.advance(1.0)


def test_who_never_was_a_member_lost_nothing(rival: Rival) -> None:
    for _ in range(10):
        rival.left(thrown_out=True)


async def test_a_member_that_is_refused_again_and_again_is_fenced(rival: Rival, clock: ManualClock) -> None:
    for _ in range(4):
        rival.refused(FENCED)
    with pytest.raises(TransportError, match='group_instance_id="same" is used by another process too, or'):
        rival.refused(FENCED)


def test_a_member_that_is_refused_as_it_starts_is_fenced(rival: Rival) -> None:
    with pytest.raises(TransportError, match='group_instance_id="same" is used by another process too, or'):
        rival.refused(FENCED, most=1)


@pytest.mark.parametrize("error", [errors.KafkaConnectionError(), errors.KafkaError("no"), errors.UnknownError()])
def test_other_errors_are_no_refusals(rival: Rival, error: Exception) -> None:
    rival.refused(error, most=1)


async def test_a_dynamic_member_has_no_rival(clock: ManualClock) -> None:
    rival = Rival("orders", KafkaSourceOptions(), clock)
    for _ in range(10):
        rival.refused(FENCED)
        await _lost(rival, clock, 1.0)


async def _lost(rival: Rival, clock: ManualClock, seconds: float) -> None:
    """Be a member for so long, and be thrown out."""
    rival.joined()
    await clock.advance(seconds)
    rival.left(thrown_out=True)
