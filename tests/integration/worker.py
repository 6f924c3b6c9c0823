"""A worker for the tests that kill one: handles numbers by key and writes down what it handled.

Usage: python -m tests.integration.worker KIND ADDRESS GROUP FILE
"""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

from faststream_oo import Application, Key
from tests.integration.kinds import KINDS


def main(kind: str, address: str, group: str, file: str) -> None:
    world = KINDS[kind].made()
    world.group = group
    log = Path(file).open("a", buffering=1)  # noqa: SIM115 - open as long as the process lives

    @world.consumes(address)
    async def number(self: Any, number: int, key: Annotated[str, Key()]) -> None:
        await asyncio.sleep(0.001)
        log.write(f"{key} {number}\n")

    numbers = world.consumer_of(world.broker(), number, concurrency=8, ordered_by=Key(), **world.impatient)
    Application(consumers=[numbers]).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
