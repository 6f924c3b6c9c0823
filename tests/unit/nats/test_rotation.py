"""A JWT that ends: when it is looked for another one, and when a connection is made anew."""

import pytest
from attrs import define

from faststream_oo.nats.transports.nats_py.rotation import Rotation
from tests.unit.kafka.clock import ManualClock


@define
class Jwt:
    ends: float | None
    replaced: bool = False


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def made() -> list[None]:
    """As many as there were connections made anew."""
    return []


@pytest.fixture
def rotation(clock: ManualClock, made: list[None]) -> Rotation:
    async def reconnect() -> None:
        made.append(None)

    return Rotation(reconnect, clock)


async def test_another_jwt_is_looked_for_when_half_of_the_time_is_over_and_half_of_the_rest(
    rotation: Rotation, clock: ManualClock, made: list[None]
) -> None:
    jwt = Jwt(clock.wall() + 100.0)
    rotation.shown(jwt)
    await clock.advance(50.0)
    jwt.replaced = True
    await clock.advance(24.9)
    assert made == []
    await clock.advance(0.2)
    assert made == [None]


async def test_it_is_looked_until_the_end_and_not_behind_it(
    rotation: Rotation, clock: ManualClock, made: list[None]
) -> None:
    jwt = Jwt(clock.wall() + 100.0)
    rotation.shown(jwt)
    await clock.advance(98.0)
    jwt.replaced = True
    await clock.advance(2.0)
    assert made
    seen = len(made)
    await clock.advance(1000.0)
    assert len(made) <= seen + 1


async def test_what_was_shown_before_counts_no_more(rotation: Rotation, clock: ManualClock, made: list[None]) -> None:
    rotation.shown(Jwt(clock.wall() + 100.0, replaced=True))
    rotation.shown(Jwt(None))
    for _ in range(10):
        await clock.advance(10.0)
    assert made == []


async def test_nothing_is_looked_for_after_a_close(rotation: Rotation, clock: ManualClock, made: list[None]) -> None:
    rotation.shown(Jwt(clock.wall() + 100.0, replaced=True))
    rotation.close()
    for _ in range(10):
        await clock.advance(10.0)
    assert made == []


async def test_a_client_that_goes_on_after_a_close_lets_nothing_be_looked_for(
    rotation: Rotation, clock: ManualClock, made: list[None]
) -> None:
    rotation.close()
    rotation.shown(Jwt(clock.wall() + 100.0, replaced=True))
    for _ in range(10):
        await clock.advance(10.0)
    assert made == []
