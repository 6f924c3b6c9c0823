"""Workers in processes of their own, to be killed and stopped, and what they wrote down."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

from tests.integration.worlds import World

ROOT = Path(__file__).parents[2]


async def worker(kind: str, world: World, address: str, log: Path) -> Process:
    """Start a worker on an address, and return when it takes messages."""
    command = ("-m", "tests.integration.worker", kind, address, world.group, str(log))
    process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdout=PIPE, stderr=DEVNULL)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


def handled(log: Path) -> list[tuple[str, int]]:
    """Return keys and numbers in the order in which a worker handled them."""
    if not log.exists():
        return []
    lines = [line for line in log.read_text().split("\n")[:-1] if line.count(" ") == 1]
    return [(line.split()[0], int(line.split()[1])) for line in lines]


async def fill(world: World, address: str, first: int, count: int) -> None:
    """Write numbers under forty keys."""
    for begin in range(first, first + count, 500):
        numbers = range(begin, min(begin + 500, first + count))
        await asyncio.gather(*(world.put(address, str(n).encode(), f"k{n % 40}".encode()) for n in numbers))
