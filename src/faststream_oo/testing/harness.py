"""An application started for one test."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextvars import Token
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, cast, overload

from dependency_injector import providers
from dependency_injector.containers import Container
from dependency_injector.providers import Provider

from faststream_oo.address import Address
from faststream_oo.application import Application
from faststream_oo.broker import Broker
from faststream_oo.clock import LoopClock
from faststream_oo.codec import reader_of
from faststream_oo.container.providers import ProviderOf
from faststream_oo.container.sections import check_sections
from faststream_oo.current import EMBEDDING, Embedding
from faststream_oo.deadletters import DeadLettered
from faststream_oo.errors import LifecycleError, RequestTimeoutError, TransportError
from faststream_oo.intake import Intake
from faststream_oo.message import Message
from faststream_oo.outcome import Outcome
from faststream_oo.publishing import Publication, Terms
from faststream_oo.requests import Request
from faststream_oo.testing.recorder import Recorder, Sent, View
from faststream_oo.testing.virtual import VirtualClock
from faststream_oo.transport import Sender

T = TypeVar("T")
C = TypeVar("C", bound=Container)

_QUIET_TURNS = 3
_WHILE = 0.5
_SPIN = 50


class Harness(Generic[C]):
    """An application started for one test.

    It makes its own container instance, puts memory transports and a virtual clock under it, applies the overrides,
    and starts it when entered. Leaving it stops the application and fails the test for dead letters that the test
    did not look at with `dead_letters`.

    Args:
        container: The container class, or an Application made by hand.
        config: Put into the container's `config`; nothing is needed for memory transports.
        real: Connect to the configured brokers, under a unique prefix, on the real clock.
    """

    @overload
    def __init__(
        self, container: type[C], *, config: Mapping[str, object] | None = None, real: bool = False
    ) -> None: ...
    @overload
    def __init__(self: "Harness[Container]", container: Application, *, real: bool = False) -> None: ...
    def __init__(
        self, container: type[C] | Application, *, config: Mapping[str, object] | None = None, real: bool = False
    ) -> None:
        self._given = container
        self._config = config
        self._real = real
        self._overrides: list[tuple[Provider[Any], object]] = []
        self._recorder = Recorder()
        self._virtual = VirtualClock()
        self._container: C | None = None
        self._application: Application | None = None
        self._token: Token[Embedding | None] | None = None
        self._prefix = f"test-{secrets.token_hex(6)}." if real else ""
        self._seen: set[int] = set()
        self._entered = False

    def override(self, provider: Provider[T], value: "T | ProviderOf[T]", /) -> Self:
        """Replace a provider, named on the container class, by a value or another provider, before it is entered.

        It reaches everything that depends on the provider, in nested containers too. A replacing provider may refer
        to providers of the container class: they mean this harness's own. Raises LifecycleError once entered.
        """
        if self._entered:
            raise LifecycleError("override a provider before the harness is entered")
        if isinstance(self._given, Application):
            raise LifecycleError("an Application made by hand has no providers to override")
        if provider not in _pairs(self._given, self._given):
            raise LifecycleError(f"{provider} is not a provider of {self._given.__name__} or of a container in it")
        self._overrides.append((provider, value))
        return self

    # Life ---------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Start the application. Raises what starting it raises."""
        if self._entered:
            raise LifecycleError("a harness is entered once")
        self._entered = True
        clock = LoopClock() if self._real else self._virtual
        embedding = Embedding(clock, memory=not self._real, prefix=self._prefix, observer=self._recorder)
        self._token = EMBEDDING.set(embedding)
        try:
            self._application = self._made()
            await self._application.__aenter__()
        except BaseException:
            EMBEDDING.reset(self._token)
            raise
        return self

    def _made(self) -> Application:
        if isinstance(self._given, Application):
            return self._given
        container: C = self._given()
        self._container = container
        if self._config:
            if not hasattr(container, "config"):
                raise LifecycleError(f"{self._given.__name__} has no `config` to put settings into")
            settings: Any = cast(Any, container).config
            check_sections(container, settings, self._config)
            settings.from_dict(dict(self._config))
        pairs = _pairs(self._given, container)
        memo = {id(declared): own for declared, own in pairs.items()}
        for provider, value in self._overrides:
            replacing = providers.deepcopy(value, memo) if providers.is_provider(value) else providers.Object(value)
            cast(Any, pairs[provider]).override(replacing)
        return Application.of(container)

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Stop the application; fail for dead letters that nobody looked at."""
        application = self.application
        brokers = application.brokers
        made = {
            broker: [address for name, address in broker.declared.items() if name.startswith(self._prefix)]
            for broker in brokers
        }
        try:
            await application.__aexit__(error_type, error, traceback)
            if self._real:
                for broker, addresses in made.items():
                    await _removed(broker, list(dict.fromkeys(addresses)))
        finally:
            if self._token is not None:
                EMBEDDING.reset(self._token)
        unseen = [letter for letter in self._recorder.letters if id(letter) not in self._seen]
        if unseen and error is None:
            lines = "\n".join(f"  {one.consumer}: {one.reason} {one.error} from {one.origin}" for one in unseen)
            raise AssertionError(f"dead letters that the test did not look at:\n{lines}")

    @property
    def application(self) -> Application:
        """The application. Raises LifecycleError before it is entered."""
        if self._application is None:
            raise LifecycleError("the harness is not entered")
        return self._application

    @property
    def container(self) -> C:
        """Its container. Raises LifecycleError before it is entered, and without one."""
        if self._container is None:
            raise LifecycleError("the harness has no container, or is not entered")
        return self._container

    # Doing --------------------------------------------------------------------------------------------------------

    async def publish(self, address: str | Address, body: object, /) -> None:
        """Send a message from outside; a `str` must mean one address of one broker only, else name it natively."""
        broker = self._broker_of(address)
        self._recorder.given.append(broker.locate(address).name)
        await self._outside(broker, address).publish(body)

    async def request(
        self,
        address: str | Address,
        body: object,
        /,
        *,
        reply: type[T],
        timeout: float = 5.0,  # noqa: ASYNC109 - seconds, as everywhere in this API
    ) -> T:
        """Send a request from outside, and return its decoded reply.

        Raises:
            RequestTimeoutError: No reply in `timeout` real seconds.
            RemoteError: The handler failed.
        """
        broker = self._broker_of(address)
        decode = reader_of(broker.codec.decoder(reply))
        try:
            async with asyncio.timeout(timeout):
                return cast(
                    T, await broker.requests.ask(Request(self._outside(broker, address), decode, timeout), body)
                )
        except TimeoutError as error:
            raise RequestTimeoutError(f"no reply from {address} in {timeout:g} s") from error

    def _outside(self, broker: Broker, address: str | Address) -> Publication:
        return Publication(cast(Any, _Outside(broker)), broker.locate(address), Terms(broker.codec, held=False))

    def _broker_of(self, address: str | Address) -> Broker:
        brokers = self.application.brokers
        if not isinstance(address, str):
            found = [one for one in brokers if not one.address_problems(address, consuming=False)]
        else:
            found = [one for one in brokers if one.locate(address).name in one.declared] or list(brokers)
        if len(found) != 1:
            raise LifecycleError(f"{address!r} means no single broker of this application; name it natively")
        return found[0]

    async def settled(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109 - seconds, as everywhere in this API
        """Return when every message is settled, counted and not guessed; waits due later by the clock do not count.

        A request counts until it is answered; one that nobody answers waits for its time-out, and does not.

        Raises:
            TimeoutError: Not in `timeout` real seconds; says what is still in flight.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        quiet = turns = 0
        while quiet < _QUIET_TURNS:
            busy = await self._busy()
            quiet = 0 if busy else quiet + 1
            if busy and loop.time() > deadline:
                raise TimeoutError(f"not settled in {timeout:g} s: {'; '.join(busy)}")
            turns += 1
            await asyncio.sleep(0.02 if self._real else 0 if turns < _SPIN else 0.001)

    async def _busy(self) -> Sequence[str]:
        found: list[str] = []
        requests = {name: one for broker in self.application.brokers for name, one in broker.requests.waiting.items()}
        asking = {one.attempt.message for one in requests.values() if one.attempt and one.attempt.message}
        for subscription in self.application.subscriptions.values():
            intake = cast(Intake, subscription)
            lag = 0 if intake.state == "paused" else await intake.lag()
            if intake.moving(asking) > 0 or lag is None or lag > 0:
                found.append(f"{intake.name} has {intake.in_flight} in flight and {lag} waiting")
        if arriving := len(self._recorder.answered.intersection(requests)):
            found.append(f"{arriving} replies did not arrive")
        if self._recorder.waiting:
            found.append(f"{self._recorder.waiting} publishes are not confirmed")
        return found

    async def advance(self, seconds: float) -> None:
        """Move the clock and run everything that falls due, then settle.

        It is the framework's clock (delays, retries, time-outs); `asyncio.sleep` in your code stays real. Handlers end
        before it moves; where one has a `timeout`, they get half a second of real time for that.
        Raises LifecycleError with `real`.
        """
        if self._real:
            raise LifecycleError("real brokers live on real time: advance() needs memory transports")
        until = self._virtual.time() + seconds
        await self._still()
        while self._virtual.run_next(until):
            if self._virtual.is_due() and self._is_calm():  # reads that go on waiting, leases: at once for all of them
                await asyncio.sleep(0)
            else:
                await self._still()
        await self.settled()

    def _is_calm(self) -> bool:
        """Whether nothing is on its way: no message that is handled, no publish, no request."""
        application = self.application
        moving = any(cast(Intake, one).moving() for one in application.subscriptions.values())
        return not (moving or self._recorder.waiting or any(broker.requests.waiting for broker in application.brokers))

    async def _still(self) -> None:
        """Settle; a handler with a time-out that goes on for a while of real time waits for the clock to end it."""
        limited = any(entry.options["timeout"] is not None for entry in self.application.plan.entries)
        try:
            await self.settled(_WHILE if limited else 10.0)
        except TimeoutError:
            if not limited:
                raise

    # Seeing -------------------------------------------------------------------------------------------------------

    def published(self, of: type[T], /, *, to: str | Address | None = None) -> list[T]:
        """Return the bodies of that class that the application sent, in order."""
        sent = self._sent(to)
        bodies = [one.frame.value for one in sent if isinstance(one.frame.value, of)]
        chosen = {id(one) for one in sent if isinstance(one.frame.value, of)}
        others = [one for one in self._recorder.published if id(one) not in chosen]
        return View(bodies, self._listed(others))

    def messages(self, of: type[T], /, *, to: str | Address | None = None) -> list[Message[T]]:
        """Return them as messages, with headers, keys and addresses."""
        made = [
            cast(Message[T], self._broker_of(one.address).message_of(one.address, one.frame))
            for one in self._sent(to)
            if isinstance(one.frame.value, of)
        ]
        return View(made, "" if made else self._listed(self._recorder.published))

    def _listed(self, sent: Sequence[Sent]) -> str:
        if sent:
            return "also sent: " + ", ".join(f"{one.frame.value!r} to {one.address.name}" for one in sent[:20])
        given = ", ".join(dict.fromkeys(self._recorder.given))
        return f"nothing else was sent; the test published to {given}" if given else "nothing else was sent"

    def _sent(self, to: str | Address | None) -> Sequence[Sent]:
        if to is None:
            return self._recorder.published
        names = {broker.locate(to).name for broker in self.application.brokers}
        return [one for one in self._recorder.published if one.address.name in names]

    def outcomes(self, handler: str | Callable[..., object], /) -> list[Outcome]:
        """Return the outcome of every attempt of a handler (`Orders.placed`), in order."""
        names = self._handler_names(handler)
        others = sorted({name for name, _ in self._recorder.outcomes} - names)
        found = [outcome for name, outcome in self._recorder.outcomes if name in names]
        return View(found, f"outcomes of {', '.join(others)}" if others and not found else "")

    def dead_letters(self, handler: str | Callable[..., object] | None = None, /) -> Sequence[DeadLettered]:
        """Return the dead letters of one handler or of all; those returned do not fail the test."""
        found = self._recorder.letters
        if handler is not None:
            names = self._handler_names(handler)
            subscriptions = {
                planned.name
                for planned in self.application.plan.subscriptions
                if any(entry.handler_name in names for entry in planned.entries)
            }
            found = [letter for letter in found if letter.consumer in subscriptions]
        self._seen |= {id(letter) for letter in found}
        return list(found)

    def _handler_names(self, handler: str | Callable[..., object]) -> set[str]:
        entries = [entry for planned in self.application.plan.subscriptions for entry in planned.entries]
        if isinstance(handler, str):
            names = {entry.handler_name for entry in entries if handler in {entry.handler_name, entry.name}}
        else:
            function = getattr(handler, "__func__", handler)
            names = {
                entry.handler_name
                for entry in entries
                if getattr(entry.served.cls, entry.route.method, None) is function
            }
        if not names:
            known = ", ".join(sorted({entry.handler_name for entry in entries}))
            raise LookupError(f"{handler!r} is no handler of this application; it has {known}")
        return names


