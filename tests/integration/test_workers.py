"""Workers that are killed, on every real broker that promises at least once."""

import signal
from pathlib import Path

import pytest

from tests.integration.kinds import real
from tests.integration.workers import fill, handled, worker
from tests.integration.worlds import World, until

COUNT = 3000


@real
@pytest.mark.timeout(180)
async def test_a_worker_killed_three_times_loses_nothing(
    world: World, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    kind = request.node.callspec.params["world"]
    address, log = await world.create("kill"), tmp_path / "handled"
    await fill(world, address, 0, COUNT)
    for kill in range(3):
        process = await worker(kind, world, address, log)
        wanted = (kill + 1) * 600
        await until(lambda: len(handled(log)) >= wanted, 60)  # noqa: B023 - awaited in the turn
        process.send_signal(signal.SIGKILL)
        await process.wait()
    process = await worker(kind, world, address, log)
    await until(lambda: len({number for _, number in handled(log)}) == COUNT, 60)
    process.send_signal(signal.SIGTERM)

    assert await process.wait() == 0
    assert {number for _, number in handled(log)} == set(range(COUNT))
