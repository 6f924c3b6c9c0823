"""One connection of nats-py: made once and told about, reconnected by the client itself, closed for good."""

import asyncio
import contextlib
import logging
import ssl
from collections import deque
from collections.abc import Callable, Generator
from typing import Final, Protocol

from nats import errors
from nats.aio.client import Client

from faststream_oo.clock import LoopClock
from faststream_oo.encryption import encryption
from faststream_oo.errors import TransportError
from faststream_oo.nats.options import NatsSettings
from faststream_oo.nats.transports.nats_py.credentials import LoginOptions, login_options
from faststream_oo.nats.transports.nats_py.refusals import PERMISSION_HINT, connect_error, describe
from faststream_oo.nats.transports.nats_py.rotation import Rotation
from faststream_oo.network import PlainPortError
from faststream_oo.security import Tls

ANSWER_SECONDS: Final = 5
"""Longest time that the server may take to accept a connection or to answer a question."""

RECONNECT_SECONDS: Final = 0.5
"""Between two tries at one server after the connection was lost; there is no last try."""

PING_SECONDS: Final = 20
"""Between two questions whether the server is there; after two without an answer the connection is lost."""

_DENIALS: Final = 100
"""Permissions violations that are remembered."""

_log = logging.getLogger("faststream_oo")


class Listener(Protocol):
    """What hears about the connection."""

    def away(self, reason: str, /) -> None:
        """The server was lost; the client tries to reconnect."""

    def back(self) -> None:
        """The server is back, and everything is subscribed again."""

    def ended(self, error: TransportError, /) -> None:
        """The client gave up."""

    def overflowed(self, subscription: object, /) -> None:
        """The client dropped a message of a subscription, as its buffer is full."""


class _Client(Client):
    """Tells whether the connection that is being made is encrypted: the client goes on in plain text where a server does."""

    encrypted = False

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """What to encrypt with; asked for when the server wants it."""
        self.encrypted = True
        return super().ssl_context


