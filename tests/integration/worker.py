"""A worker for the tests that kill one: handles numbers by key and writes down what it handled.

Usage: worker.py SERVERS TOPIC FILE
"""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

from faststream_oo import Application, Key
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaSettings, consumes

SERVERS, TOPIC, FILE = sys.argv[1:4]
LOG = Path(FILE).open("a", buffering=1)  # noqa: SIM115 - open as long as the process lives


class Numbers(KafkaConsumer, group=f"{TOPIC}-g", concurrency=8, ordered_by=Key(), session_timeout=6.0):
    @consumes(TOPIC)
    async def number(self, number: int, key: Annotated[str, Key()]) -> None:
        await asyncio.sleep(0.001)
        LOG.write(f"{key} {number}\n")


if __name__ == "__main__":
    broker = KafkaBroker(KafkaSettings(servers=[SERVERS]))
    Application(consumers=[Numbers(broker)]).run()
