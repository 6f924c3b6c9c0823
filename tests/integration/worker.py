"""A worker for the tests that kill one: handles numbers by key, writes down what it handled, and says when it is ready.

Usage: python -m tests.integration.worker KIND ADDRESS GROUP FILE
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from faststream_oo import Application, Key
from tests.integration.kinds import KINDS


@asynccontextmanager
async def ready() -> AsyncGenerator[None]:
    """Say that messages are taken, and signals heard."""
    print("ready", flush=True)
    yield


def main(kind: str, address: str, group: str, file: str) -> None:
    world = KINDS[kind].made()
    world.group = group
    log = Path(file).open("a", buffering=1)  # noqa: SIM115 - open as long as the process lives

    @world.consumes(address)
    async def number(self: Any, number: int, key: Annotated[str, Key()]) -> None:
        await asyncio.sleep(0.001)
        log.write(f"{key} {number}\n")

    numbers = world.consumer_of(world.broker(), number, concurrency=8, ordered_by=Key(), **world.impatient)
    Application(consumers=[numbers], serving=ready()).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
