"""The life of an application: the order of start and stop, consumers that come and go, and scopes opened by hand."""

import asyncio
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
from dependency_injector import containers, providers

from faststream_oo import Application, MessageScoped
from faststream_oo.errors import LifecycleError, SetupError, TransportError
from faststream_oo.kafka import (
    KafkaBroker,
    KafkaConsumer,
    KafkaContainer,
    KafkaProducer,
    KafkaSettings,
    Topic,
    consumes,
    produces,
)
from faststream_oo.testing import Harness
from tests.integration.worlds import until


class Orders(KafkaConsumer, group="orders"):
    handled: asyncio.Queue[int]

    def __init__(self, broker: KafkaBroker, *, name: str | None = None, prefix: str | None = None) -> None:
        super().__init__(broker, name=name, prefix=prefix)
        self.handled = asyncio.Queue()

    @consumes("orders")
    async def placed(self, number: int) -> None:
        if number < 0:
            raise SystemExit(-number)
        await self.handled.put(number)


class Payments(KafkaProducer):
    @produces("payments")
    async def requested(self, number: int) -> int:
        return number


def broker(**settings: object) -> KafkaBroker:
    return KafkaBroker(KafkaSettings(driver="memory", **settings))  # type: ignore[arg-type]  # each by its own type


# Order --------------------------------------------------------------------------------------------------------------


async def test_the_lifespan_is_around_the_brokers_and_serving_around_what_is_live() -> None:
    events: list[str] = []
    kafka = broker()

    @asynccontextmanager
    async def noted(name: str) -> AsyncGenerator[None]:
        events.append(f"{name} entered, broker {kafka.state}, {len(kafka.subscriptions)} live")
        yield
        events.append(f"{name} left, broker {kafka.state}, {len(kafka.subscriptions)} live")

    async with Application(consumers=[Orders(kafka)], lifespan=noted("lifespan"), serving=noted("serving")) as app:
        events.append(app.state)
    assert events == [
        "lifespan entered, broker new, 0 live",
        "serving entered, broker running, 1 live",
        "running",
        "serving left, broker running, 1 live",
        "lifespan left, broker stopped, 0 live",
    ]


async def test_what_was_opened_is_closed_when_the_start_fails() -> None:
    events: list[str] = []
    kafka = broker()

    @asynccontextmanager
    async def lifespan() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            events.append("left")

    @asynccontextmanager
    async def serving() -> AsyncGenerator[None]:
        if kafka.state == "running":
            raise ConnectionError("no cache")
        yield

    with pytest.raises(ConnectionError, match="no cache"):
        await Application(consumers=[Orders(kafka)], lifespan=lifespan(), serving=serving()).__aenter__()
    assert (events, kafka.state, kafka.subscriptions) == (["left"], "stopped", ())


async def test_a_failing_step_of_the_stop_skips_none_of_the_later_ones() -> None:
    kafka = broker()

    @asynccontextmanager
    async def serving() -> AsyncGenerator[None]:
        yield
        raise ConnectionError("no cache")

    with pytest.raises(ConnectionError, match="no cache"):
        async with Application(consumers=[Orders(kafka)], serving=serving()):
            pass
    assert (kafka.state, kafka.subscriptions) == ("stopped", ())


async def test_an_application_starts_once() -> None:
    app = Application(consumers=[Orders(broker())])
    async with app:
        with pytest.raises(LifecycleError, match="this Application is running"):
            await app.__aenter__()
    with pytest.raises(LifecycleError, match="this Application is stopped"):
        await app.__aenter__()


async def test_health_follows_the_life() -> None:
    app = Application(consumers=[orders := Orders(broker())])
    assert (app.health().started, app.health().ready, app.health().live) == (False, False, True)
    async with app:
        assert (app.health().started, app.health().ready, app.health().live) == (True, True, True)
        assert app.health().states["Orders.placed"] == "running"
        await orders.broker.publish("orders", -3)
        await until(lambda: app.health().states["Orders.placed"] == "paused")
        assert (app.health().ready, app.health().live) == (False, False)


