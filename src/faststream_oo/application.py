"""Starts what a container holds, and stops it in order."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar, cast, overload

from attrs import field, frozen
from dependency_injector import providers
from dependency_injector.containers import Container
from dependency_injector.providers import Provider

from faststream_oo.broker import Broker
from faststream_oo.consumer import Consumer
from faststream_oo.container.wiring import Wiring
from faststream_oo.current import CURRENT, Attempt
from faststream_oo.declarations import declare
from faststream_oo.errors import LifecycleError, Problem, SetupError, raise_errors
from faststream_oo.intakes import Intakes
from faststream_oo.middleware import Middleware
from faststream_oo.outbox import send_all
from faststream_oo.plan import NoProvision, Plan, Provision
from faststream_oo.producer import Producer
from faststream_oo.scope import Exits, enter, leave
from faststream_oo.served import Served
from faststream_oo.stopping import Stopping
from faststream_oo.subscription import State, Subscription

T = TypeVar("T")

_log = logging.getLogger("faststream_oo")


@frozen
class Health:
    """Answers of the three probes.

    Attributes:
        started: Everything was live once.
        ready: Connected and taking messages, or paused on purpose.
        live: No subscription has failed.
        states: State of each broker and subscription by name.
    """

    started: bool = field(kw_only=True)
    ready: bool = field(kw_only=True)
    live: bool = field(kw_only=True)
    states: Mapping[str, State] = field(kw_only=True)


class Application:
    """Owns brokers and consumers: checks the wiring, connects, serves, drains and closes.

    `Application(container)` serves every Consumer provider of the container and its nested ones;
    `Application(consumers=[…])` serves objects made by hand. Entering it starts, leaving it drains and stops.

    Args:
        container: A container instance. A container may hold `providers.Singleton(Application, title=…)` to set the
            options below; the CLI, the Harness and `of` use that provider and hand it the container.
        consumers: Consumers made by hand.
        brokers: Brokers that no consumer names, for publishing only.
        title: For the logs and `describe`. Default: the container's class name.
        version: Of the application, for `describe`.
        description: For `describe`.
        middlewares: Around everything of every broker, outside the brokers' own.
        lifespan: Entered before anything connects, left after everything closed.
        serving: Entered when every subscription is live, left before the drain.
        drain_timeout: Seconds running handlers get when stopping; then they are cancelled, unsettled.
        connect_timeout: Seconds until a broker that does not answer is a ConnectError.
    """

    @overload
    def __init__(
        self,
        container: Container,
        /,
        *,
        title: str = ...,
        version: str = "0.1.0",
        description: str = "",
        middlewares: Sequence[Middleware] = (),
        lifespan: AbstractAsyncContextManager[object] | None = None,
        serving: AbstractAsyncContextManager[object] | None = None,
        drain_timeout: float = 25.0,
        connect_timeout: float = 30.0,
    ) -> None: ...
    @overload
    def __init__(
        self,
        /,
        *,
        consumers: Sequence[Consumer],
        brokers: Sequence[Broker] = (),
        title: str = ...,
        version: str = "0.1.0",
        description: str = "",
        middlewares: Sequence[Middleware] = (),
        lifespan: AbstractAsyncContextManager[object] | None = None,
        serving: AbstractAsyncContextManager[object] | None = None,
        drain_timeout: float = 25.0,
        connect_timeout: float = 30.0,
    ) -> None: ...
    def __init__(
        self,
        container: Container | None = None,
        /,
        *,
        consumers: Sequence[Consumer] = (),
        brokers: Sequence[Broker] = (),
        title: str | None = None,
        version: str = "0.1.0",
        description: str = "",
        middlewares: Sequence[Middleware] = (),
        lifespan: AbstractAsyncContextManager[object] | None = None,
        serving: AbstractAsyncContextManager[object] | None = None,
        drain_timeout: float = 25.0,
        connect_timeout: float = 30.0,
    ) -> None:
        self._container = container
        self._by_hand = tuple(consumers)
        self._more_brokers = tuple(brokers)
        self.title = title or (type(self).__name__ if container is None else _name_of(container))
        self.version = version
        self.description = description
        self._middlewares = tuple(middlewares)
        self._lifespan = lifespan
        self._serving = serving
        self._connect_timeout = connect_timeout
        self._state: State = "new"
        self._plan: Plan | None = None
        self._wiring: Wiring | None = None
        self._intakes = Intakes(drain_timeout, self._crashed)
        self._added: dict[Consumer, Plan] = {}
        self._stack: AsyncExitStack | None = None
        self._stopping = Stopping()
        self._crash: BaseException | None = None

    @classmethod
    def of(cls, container: Container, /) -> Self:
        """Return the container's own Application, or one with the defaults."""
        for provider in container.providers.values():
            given = getattr(provider, "provides", None)
            if isinstance(provider, providers.BaseSingleton) and isinstance(given, type) and issubclass(given, cls):
                return cast(Self, provider(container))
        return cls(container)

    # Checking -----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Build and validate everything without connecting. Raises SetupError with all problems."""
        self._checked()

    def _checked(self) -> Plan:
        if self._plan is None:
            plan = self._planned()
            if plan.problems:
                raise SetupError(plan.problems)
            self._plan = plan
        return self._plan

    def _planned(self) -> Plan:
        served: list[Served] = []
        producers: list[tuple[type[Producer], Broker]] = []
        brokers = list(self._more_brokers)
        provision: Provision = NoProvision()
        problems: list[Problem] = []
        if self._container is not None:
            wiring = self._wiring = Wiring(self._container)
            problems += wiring.problems
            served, producers, provision = list(wiring.served), wiring.producers, wiring
            brokers += wiring.brokers
        for consumer in self._by_hand:
            try:
                served.append(Served.by_hand(consumer))
            except SetupError as error:
                problems += error.problems
        brokers = list(dict.fromkeys([*brokers, *(one.broker for one in served)]))
        for broker in brokers:
            broker.outer_middlewares = self._middlewares
        plan = Plan(served, producers, brokers, provision, whole=not problems)
        plan.problems[:0] = problems
        return plan

    # Life ---------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Start. Raises SetupError before anything connects, ConnectError after."""
        if self._state != "new":
            raise LifecycleError(f"this Application is {self._state}; it starts once, make another one")
        plan = self._checked()
        self._state = "starting"
        async with AsyncExitStack() as stack:
            if self._lifespan is not None:
                await stack.enter_async_context(self._lifespan)
            await self._connect(plan, stack)
            await declare(plan)
            for broker in plan.brokers:
                if plan.asks(broker):
                    with broker.endpoint.locating():
                        await broker.requests.open()
            stack.push_async_callback(self._intakes.stop, self._stopping.at_once)
            await self._intakes.start(plan.subscriptions)
            stack.callback(self._draining)
            if self._serving is not None:
                await stack.enter_async_context(self._serving)
            self._state = "running"
            self._say_started(plan)
            self._stack = stack.pop_all()
        return self

    async def _connect(self, plan: Plan, stack: AsyncExitStack) -> None:
        async def opened(broker: Broker) -> None:
            if broker.state == "running":
                return
            await broker.open(self._connect_timeout)
            stack.push_async_callback(broker.close)

        results = await asyncio.gather(*(opened(broker) for broker in plan.brokers), return_exceptions=True)
        raise_errors(results, "brokers cannot be reached")

    def _say_started(self, plan: Plan) -> None:
        for intake in self._intakes.by_name.values():
            once = not intake.source.capabilities.settles
            fields = {"consumer": intake.name, "address": intake.address, "group": intake.group, "at_most_once": once}
            text = "%s consumes %s, at most once" if once else "%s consumes %s"
            _log.info(text, intake.name, intake.address, extra={"fields": fields})
        brokers = ", ".join(one.place for one in plan.brokers)
        _log.info("%s is running on %s", self.title, brokers, extra={"fields": {"application": self.title}})

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Drain and stop; a failure in one step does not skip the later ones, several errors are an ExceptionGroup."""
        stack, self._stack = self._stack, None
        if stack is None:
            raise LifecycleError("this Application is not running")
        try:
            await stack.__aexit__(error_type, error, traceback)
        finally:
            self._state = "failed" if self._crash is not None else "stopped"
            _log.info("%s stopped", self.title, extra={"fields": {"application": self.title}})

    def _draining(self) -> None:
        self._state = "draining"
        in_flight = sum(intake.in_flight for intake in self._intakes.by_name.values())
        fields = {"application": self.title, "in_flight": in_flight, "drain_timeout": self._intakes.drain_timeout}
        _log.info("%s is draining", self.title, extra={"fields": fields})

    async def serve(self) -> None:
        """Start, serve until `stop`, SIGTERM or SIGINT, then drain and stop; a signal before it runs ends the start.

        Raises:
            SystemExit: A handler raised it, or a second signal came; after the stop.
            Exception: What a subscription failed with, after the stop.
        """
        with self._stopping.by_signals():
            if await self._stopping.started(self.__aenter__()):
                async with AsyncExitStack() as running:
                    running.push_async_exit(self)
                    await self._stopping.asked.wait()
            else:
                text, fields = "%s stopped before it was running", {"application": self.title}
                _log.info(text, self.title, extra={"fields": fields})
        if self._crash is not None:
            raise self._crash
        if self._stopping.at_once.is_set():
            raise SystemExit(1)

    def run(self) -> None:
        """Run `serve` in an event loop of its own."""
        asyncio.run(self.serve())

    def stop(self) -> None:
        """Ask `serve` to return; may be called from a handler or a signal handler, and twice."""
        self._stopping.asked.set()

    def _crashed(self, error: BaseException) -> None:
        """A subscription cannot go on: the application stops, and `serve` raises the error."""
        if self._crash is None:
            self._crash = error
        self.stop()

    # While running ------------------------------------------------------------------------------------------------

    async def add(self, consumer: Consumer, /) -> Sequence[Subscription]:
        """Check and serve one more consumer while running; a class may be added several times under other names.

        Raises:
            SetupError: It has problems, or its name is taken.
        """
        if self._state != "running" or self._plan is None:
            raise LifecycleError(f"this Application is {self._state}; consumers are added while it is running")
        one = Served.by_hand(consumer)
        beside = [entry for plan in (self._plan, *self._added.values()) for entry in plan.entries]
        plan = self._plan.only(one, beside)
        taken = [planned.name for planned in plan.subscriptions if planned.name in self._intakes.by_name]
        problems = [*plan.problems, *(Problem(name, "is served already", "name= in the constructor") for name in taken)]
        if one.broker not in self._plan.brokers:
            problems.append(Problem(one.path, "its broker is not one of this application"))
        if problems:
            raise SetupError(problems)
        await declare(plan)
        try:
            started = await self._intakes.start(plan.subscriptions)
        except BaseException:
            await self._intakes.end(plan.subscriptions)
            raise
        self._added[consumer] = plan
        return started

    async def remove(self, consumer: Consumer, /) -> None:
        """Drain and end the subscriptions of a consumer.

        Raises:
            LifecycleError: The consumer was not added.
        """
        if consumer not in self._added:
            raise LifecycleError(f"{consumer.name} was not added to this application")
        await self._intakes.end(self._added.pop(consumer).subscriptions)

    @asynccontextmanager
    async def scope(self, provider: Provider[T], /) -> AsyncGenerator[T]:
        """Build an object as for one message: message-scoped objects entered, publishes held until the block succeeds."""
        if self._wiring is None or self._plan is None:
            raise LifecycleError("a scope needs an application with a container that has started")
        attempt = Attempt()
        token = CURRENT.set(attempt)
        exits: Exits = []
        error: BaseException | None = None
        try:
            built = await enter(self._wiring.recipe(provider), attempt, exits)
            yield built[0]
        except BaseException as raised:
            error = raised
            raise
        finally:
            try:
                await leave(exits, error)
            finally:
                attempt.open = False
                CURRENT.reset(token)
        for confirm in send_all(attempt.outbox or ()):
            await confirm

    def health(self) -> Health:
        """Return the answers of the probes, as of now."""
        brokers = () if self._plan is None else self._plan.brokers
        states: dict[str, State] = {one.place: one.state for one in brokers}
        states |= {name: intake.state for name, intake in self._intakes.by_name.items()}
        return Health(
            started=self._state not in {"new", "starting"},
            ready=self._state == "running"
            and self._crash is None
            and all(state in {"running", "paused"} for state in states.values()),
            live=self._crash is None and "failed" not in states.values(),
            states=states,
        )

    @property
    def container(self) -> Container | None:
        """The container it serves."""
        return self._container

    @property
    def brokers(self) -> Sequence[Broker]:
        """Its brokers. Raises SetupError when they cannot be built."""
        return self._checked().brokers

    @property
    def subscriptions(self) -> Mapping[str, Subscription]:
        """Every subscription by name."""
        return dict(self._intakes.by_name)

    @property
    def plan(self) -> Plan:
        """What it serves, checked. Raises SetupError."""
        return self._checked()

    @property
    def state(self) -> State:
        """Where it stands in its life."""
        return self._state


def _name_of(container: Container) -> str:
    parent: Any = getattr(container, "declarative_parent", None)
    return parent.__name__ if isinstance(parent, type) else type(container).__name__
