"""What an application holds does not grow with the messages that went through it."""

import gc
import tracemalloc
from collections.abc import Mapping
from itertools import pairwise

import pytest

from benchmarks.endurance import Order, Orders, endured
from faststream_oo.kafka import KafkaBroker, consumes, produces

PART = 1_000

Line = tuple[str, int]
"""A file and a line in it."""


class Leaking(Orders):
    def __init__(self, broker: KafkaBroker) -> None:
        super().__init__(broker)
        self.kept: list[Order] = []

    @consumes("orders")
    @produces("handled", key="order_id")
    async def order(self, order: Order) -> Order:
        self.kept.append(order)
        return order


@pytest.mark.timeout(300)
async def test_memory_stays_flat_however_many_messages_go_through() -> None:
    assert await growing(Orders, parts=8) == set()


@pytest.mark.timeout(300)
async def test_what_is_kept_of_each_message_is_noticed() -> None:
    assert await growing(Leaking, parts=3) != set()


async def growing(consumer: type[Orders], parts: int) -> set[Line]:
    """Return the lines whose memory grew by a byte a message or more in every part.

    What is made once falls into one part. And of what waits for the next message as many are full as there were messages
    at once: that goes up and down, by more than a small leak, so that the sum of all lines tells nothing.
    """
    tracemalloc.start()
    try:
        found = await endured([PART] * parts, held, consumer)
    finally:
        tracemalloc.stop()
    more = [{line for line in after if after[line] - before.get(line, 0) >= PART} for before, after in pairwise(found)]
    return set[Line]().union(*more).intersection(*more)


def held() -> Mapping[Line, int]:
    """Return how many bytes each line has made that are still there, but for what is measured with."""
    gc.collect()
    ours = [tracemalloc.Filter(inclusive=False, filename_pattern=name) for name in (tracemalloc.__file__, __file__)]
    found = tracemalloc.take_snapshot().filter_traces(ours).statistics("lineno")
    return {(one.traceback[0].filename, one.traceback[0].lineno): one.size for one in found}
