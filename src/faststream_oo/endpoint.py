"""Where a broker is: reached with patience, and named in what fails there."""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from faststream_oo.errors import ConnectError, TransportError
from faststream_oo.transport import Transport

_log = logging.getLogger("faststream_oo")


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
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
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
                    fields = {"broker": error.broker, "servers": error.servers, "cause": error.cause}
                    text = "waiting for %s at %s: %s"
                    _log.warning(text, error.broker, error.servers, error.cause, extra={"fields": fields})
                await asyncio.sleep(pause)
                pause = min(pause * 2, 4.0)
            except TimeoutError as error:
                if refused is not None:  # it said why, before the time was over in the middle of the next attempt
                    raise refused from error
                raise self.silent(timeout) from error

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