class NatsConnection:
    """The client with what it calls back.

    Args:
        settings: Where to.
    """

    def __init__(self, settings: NatsSettings) -> None:
        self._settings = settings
        self._listeners: list[Listener] = []
        self._failures: list[Exception] = []
        self._gave_up = asyncio.Event()
        self._closing = False
        self._left = False
        self.leaving = False
        """Whether it is about to be closed: nobody waits for the server to clear away what it clears away by itself."""
        self.over: TransportError | None = None
        """Why the client gave up by itself."""
        self._denials: deque[str] = deque(maxlen=_DENIALS)
        self._denied = 0
        self.denied: list[Callable[[str], object]] = []
        """Called with what the server says when a user may not publish or subscribe to something."""
        self._cause = "the connection was lost"
        self.online = asyncio.Event()
        """Set while the server answers."""
        self.client = _Client()
        self._tls: ssl.SSLContext | None = None
        self.inbox_prefix = settings.inbox_prefix
        self._rotation = Rotation(self._connect_anew, LoopClock())

    async def open(self) -> None:
        """Try every server once.

        Raises:
            ConnectError: None takes us.
            SetupError: A file of `tls` or `auth` cannot be used.
        """
        asked = any(server.startswith("tls://") for server in self._settings.servers)
        self._tls = encryption(self._settings.tls or (Tls() if asked else None), "nats")
        login = login_options(self._settings.auth, self._check_encrypted, self._rotation.shown)
        connecting = asyncio.ensure_future(self._connect(login))
        giving_up = asyncio.ensure_future(self._gave_up.wait())
        try:
            await asyncio.wait({connecting, giving_up}, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                raise await connect_error(self._settings, self._failures[-1], self._tls) from self._failures[-1]
            try:
                connecting.result()
                self._check_encrypted()
            except (errors.Error, OSError) as error:
                raise await connect_error(self._settings, error, self._tls) from error
            self.online.set()
        finally:
            giving_up.cancel()
            if not self.online.is_set():
                while not connecting.done():  # the client may take a cancellation for something else
                    connecting.cancel()
                    await asyncio.wait({connecting}, timeout=1.0)
                await self.close()

    async def _connect(self, login: LoginOptions) -> None:
        await self.client.connect(
            list(self._settings.servers),
            name=self._settings.name,
            tls=self._tls,
            **login,
            error_cb=self._failed,
            disconnected_cb=self._disconnected,
            reconnected_cb=self._reconnected,
            closed_cb=self._closed,
            connect_timeout=ANSWER_SECONDS,
            reconnect_time_wait=RECONNECT_SECONDS,  # type: ignore[arg-type]  # seconds for asyncio.sleep
            max_reconnect_attempts=-1,
            ping_interval=PING_SECONDS,
            inbox_prefix=self._settings.inbox_prefix,
            # Every subject is checked once, when its sender or its subscription is made.
            skip_subject_validation=True,
        )

    async def _connect_anew(self) -> None:
        if self.online.is_set():
            self._cause = "there are other credentials"
            await self.client.force_reconnect()

    def _check_encrypted(self) -> None:
        """Raise PlainPortError when the connection that is being made is to be encrypted, and is not."""
        if self._tls is not None and not self.client.encrypted:
            raise PlainPortError("the server does not offer TLS")

    async def close(self) -> None:
        """Disconnect, now and for ever."""
        self._closing = True
        self.online.clear()
        self._rotation.close()
        with contextlib.suppress(errors.Error, OSError, TimeoutError):  # it is over anyhow
            async with asyncio.timeout(ANSWER_SECONDS):
                await self.client.close()
        self._left = True
        await asyncio.sleep(0)  # the tasks of its subscriptions are cancelled, and end in the next turn

    async def flush(self) -> None:
        """Return when the server has heard everything so far. Raises TransportError."""
        if not self.online.is_set():
            raise TransportError(f"NATS is away: {self._cause}")
        try:
            # The client writes a PING past what is still in its buffer: only the second one comes after all of it.
            await self.client.flush(ANSWER_SECONDS)
            await self.client.flush(ANSWER_SECONDS)
        except (errors.Error, OSError) as error:
            raise TransportError(f"NATS does not answer: {describe(error)}") from error

    def check_allowed(self, pattern: str, /) -> None:
        """Raise TransportError when the server did not allow to subscribe to it."""
        wanted = f'subscription to "{pattern}"'.lower()
        for denial in self._denials:
            if wanted in denial:
                raise TransportError(denial, hint=PERMISSION_HINT)

    @contextlib.contextmanager
    def explaining(self) -> Generator[None]:
        """Say what the server did not allow where it left a question without an answer. Raises TransportError."""
        before = self._denied
        try:
            yield
        except TransportError as error:
            if self._denied == before:
                raise
            asked = str(error).rpartition(": ")[0]
            raise TransportError(f"{asked}: {self._denials[-1]}", hint=PERMISSION_HINT) from error

    def tell(self, listener: Listener, /) -> None:
        """Tell about the connection from now on."""
        self._listeners.append(listener)

    def forget(self, listener: Listener, /) -> None:
        """Tell no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    # What the client calls ------------------------------------------------------------------------------------------

    async def _failed(self, error: Exception) -> None:
        if self._left:
            raise asyncio.CancelledError  # its reconnecting took its cancellation for something else, and goes on
        if not self.online.is_set():
            self.client.encrypted = False  # the next one is another connection
        if isinstance(error, errors.SlowConsumerError):
            for listener in self._listeners:
                listener.overflowed(error.sub)
            return
        cause = describe(error)
        if "permissions violation" in cause:
            self._denials.append(cause)
            self._denied += 1
            for denied in self.denied:
                denied(cause)
            _log.error("NATS refused us: %s", cause, extra={"fields": {"broker": "nats", "cause": cause}})
        elif self.online.is_set() or self._closing:
            self._cause = cause
        else:
            self._failures.append(error)
            if len(self._failures) >= len(self._settings.servers):
                self._gave_up.set()

    async def _disconnected(self) -> None:
        if self._closing or not self.online.is_set():
            return
        self.online.clear()
        self.client.encrypted = False
        for listener in tuple(self._listeners):
            listener.away(self._cause)

    async def _reconnected(self) -> None:
        if self._left:
            await self.client.close()
            return
        try:
            self._check_encrypted()
        except PlainPortError as error:
            await self._end(error)
            await self.client.close()
            return
        self.online.set()
        for listener in tuple(self._listeners):
            listener.back()

    async def _closed(self) -> None:
        """The client gave up by itself: the server ended the connection with an error that it does not reconnect after."""
        if not self._closing:
            await self._end(self.client.last_error)

    async def _end(self, error: BaseException | None) -> None:
        self._closing = True
        self.online.clear()
        self._rotation.close()
        self.over = TransportError(f"NATS ended the connection: {self._cause if error is None else describe(error)}")
        for listener in tuple(self._listeners):
            listener.ended(self.over)
