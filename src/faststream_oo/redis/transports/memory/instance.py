"""One embedded Redis server: its databases and channels, who is connected, and what a test can do to it."""

import asyncio
from itertools import count
from typing import Final, Protocol

from faststream_oo.clock import Clock
from faststream_oo.redis.transports.memory.database import Database
from faststream_oo.redis.transports.memory.pubsub import Channels

DATABASES: Final = 16
"""How many there are (Redis' default)."""


class Client(Protocol):
    """A connection, as the server sees it."""

    def lost(self, why: str, /) -> None:
        """It is no more."""

    def unblock(self, *, error: bool) -> bool:
        """End the command that it waits for, as its time-out would or by an error; False when it waits for none."""
        ...


class MemoryServer:
    """A Redis server inside the process, for as long as the object lives; it forgets nothing when it goes down.

    Args:
        clock: Where time comes from.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.online = asyncio.Event()
        """Set while the server answers."""
        self.online.set()
        self.channels = Channels()
        self.clients: dict[int, Client] = {}
        """Who is connected, by number."""
        self._numbers = count(1)
        self._databases = [Database(clock) for _ in range(DATABASES)]

    def database(self, number: int, /) -> Database:
        """Return a database."""
        return self._databases[number]

    def connect(self, client: Client, /) -> int:
        """Take a connection, and return its number."""
        number = next(self._numbers)
        self.clients[number] = client
        return number

    def down(self) -> None:
        """End as a killed server does that wrote everything down: every connection is lost."""
        self.online.clear()
        self.disconnect("the embedded Redis is down")

    def up(self) -> None:
        """Answer again; nobody is connected."""
        self.online.set()

    def disconnect(self, why: str = "Connection closed by server.", /) -> None:
        """End every connection that there is."""
        for client in tuple(self.clients.values()):
            client.lost(why)