class MakeHarness(Protocol):
    """Type of the pytest fixture `make_harness`: a Harness that is real when pytest runs with `--real-brokers`."""

    def __call__(self, container: type[C], /, *, config: Mapping[str, object] | None = None) -> Harness[C]:
        """Return a harness, not entered."""
        ...


class _Outside:
    """A broker as somebody outside the application would use it: unseen by the recorder."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def watched(self, address: Address, sender: Sender[Any], /) -> Sender[Any]:
        return sender

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


def _pairs(declared: Any, instance: Any) -> dict[Provider[Any], Provider[Any]]:
    """Return the providers of a container class with those of its instance, nested containers included."""
    found: dict[Provider[Any], Provider[Any]] = {}
    for name, provider in declared.providers.items():
        own = instance.providers[name]
        found[provider] = own
        if isinstance(provider, providers.Container):
            found.update(_pairs(cast(Any, provider).container, own.container))
    return found


async def _removed(broker: Broker, addresses: Sequence[Address]) -> None:
    """Delete what a test on a real broker made."""
    transport = broker.connect()
    await transport.open()
    try:
        await broker.undeclare(transport, addresses)
    except TransportError as error:
        raise TransportError(f"what the test made at {broker.options.servers} stays there: {error}") from error
    finally:
        await transport.close()
