"""What an application holds does not grow with the messages that went through it."""

import gc
import tracemalloc

import pytest

from benchmarks.endurance import endured

WARM, MANY = 1_000, 2_000


@pytest.mark.timeout(300)
async def test_memory_stays_flat_however_many_messages_go_through() -> None:
    """A pointer kept for each message would be 8 bytes."""
    tracemalloc.start()
    try:
        before, after = await endured([WARM, MANY], traced)
    finally:
        tracemalloc.stop()

    assert after - before < 4 * MANY


def traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
