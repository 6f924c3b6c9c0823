"""Delays of retries: a floor, a cap, and jitter that only lengthens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faststream_oo import Exponential, RetryPolicy

seconds = st.floats(0, 1000)


@given(
    first=seconds, cap=seconds, factor=st.floats(1, 10), jitter=st.floats(0, 2), retry=st.integers(1, 2000)
)  # fmt: skip
def test_an_exponential_delay_is_never_below_its_floor_nor_above_its_longest(
    first: float, cap: float, factor: float, jitter: float, retry: int
) -> None:
    delay = Exponential(first, cap=cap, factor=factor, jitter=jitter)

    waited = RetryPolicy(delay=delay).wait(retry)

    assert delay.floor(retry) <= waited <= delay.longest(retry)
    assert delay.floor(retry) <= cap


@given(first=seconds, cap=seconds, factor=st.floats(1, 10), retry=st.integers(1, 500))
def test_a_delay_never_shrinks_from_one_retry_to_the_next(first: float, cap: float, factor: float, retry: int) -> None:
    delay = Exponential(first, cap=cap, factor=factor)

    assert delay.floor(retry) <= delay.floor(retry + 1)


@given(delays=st.lists(seconds, min_size=1, max_size=5), attempts=st.integers(1, 10))
def test_the_last_of_the_listed_delays_repeats(delays: list[float], attempts: int) -> None:
    policy = RetryPolicy(attempts=attempts, delay=delays)

    expected = [delays[min(retry, len(delays) - 1)] for retry in range(attempts - 1)]
    assert [policy.wait(retry) for retry in range(1, attempts)] == expected
    assert policy.longest_wait == pytest.approx(sum(expected))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="attempts"):
        RetryPolicy(attempts=0)
    with pytest.raises(ValueError, match="seconds are 0 or more"):
        RetryPolicy(delay=-1.0)
    with pytest.raises(ValueError, match="deadline"):
        RetryPolicy(deadline=0.0)
