"""Where a broker is: reached with patience, and named in what fails there."""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from attrs import frozen

from faststream_oo.errors import ConnectError, TransportError
from faststream_oo.transport import Transport

_log = logging.getLogger("faststream_oo")
_QUIET_SECONDS: Final = 3.0
"""So long a broker may take to answer before somebody is told that it is waited for."""


@frozen
class Endpoint:
    """The servers of one broker.

    Attributes:
        protocol: As `kafka`.
        servers: Where it connects, without credentials.
    """

    protocol: str
    servers: str

    async def reach(self, transport: Transport[Any], timeout: float, /) -> None:  # noqa: ASYNC109 - of all tries
        """Open a transport, trying again until so many seconds are over or the broker refuses us. Raises ConnectError."""
        quiet = asyncio.get_running_loop().call_later(_QUIET_SECONDS, self._say_waiting, "no answer yet")
        try:
            await self._reach(transport, timeout, quiet)
        finally:
            quiet.cancel()

    async def _reach(self, transport: Transport[Any], seconds: float, quiet: asyncio.TimerHandle) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        pause = 0.25
        refused: ConnectError | None = None
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    return await transport.open()
            except ConnectError as error:
                refused = error
                if error.refused or loop.time() + pause >= deadline:
                    raise
                if pause == 0.25:
                    quiet.cancel()
                    self._say_waiting(error.cause, error.hint)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 4.0)
            except TimeoutError as error:
                if refused is not None:  # it said why, before the time was over in the middle of the next attempt
                    raise refused from error
                raise self.silent(seconds) from error

    def _say_waiting(self, cause: str, hint: str = "") -> None:
        fields = {"broker": self.protocol, "servers": self.servers, "cause": cause, **({"hint": hint} if hint else {})}
        _log.warning("waiting for %s at %s: %s", self.protocol, self.servers, cause, extra={"fields": fields})

    def silent(self, seconds: float, /) -> ConnectError:
        """Return the error of a broker that did not answer in so many seconds."""
        return ConnectError(self.protocol, self.servers, f"no answer in {seconds:g} s")

    def located(self, error: BaseException, /) -> BaseException:
        """Return a failure of the broker with its place, for an application that cannot go on; any other as it is."""
        if isinstance(error, ConnectError) or not isinstance(error, TransportError):
            return error
        return ConnectError(self.protocol, self.servers, str(error), error.hint, refused=True)

    @contextmanager
    def locating(self) -> Generator[None]:
        """Raise ConnectError, which says where, for what the broker refuses at the start."""
        try:
            yield
        except ConnectError:
            raise
        except TransportError as error:
            raise self.located(error) from error
