"""Brokers of a test run's own, which a test may kill: the shared ones are never touched."""

import asyncio
import os
import random
import shlex
import socket
import subprocess
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SCRIPT: Final = Path(__file__).parents[2] / "scripts" / "brokers.sh"
PORTS: Final[Mapping[str, Sequence[int]]] = {
    "kafka": (0, 1, 2, 3, 4),
    "rabbit": (-1, 0, 10_000, 20_000, 20_001),
    "nats": (0, 1, 4_000),
    "redis": (0, 1),
}
"""Ports that a broker takes, from its first one."""


class PrivateBroker:
    """A real broker on loopback with ports and data of its own.

    `address` and `addresses` stay the same through kills and restarts, and so does the data.

    Args:
        name: kafka, rabbit, nats or redis.
        directory: Where its data is.
        variables: More of the environment that `scripts/brokers.sh` reads.
    """

    def __init__(self, name: str, directory: Path, variables: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.addresses: Mapping[str, str] = {}
        """What `scripts/brokers.sh env` tells, by the names of there."""
        port = {f"{name.upper()}_PORT": str(_free_port(PORTS[name]))}
        # A test never installs packages of the system.
        self._environment = {
            **os.environ,
            "BROKERS_DIR": str(directory),
            "BROKERS_INSTALL": "no",
            **port,
            **(variables or {}),
        }

    @property
    def address(self) -> str:
        """Where a client finds it: `host:port` for Kafka, a URL for the others."""
        return next(iter(self.addresses.values()))

    def start(self) -> None:
        """Start it, unless it runs. Raises MissingBrokerError."""
        output = self._call("start")
        self.addresses = dict(line.split("=", 1) for line in shlex.split(output))

    async def kill(self) -> None:
        """End it by SIGKILL, and return when its ports are closed."""
        await asyncio.to_thread(self._call, "kill")

    async def restart(self) -> None:
        """Start it again with its data, and return when it answers."""
        await asyncio.to_thread(self._call, "restart")

    def end(self) -> None:
        """Leave nothing running."""
        self._call("kill")

    def _call(self, command: str) -> str:
        called = subprocess.run(
            [SCRIPT, command, self.name], env=self._environment, capture_output=True, text=True, check=False
        )
        if called.returncode != 0:
            raise MissingBrokerError(f"scripts/brokers.sh {command} {self.name}: {called.stderr.strip()}")
        return called.stdout


class MissingBrokerError(Exception):
    """A broker cannot be started on this machine."""


class PrivateBrokers:
    """The private brokers of a test run, each started when it is first asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: dict[str, PrivateBroker] = {}

    def running(self, name: str) -> PrivateBroker:
        """Return a broker that runs, whatever the test before did to it. Raises MissingBrokerError."""
        if name not in self._started:
            self._started[name] = PrivateBroker(name, self._directory / name)
        broker = self._started[name]
        broker.start()
        return broker

    def end(self) -> None:
        for broker in self._started.values():
            broker.end()


@contextmanager
def private() -> Generator[PrivateBrokers]:
    """Private brokers that are gone with their data at the end."""
    with tempfile.TemporaryDirectory(prefix="brokers-") as directory:
        brokers = PrivateBrokers(Path(directory))
        try:
            yield brokers
        finally:
            brokers.end()


def _free_port(offsets: Sequence[int]) -> int:
    """Return a port that is free, and those that go with it; all below what the system hands out by itself."""
    for _ in range(100):
        first = random.randrange(10_000, 12_700, 5)
        if all(_is_free(first + offset) for offset in offsets):
            return first
    raise MissingBrokerError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