async def test_serve_returns_when_it_is_asked_to_stop() -> None:
    app = Application(consumers=[Orders(broker())])
    app.stop()
    await app.serve()
    assert app.state == "stopped"


async def test_what_was_served_is_not_served_again() -> None:
    app = Application(consumers=[Orders(broker())])
    app.stop()
    await app.serve()
    with pytest.raises(LifecycleError, match="this Application is stopped"):
        await app.serve()


async def test_a_handler_that_ends_the_process_ends_serve_after_the_stop_and_its_message_is_given_back() -> None:
    kafka = broker()
    app = Application(consumers=[Orders(kafka)])
    serving = asyncio.create_task(_code(app))
    await until(lambda: app.state == "running")
    (subscription,) = kafka.subscriptions
    await kafka.publish("orders", -3)
    assert await serving == 3
    assert (app.state, kafka.state, subscription.in_flight) == ("failed", "stopped", 0)


async def test_a_signal_ends_a_start_after_which_it_was_to_stop_anyhow() -> None:
    app, kafka, serving = await _starting()
    app.stop()
    signal.raise_signal(signal.SIGTERM)
    assert await asyncio.wait_for(serving, 10.0) == 1
    assert (kafka.state, len(kafka.subscriptions)) == ("stopped", 0)


async def test_a_signal_ends_a_start_during_which_a_handler_ended_the_process_with_the_code_of_that() -> None:
    app, kafka, serving = await _starting()
    await kafka.publish("orders", -3)
    await until(lambda: not app.health().live)
    signal.raise_signal(signal.SIGTERM)
    assert await asyncio.wait_for(serving, 10.0) == 3
    assert (kafka.state, len(kafka.subscriptions)) == ("stopped", 0)


async def test_a_second_signal_while_a_start_is_ended_is_code_1() -> None:
    left = asyncio.Event()
    _, kafka, serving = await _starting(left)
    signal.raise_signal(signal.SIGTERM)
    await left.wait()
    signal.raise_signal(signal.SIGTERM)
    assert await asyncio.wait_for(serving, 10.0) == 1
    assert (kafka.state, len(kafka.subscriptions)) == ("stopped", 0)


async def _starting(left: asyncio.Event | None = None) -> tuple[Application, KafkaBroker, "asyncio.Task[object]"]:
    """An application that is served and never comes to the end of its start, and takes a while to end that."""

    @asynccontextmanager
    async def endless() -> AsyncGenerator[None]:
        try:
            await asyncio.Event().wait()
        finally:
            if left is not None:
                left.set()
                await asyncio.sleep(0.1)
        yield

    kafka = broker()
    app = Application(consumers=[Orders(kafka)], serving=endless())
    serving = asyncio.create_task(_code(app))
    await until(lambda: [one.state for one in kafka.subscriptions] == ["running"])
    return app, kafka, serving


async def _code(app: Application) -> object:
    try:
        await app.serve()
    except SystemExit as end:
        return end.code
    return None


# Consumers that come and go -----------------------------------------------------------------------------------------


async def test_a_consumer_comes_and_goes_while_the_application_is_running() -> None:
    kafka = broker(consumers={"Orders": {"concurrency": 2}})
    app = Application(consumers=[Orders(kafka)])
    async with app:
        late = Orders(kafka, name="Late", prefix="late.")
        (started,) = await app.add(late)
        assert list(app.subscriptions) == ["Orders.placed", "Late.placed"]
        await kafka.publish("late.orders", 5)
        assert await late.handled.get() == 5
        await app.remove(late)
        assert (list(app.subscriptions), started.state) == (["Orders.placed"], "stopped")
        with pytest.raises(LifecycleError, match="Late was not added"):
            await app.remove(late)
        await app.add(Orders(kafka, name="Late", prefix="late."))


