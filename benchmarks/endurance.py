"""A million messages through one application on the embedded Kafka: what it holds must not grow with them.

`python -m benchmarks.endurance [--messages N]`
"""

import argparse
import asyncio
import resource
import sys
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from attrs import frozen

from faststream_oo import Application, Batch, Key, Retry, RetryPolicy
from faststream_oo.clock import LoopClock
from faststream_oo.current import Embedding, embedded
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaSettings, consumes, produces
from faststream_oo.kafka.transports.memory import MemoryCluster

T = TypeVar("T")

MESSAGES: Final = 1_000_000
_PORTION: Final = 500
_FAILING: Final = 100
"""One in so many is handled twice."""


@frozen
class Order:
    order_id: str
    number: int


class Orders(KafkaConsumer, group="endurance", concurrency=16, ordered_by=Key(), retry=RetryPolicy(delay=0.001)):
    def __init__(self, broker: KafkaBroker) -> None:
        super().__init__(broker)
        self.failed: set[int] = set()

    @consumes("orders")
    @produces("handled", key="order_id")
    async def order(self, order: Order) -> Order:
        if order.number % _FAILING == 0 and order.number not in self.failed:
            self.failed.add(order.number)
            raise Retry
        self.failed.discard(order.number)
        return order


async def endured(parts: Sequence[int], measure: Callable[[], T], consumer: type[Orders] = Orders) -> Sequence[T]:
    """Send messages through one application in parts, each with a key of its own; return what was measured after each."""
    embedding = Embedding(LoopClock())
    settings = KafkaSettings()
    cluster: MemoryCluster = embedding.cluster(("kafka", settings.servers), MemoryCluster)
    number = 0
    found: list[T] = []
    with embedded(embedding):
        broker = KafkaBroker(settings)
        async with Application(consumers=[consumer(broker)]):
            [subscription] = broker.subscriptions
            for part in parts:
                for _ in range(0, part, _PORTION):
                    number += _PORTION
                    many = [Order(f"order-{n}", n) for n in range(number - _PORTION, number)]
                    await broker.publish("orders", Batch(many))
                    while await subscription.lag() or subscription.in_flight:  # noqa: ASYNC110 - no event for it
                        await asyncio.sleep(0.001)
                    for topic in ("orders", "handled"):  # the embedded broker keeps what is not deleted
                        for log in cluster.topics[topic]:
                            cluster.delete_records(topic, log.partition, log.end)
                found.append(measure())
    return found


def peak() -> int:
    """Return the most memory that this process has had, in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Measure after a fifth, and at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance")
    parser.add_argument("--messages", type=int, default=MESSAGES)
    count = parser.parse_args().messages
    early, late = asyncio.run(endured([count // 5, count - count // 5], peak))
    print(f"peak after {count // 5:,} messages {early / 1024:.1f} MB, after {count:,} {late / 1024:.1f} MB")
    sys.exit(late > early * 1.05)


if __name__ == "__main__":
    main()
