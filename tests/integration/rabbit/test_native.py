"""What is RabbitMQ's own: exchanges, bindings, queues and their limits; the same on the real one and on its twin."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from attrs import evolve

from faststream_oo import Application, Path
from faststream_oo.errors import PublishError, SetupError, TransportError
from faststream_oo.rabbit import Binding, Exchange, Queue, RabbitBroker, RabbitMessage, RabbitOutgoing
from tests.integration.kinds import of
from tests.integration.rabbit.queues import bodies, classic, opened, past_declaring, until_async
from tests.integration.rabbit.worlds import RabbitWorld
from tests.integration.worlds import until

pytestmark = of("rabbit")


# Routing --------------------------------------------------------------------------------------------------------------


EVERYTHING = ["a", "ab", "abc", "none", "text", "true", "upper", "x"]


@pytest.mark.parametrize(
    ("arguments", "taken"),
    [
        ({"x-match": "all", "a": 1, "b": "x"}, ["ab", "abc"]),
        ({"a": 1, "b": "x"}, ["ab", "abc"]),
        ({"x-match": "any", "a": 1, "b": "y"}, ["a", "ab", "abc"]),
        ({}, EVERYTHING),
        ({"x-match": "all"}, EVERYTHING),
        ({"x-match": "any"}, []),
        ({"x-match": "all", "a": "1"}, ["text"]),
        ({"x-match": "all", "a": True}, ["true"]),
        ({"x-match": "all", "x-h": 1}, EVERYTHING),
        ({"x-match": "any", "x-h": 1}, []),
        ({"x-match": "all-with-x", "x-h": 1}, ["x"]),
        ({"x-match": "any-with-x", "x-h": 1}, ["x"]),
    ],
)
async def test_a_headers_exchange_compares_headers(
    world: RabbitWorld, arguments: Mapping[str, str | int], taken: Sequence[str]
) -> None:
    sent: Mapping[str, Mapping[str, Any]] = {
        "a": {"a": 1}, "ab": {"a": 1, "b": "x"}, "abc": {"a": 1, "b": "x", "c": None}, "text": {"a": "1"},
        "true": {"a": True}, "x": {"x-h": 1}, "upper": {"A": 1}, "none": {},
    }  # fmt: skip
    exchange = Exchange(world.name("headers"), type="headers")
    queue = classic(world, "headers", Binding(exchange, arguments=arguments))
    async with opened(world) as broker:
        await broker.declare(queue)
        for name, headers in sent.items():
            await world.put("", name.encode(), headers=list(headers.items()), exchange=exchange.name)
        found = await bodies(world, queue)

    assert sorted(found) == sorted(taken)


async def test_a_whole_number_is_the_same_header_as_a_fraction_before_rabbitmq_4(world: RabbitWorld) -> None:
    exchange = Exchange(world.name("headers"), type="headers")
    queue = classic(world, "headers", Binding(exchange, arguments={"a": 1}))
    async with opened(world) as broker:
        await broker.declare(queue)
        await world.put("", b"fraction", headers=[("a", 1.0)], exchange=exchange.name)
        await world.put("", b"whole", headers=[("a", 1)], exchange=exchange.name)
        assert await bodies(world, queue) == (["fraction", "whole"] if world.equates_kinds_of_numbers else ["whole"])


async def test_exchanges_feed_exchanges_and_a_circle_ends(world: RabbitWorld) -> None:
    first = Exchange(world.name("first"), type="fanout")
    second = Exchange(world.name("second"), type="topic", bind=[Binding(first)])
    queue = classic(world, "fed", Binding(second, "o.*"), Binding(first))
    seen: list[RabbitMessage] = []

    @world.consumes(queue)
    async def taken(self: Any, body: bytes, message: RabbitMessage) -> None:
        seen.append(message)

    async with world.serving(taken) as served:
        await served.broker.bind(first, Binding(second, "#"))
        await served.broker.publish(first, RabbitOutgoing("x", routing_key="o.x"))
        await served.broker.publish(second, RabbitOutgoing("y", routing_key="o.y"))
        await until(lambda: len(seen) == 2)
        assert await served.subscription.lag() == 0

    assert [(one.exchange, one.routing_key) for one in seen] == [(first.name, "o.x"), (second.name, "o.y")]


async def test_an_alternate_exchange_takes_what_has_no_route(world: RabbitWorld) -> None:
    rest = Exchange(world.name("rest"), type="fanout")
    events = Exchange(world.name("events"), arguments={"alternate-exchange": rest.name})
    queue, other = classic(world, "rest", Binding(rest)), classic(world, "routed", Binding(events, "known"))
    async with opened(world) as broker:
        await broker.declare(queue, other)
        await broker.publish(events, RabbitOutgoing("lost", routing_key="unknown"))
        await broker.publish(events, RabbitOutgoing("found", routing_key="known"))
        (lost,) = await world.messages(queue.name)
        assert await bodies(world, other) == ["found"]

    assert (lost.body, lost.exchange, lost.routing_key) == (b"lost", events.name, "unknown")


async def test_what_no_queue_takes_is_an_error_unless_it_may_be_lost(world: RabbitWorld) -> None:
    events = Exchange(world.name("nowhere"), type="topic")
    queue = classic(world, "bound", Binding(events, "known"))
    async with opened(world) as broker:
        await broker.declare(queue)
        with pytest.raises(PublishError, match=f'no queue takes what is sent to exchange "{events.name}" with key "x"'):
            await broker.publish(events, RabbitOutgoing("x", routing_key="x"))
        await broker.publish(events, RabbitOutgoing("x", routing_key="x", mandatory=False))
        missing = world.name("missing")
        with pytest.raises(PublishError, match=f'default exchange with key "{missing}"'):
            await past_declaring(broker, Queue(missing))


async def test_removing_what_is_not_there_is_no_error(world: RabbitWorld) -> None:
    exchange = Exchange(world.name("never"))
    queue, other = classic(world, "never"), classic(world, "other", Binding(exchange, "else"))
    async with opened(world) as broker:
        await broker.delete(queue)
        await broker.delete(exchange)
        await broker.declare(queue, other)
        await broker.unbind(queue, Binding(exchange, "never"))
        await broker.bind(queue, Binding(exchange, "now"))
        await broker.publish(exchange, RabbitOutgoing(1, routing_key="now"))
        await broker.unbind(queue, Binding(exchange, "now"))
        with pytest.raises(PublishError):
            await broker.publish(exchange, RabbitOutgoing(2, routing_key="now"))
        assert await broker.purge(queue) == 1
        assert await bodies(world, queue) == []
        with pytest.raises(TransportError, match="in use"):
            await broker.delete(exchange, if_unused=True)
        await broker.delete(other, if_unused=True)
        await broker.delete(exchange, if_unused=True)


# Messages -------------------------------------------------------------------------------------------------------------


async def test_everything_a_sender_says_arrives(world: RabbitWorld) -> None:
    queue = Queue(world.name("all"), type="classic", max_priority=9)
    events = Exchange(world.name("events"), type="topic")
    seen: list[tuple[RabbitMessage, Mapping[str, str]]] = []

    @world.consumes(evolve(queue, bind=[Binding(events, "orders.{region}.placed")]))
    async def order(self: Any, body: bytes, message: RabbitMessage, region: Annotated[str, Path()]) -> None:
        seen.append((message, message.path))

    at = datetime(2026, 11, 25, 12, 30, 15, 999_999, tzinfo=UTC)
    async with world.serving(order) as served:
        outgoing = RabbitOutgoing(
            b"body",
            headers={"x-mine": "ü"},
            key="k",
            id="the-id",
            correlation_id="the-conversation",
            routing_key="orders.eu.placed",
            priority=7,
            expiration=60.0,
            timestamp=at,
            app_type="order.v1",
            user_id="guest",
        )
        await served.broker.publish(events, outgoing)
        await until(lambda: seen)

    message, path = seen[0]
    raw: Any = message.raw
    properties: Any = raw.header.properties
    assert (message.id, message.correlation_id, message.type, message.key) == (
        "the-id", "the-conversation", "order.v1", b"k",
    )  # fmt: skip
    assert (message.queue, message.exchange, message.routing_key) == (queue.name, events.name, "orders.eu.placed")
    assert (message.priority, message.redelivered, message.attempt) == (7, False, 1)
    assert message.sent_at == at.replace(microsecond=0)
    assert path == {"region": "eu"}
    assert message.headers["x-mine"] == "ü"
    assert (properties.delivery_mode, properties.expiration, properties.user_id) == (2, "60000", "guest")
    assert (properties.message_id, properties.correlation_id) == ("the-id", "the-conversation")
    assert message.origin == f"rabbit://{events.name}/orders.eu.placed?queue={queue.name}"


async def test_what_a_foreign_sender_says_is_read(world: RabbitWorld) -> None:
    address = await world.create("foreign")
    seen: list[RabbitMessage] = []

    @world.consumes(address)
    async def taken(self: Any, message: RabbitMessage) -> None:
        seen.append(message)

    headers = [("count", 5), ("half", 0.5), ("no", None), ("table", {"a": 1}), ("yes", True)]
    async with world.serving(taken):
        await world.put(address, b"x", headers=headers, message_id="m", correlation_id="c", message_type="t")
        await world.put(address, b"", content_type="text/plain", delivery_mode=1)
        await until(lambda: len(seen) == 2)

    first, second = seen
    assert (first.id, first.correlation_id, first.type, first.reply_to) == ("m", "c", "t", None)
    own = {name: first.headers.get(name) for name, _ in headers}
    assert own == {"count": "5", "half": "0.5", "no": None, "table": None, "yes": "true"}
    raw: Any = first.raw
    assert raw.header.properties.headers["table"] == {"a": 1}
    assert (second.body, second.content_type, second.id == first.id) == (b"", "text/plain", False)


async def test_ids_and_headers_of_any_length_arrive(world: RabbitWorld) -> None:
    address = await world.create("long")
    seen: list[RabbitMessage] = []

    @world.consumes(address)
    async def taken(self: Any, message: RabbitMessage) -> None:
        seen.append(message)

    async with world.serving(taken) as served:
        await served.publish(address, 1, id="i" * 300, correlation_id="c" * 300, headers={"x": "y" * 60_000})
        with pytest.raises(PublishError, match="headers of 200"):
            await served.publish(address, 1, headers={"x": "y" * 200_000})
        await until(lambda: seen)

    assert (seen[0].id, seen[0].correlation_id, len(seen[0].headers["x"])) == ("i" * 300, "c" * 300, 60_000)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"priority": 256}, "priority=256 is not from 0 to 255"),
        ({"expiration": -1.0}, "expiration=-1: seconds are 0 or more"),
        ({"routing_key": "x"}, "a routing key is for an exchange"),
        ({"user_id": "other"}, "user_id property set to 'other' but authenticated user was 'guest'"),
    ],
)
async def test_what_the_server_would_refuse_is_an_error(
    world: RabbitWorld, options: Mapping[str, Any], what: str
) -> None:
    address = await world.create("refused")
    async with opened(world) as broker:
        with pytest.raises(PublishError, match=what):
            await broker.publish(address, RabbitOutgoing(1, **options))
        await broker.publish(address, 2)

    assert [one.body for one in await world.messages(address)] == [b"2"]


# Consumers ------------------------------------------------------------------------------------------------------------


async def test_what_was_held_comes_again_in_order_and_says_so(world: RabbitWorld) -> None:
    address = await world.create("again")
    seen: list[tuple[int, bool]] = []
    block, begun = asyncio.Event(), asyncio.Event()

    @world.consumes(address)
    async def number(self: Any, number: int, message: RabbitMessage) -> None:
        seen.append((number, message.redelivered))
        begun.set()
        await block.wait()

    async with world.serving(number, prefetch=2, drain_timeout=0.01) as served:
        for n in range(3):
            await served.publish(address, n)
        await begun.wait()
        await until(lambda: served.subscription.in_flight == 2)
        assert await served.subscription.lag() == 1
    block.set()
    async with world.serving(number, prefetch=2):
        await until(lambda: len(seen) == 4)

    assert seen == [(0, False), (0, True), (1, True), (2, False)]


async def test_a_fast_worker_gets_what_a_slow_one_has_no_room_for(world: RabbitWorld) -> None:
    address = await world.create("shared")
    slow: list[int] = []
    fast: list[int] = []
    block = asyncio.Event()

    @world.consumes(address)
    async def slowly(self: Any, number: int) -> None:
        slow.append(number)
        await block.wait()

    @world.consumes(address)
    async def quickly(self: Any, number: int) -> None:
        fast.append(number)

    async with world.serving(slowly, prefetch=1) as first, world.serving(quickly, prefetch=1):
        for n in range(10):
            await first.publish(address, n)
        await until(lambda: len(fast) == 9)
        block.set()

    assert len(slow) == 1
    assert sorted(slow + fast) == list(range(10))


async def test_of_a_single_active_queue_the_second_consumer_stands_by(world: RabbitWorld) -> None:
    queue = Queue(world.name("single"), single_active=True)
    seen: list[tuple[str, int]] = []

    def worker(name: str) -> Callable[..., Any]:
        @world.consumes(queue)
        async def number(self: Any, number: int) -> None:
            seen.append((name, number))

        return number

    async with world.serving(worker("first")) as first, world.serving(worker("second")):
        for n in range(4):
            await first.publish(queue.name, n)
        await until(lambda: len(seen) == 4)
    async with world.serving(worker("second")) as second:
        await second.publish(queue.name, 4)
        await until(lambda: len(seen) == 5)

    assert seen == [*(("first", n) for n in range(4)), ("second", 4)]


async def test_an_exclusive_consumer_is_the_only_one(world: RabbitWorld) -> None:
    @world.consumes(classic(world, "exclusive"), exclusive=True)
    async def number(self: Any, number: int) -> None: ...

    async with world.serving(number):
        with pytest.raises(TransportError, match="in exclusive use"):
            async with world.serving(number):
                pass


async def test_an_exclusive_queue_is_its_connection_s_own_and_gone_with_it(world: RabbitWorld) -> None:
    queue = classic(world, "own", exclusive=True)
    seen: list[int] = []

    @world.consumes(queue)
    async def number(self: Any, number: int) -> None:
        seen.append(number)

    async with world.serving(number):
        async with opened(world) as other:
            await past_declaring(other, queue)
            with pytest.raises(TransportError, match="exclusive access to locked queue"):
                await other.declare(queue)
        await until(lambda: seen == [1])

    async with opened(world) as other:
        await until_async(lambda: _is_missing(other, queue))


async def _is_missing(broker: RabbitBroker, queue: Queue) -> bool:
    return bool(await broker.transport.declare([queue], "verify"))


async def test_an_auto_delete_queue_goes_with_its_last_consumer(world: RabbitWorld) -> None:
    queue = classic(world, "passing", auto_delete=True)

    @world.consumes(queue)
    async def number(self: Any, number: int) -> None: ...

    async with opened(world) as other:
        await other.declare(queue)
        assert not await _is_missing(other, queue)
        async with world.serving(number):
            assert not await _is_missing(other, queue)
        await until_async(lambda: _is_missing(other, queue))


# Limits ---------------------------------------------------------------------------------------------------------------


async def test_an_expired_message_is_handed_to_the_dead_letter_exchange(world: RabbitWorld) -> None:
    letters = classic(world, "expired")
    waiting = classic(
        world,
        "waiting",
        message_ttl=5.0,
        arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": letters.name},
    )
    seen: list[Any] = []

    @world.consumes(letters)
    async def taken(self: Any, message: RabbitMessage) -> None:
        seen.append(message)

    async with world.serving(taken) as served:
        await served.broker.declare(waiting)
        await served.publish(waiting.name, 1, headers={"h": "x"}, expiration=0.05, id="one")
        await until(lambda: seen)

    message = seen[0]
    properties = message.raw.header.properties
    (death,) = properties.headers["x-death"]
    assert (message.exchange, message.routing_key, message.redelivered, message.id) == ("", letters.name, False, "one")
    assert (message.headers["h"], properties.expiration) == ("x", None)
    assert isinstance(death.pop("time"), datetime)
    assert death == {
        "count": 1,
        "reason": "expired",
        "queue": waiting.name,
        "exchange": "",
        "routing-keys": [waiting.name],
        "original-expiration": "50",
    }
    first = [properties.headers[f"x-first-death-{what}"] for what in ("exchange", "queue", "reason")]
    assert first == ["", waiting.name, "expired"]


async def test_a_message_expires_only_at_the_head(world: RabbitWorld) -> None:
    queue = classic(world, "ttl")
    async with opened(world) as broker:
        await broker.declare(queue)
        await broker.publish(queue.name, RabbitOutgoing("long", expiration=60.0))
        await broker.publish(queue.name, RabbitOutgoing("short", expiration=0.02))
        await broker.publish(queue.name, RabbitOutgoing("never"))
        await asyncio.sleep(0.1)  # the server's clock, which nothing tells
        assert await broker.purge(queue) == 3


async def test_a_higher_priority_comes_first_and_equal_ones_in_order(world: RabbitWorld) -> None:
    queue = classic(world, "priority", max_priority=5)
    seen: list[tuple[str, int]] = []

    @world.consumes(queue)
    async def taken(self: Any, text: str, message: RabbitMessage) -> None:
        seen.append((text, message.priority))

    async with opened(world) as broker:
        await broker.declare(queue)
        for number, priority in enumerate([0, 1, 5, None, 9, 1, 5]):
            await broker.publish(queue.name, RabbitOutgoing(f"{priority} {number}", priority=priority))
    async with world.serving(taken):
        await until(lambda: len(seen) == 7)

    assert seen == [("5 2", 5), ("9 4", 9), ("5 6", 5), ("1 1", 1), ("1 5", 1), ("0 0", 0), ("None 3", 0)]


async def test_a_message_that_comes_back_too_often_leaves_a_quorum_queue(world: RabbitWorld) -> None:
    letters = Queue(world.name("poison"))
    arguments: Mapping[str, str | int] = {
        "x-delivery-limit": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": letters.name,
    }  # fmt: skip
    queue = Queue(world.name("limited"), arguments=arguments)
    counts: list[int] = []

    @world.consumes(queue)
    async def blocked(self: Any, message: RabbitMessage) -> None:
        raw: Any = message.raw
        headers: Any = raw.header.properties.headers or {}
        counts.append(headers.get("x-delivery-count", 0))
        await asyncio.Event().wait()

    async with opened(world) as broker:
        await broker.declare(letters, queue)
        await broker.publish(queue.name, 1)
        for turn in range(2):
            async with world.serving(blocked, drain_timeout=0.01):
                await until(lambda: len(counts) == turn + 1)  # noqa: B023 - awaited in the turn
    (letter,) = await world.read_until(letters.name, 1)

    assert counts == [0, 1]
    (death,) = dict(letter.headers)["x-death"]
    assert (death["reason"], death["queue"]) == ("delivery_limit", queue.name)


# Topology -------------------------------------------------------------------------------------------------------------


async def test_differences_are_told_in_words(world: RabbitWorld) -> None:
    queue, exchange = classic(world, "there"), Exchange(world.name("there"), type="topic")
    missing = classic(world, "missing")
    async with opened(world) as broker:
        await broker.declare(queue, exchange)
        told = await broker.transport.declare(
            [evolve(queue, max_priority=5), evolve(exchange, type="fanout"), missing], "verify"
        )
        assert await broker.transport.declare([queue, exchange], "verify") == []
        assert await broker.transport.declare([missing], "off") == []
        assert await _is_missing(broker, missing)
        with pytest.raises(TransportError, match=f'queue "{queue.name}" has x-queue-type classic, declared is quorum'):
            await broker.declare(Queue(queue.name, single_active=False, arguments={"x-quorum-initial-group-size": 1}))

    assert sorted(told) == sorted([
        f'queue "{queue.name}" has x-max-priority none, declared is 5',
        f'exchange "{exchange.name}" has type topic, declared is fanout',
        f'queue "{missing.name}" does not exist',
    ])  # fmt: skip


async def test_verify_refuses_to_start_and_create_warns_and_goes_on(
    world: RabbitWorld, caplog: pytest.LogCaptureFixture
) -> None:
    queue = classic(world, "classic")
    seen: list[int] = []

    @world.consumes(Queue(queue.name))
    async def number(self: Any, number: int) -> None:
        seen.append(number)

    async with opened(world) as broker:
        await broker.declare(queue)
    told = f'queue "{queue.name}" has x-queue-type classic, declared is quorum'
    async with world.serving(number) as served:
        await served.publish(queue.name, 1)
        await until(lambda: seen == [1])
    ours = [record for record in caplog.records if record.name == "faststream_oo"]
    assert [record.getMessage() for record in ours if record.levelno == logging.WARNING] == [told]

    if world.verifies:
        world.settings = evolve(world.settings, topology="verify")
        with pytest.raises(SetupError, match="x-queue-type classic, declared is quorum"):
            async with world.serving(number):
                pass
        await world.remove(f"{queue.name}.dlq")
        with pytest.raises(
            SetupError, match=f'"{queue.name}.dlq" does not exist. Hint: make it, or rabbit.topology: create'
        ):
            async with world.serving(number):
                pass


async def test_a_prefix_stands_before_queues_exchanges_and_keys(world: RabbitWorld) -> None:
    prefix = world.name("stage") + "."
    queue, events = classic(world, "orders"), Exchange(world.name("events"), type="topic")
    foreign = Exchange("amq.topic", type="topic", external=True)
    seen: list[RabbitMessage] = []

    @world.consumes(evolve(queue, bind=[Binding(events, "o.{region}"), Binding(foreign, f"{queue.name}.#")]))
    async def taken(self: Any, message: RabbitMessage, region: Annotated[str, Path()] = "none") -> None:
        seen.append(message)

    world.settings = evolve(world.settings, prefix=prefix)
    async with world.serving(taken) as served:
        await served.broker.publish(events, RabbitOutgoing(1, routing_key="o.eu"))
        await served.broker.publish(queue.name, 2)
        await world.put(f"{queue.name}.x", b"3", exchange="amq.topic")
        await until(lambda: len(seen) == 3)
        await served.broker.delete(queue)
        await served.broker.delete(Queue(f"{queue.name}.dlq"))
        await served.broker.delete(events)

    places = {one.body: (one.queue, one.exchange, one.routing_key) for one in seen}
    whole = f"{prefix}{queue.name}"
    assert places == {
        b"1": (whole, f"{prefix}{events.name}", f"{prefix}o.eu"),
        b"2": (whole, "", whole),
        b"3": (whole, "amq.topic", f"{queue.name}.x"),
    }
    assert {one.body: one.path for one in seen}[b"1"] == {"region": "eu"}


async def test_a_class_s_prefix_leaves_exchanges_as_they_are(world: RabbitWorld) -> None:
    queue, events = classic(world, "orders"), Exchange(world.name("events"), type="topic")
    prefix = world.name("eu") + "."
    seen: list[RabbitMessage] = []

    @world.consumes(evolve(queue, bind=[Binding(events, "o.*")]))
    async def taken(self: Any, message: RabbitMessage) -> None:
        seen.append(message)

    with world.below():
        broker = world.broker()
        consumer = world.consumer_of(broker, taken, prefix=prefix)
        async with Application(consumers=[consumer]):
            await broker.publish(events, RabbitOutgoing(1, routing_key=f"{prefix}o.x"))
            await until(lambda: seen)
            await broker.delete(Queue(prefix + queue.name))
            await broker.delete(Queue(f"{prefix}{queue.name}.dlq"))
            await broker.delete(events)

    assert (seen[0].queue, seen[0].exchange) == (prefix + queue.name, events.name)