async def test_what_was_added_may_be_removed_after_the_stop() -> None:
    kafka = broker()
    app, late = Application(consumers=[Orders(kafka)]), Orders(kafka, name="Late", prefix="late.")
    async with app:
        await app.add(late)
    await app.remove(late)
    assert list(app.subscriptions) == ["Orders.placed"]


async def test_what_is_added_is_checked_as_at_the_start() -> None:
    class Bare(KafkaConsumer, group="bare"):
        @consumes("bare")
        async def placed(self, order) -> None: ...  # type: ignore[no-untyped-def]  # that is the mistake

    kafka = broker()
    app = Application(consumers=[Orders(kafka)])
    with pytest.raises(LifecycleError, match="consumers are added while it is running"):
        await app.add(Orders(kafka))
    async with app:
        for consumer, what in (
            (Orders(kafka), "Orders.placed: is served already. Hint: name= in the constructor"),
            (Bare(kafka), 'Bare.placed: parameter "order" has no annotation'),
            (Orders(broker(), name="Other"), "its broker is not one of this application"),
            (Orders(kafka, name="Twin"), 'group "orders" would split "orders" between them'),
        ):
            with pytest.raises(SetupError, match=what):
                await app.add(consumer)
        assert list(app.subscriptions) == ["Orders.placed"]


async def test_of_a_consumer_that_cannot_be_started_nothing_is_left() -> None:
    class Half(KafkaConsumer, group="half"):
        @consumes(Topic("half.there"))
        async def there(self, number: int) -> None: ...

        @consumes(Topic("half.missing", external=True))
        async def missing(self, number: int) -> None: ...

    kafka = broker()
    async with Application(consumers=[Orders(kafka)]) as app:
        with pytest.raises(TransportError, match="unknown topic"):
            await app.add(Half(kafka))
        assert list(app.subscriptions) == ["Orders.placed"]
        assert [one.name for one in kafka.subscriptions] == ["Orders.placed"]


# Scopes by hand -----------------------------------------------------------------------------------------------------


class Session:
    def __init__(self) -> None:
        self.ended = ""


async def session() -> AsyncIterator[Session]:
    one = Session()
    try:
        yield one
    except ValueError:
        one.ended = "rolled back"
        raise
    one.ended = "committed"


class Checkout:
    def __init__(self, payments: Payments, session: Session) -> None:
        self.payments = payments
        self.session = session


class Shop(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    kafka = KafkaContainer(config=config.kafka)
    payments = providers.Singleton(Payments, broker=kafka.broker)
    session = MessageScoped(session)
    checkout = providers.Factory(Checkout, payments=payments, session=session)
    orders = providers.Factory(Orders, broker=kafka.broker)


async def test_a_scope_by_hand_has_its_own_objects_and_sends_when_it_succeeded() -> None:
    async with Harness(Shop) as h:
        async with h.application.scope(h.container.checkout) as checkout:
            await checkout.payments.requested(5)
            assert h.published(int) == []
            assert h.container.session() is checkout.session
        await h.settled()
        assert (h.published(int), checkout.session.ended) == ([5], "committed")


async def test_a_scope_that_fails_sends_nothing_and_rolls_back() -> None:
    async with Harness(Shop) as h:
        seen: list[Session] = []

        async def fail() -> None:
            async with h.application.scope(h.container.checkout) as checkout:
                seen.append(checkout.session)
                await checkout.payments.requested(5)
                raise ValueError("no stock")

        with pytest.raises(ValueError, match="no stock"):
            await fail()
        await h.settled()
        assert (h.published(int), seen[0].ended) == ([], "rolled back")


async def test_a_scope_needs_an_application_that_has_started() -> None:
    shop = Shop()
    with pytest.raises(LifecycleError, match="a scope needs an application with a container"):
        async with Application(shop).scope(shop.checkout):
            pass
