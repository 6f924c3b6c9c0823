"""What an application holds does not grow with the messages that went through it."""

import gc
import tracemalloc
from itertools import pairwise

import pytest

from benchmarks.endurance import endured

PART, PARTS = 1_000, 4


@pytest.mark.timeout(300)
async def test_memory_stays_flat_however_many_messages_go_through() -> None:
    """A pointer kept for each message would be 8 bytes, in every part; what is made once falls into one of them."""
    tracemalloc.start()
    try:
        found = await endured([PART] * PARTS, traced)
    finally:
        tracemalloc.stop()

    assert min(after - before for before, after in pairwise(found)) < 4 * PART


def traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
