"""Which queues a message goes to; the same on a real RabbitMQ and on its twin."""

import pytest

from faststream_oo.errors import PublishError, TransportError
from faststream_oo.rabbit import Binding, Exchange, RabbitOutgoing
from tests.integration.kinds import of
from tests.integration.rabbit.queues import bodies, classic, opened
from tests.integration.rabbit.worlds import RabbitWorld

pytestmark = of("rabbit")


async def test_a_topic_exchange_matches_words(world: RabbitWorld) -> None:
    events = Exchange(world.name("topic"), type="topic")
    patterns = ["a.#", "#.b", "#", "", "a.*", "a.*.c", "*.*", "*.#", "#.*", "a.#.#", "a*", "a#", "#.a.#", ".."]
    keys = ["", "a", "a.", "a.b", "a.b.c", "ab", "b", ".b", "b.b", "a..c", ".", "a*", "x.a.y", "..", "b.a"]
    queues = {pattern: classic(world, "topic", Binding(events, pattern)) for pattern in patterns}
    async with opened(world) as broker:
        await broker.declare(events, *queues.values())
        for key in keys:
            await broker.publish(events, RabbitOutgoing(key, routing_key=key))
        found = {pattern: await bodies(world, queue) for pattern, queue in queues.items()}

    assert found == {
        "a.#": ["a", "a.", "a.b", "a.b.c", "a..c"],
        "#.b": ["a.b", "b", ".b", "b.b"],
        "#": keys,
        "": [""],
        "a.*": ["a.", "a.b"],
        "a.*.c": ["a.b.c", "a..c"],
        "*.*": ["a.", "a.b", ".b", "b.b", ".", "b.a"],
        "*.#": keys[1:],
        "#.*": keys[1:],
        "a.#.#": ["a", "a.", "a.b", "a.b.c", "a..c"],
        "a*": ["a*"],
        "a#": [],
        "#.a.#": ["a", "a.", "a.b", "a.b.c", "a..c", "x.a.y", "b.a"],
        "..": [".."],
    }


async def test_a_queue_gets_one_copy_however_often_it_is_bound(world: RabbitWorld) -> None:
    events = Exchange(world.name("many"), type="topic")
    one = classic(world, "one", Binding(events, "a.*"), Binding(events, "a.#"), Binding(events, "a.b"))
    other = classic(world, "other", Binding(events, "a.b"))
    async with opened(world) as broker:
        await broker.declare(one, other)
        await broker.publish(events, RabbitOutgoing("event", routing_key="a.b"))
        found = [await bodies(world, queue) for queue in (one, other)]

    assert found == [["event"], ["event"]]


async def test_a_binding_made_twice_is_one(world: RabbitWorld) -> None:
    events = Exchange(world.name("twice"))
    queue = classic(world, "twice", Binding(events, "a"))
    async with opened(world) as broker:
        await broker.declare(queue)
        await broker.bind(queue, Binding(events, "a"))
        await broker.publish(events, RabbitOutgoing(1, routing_key="a"))
        await broker.unbind(queue, Binding(events, "a"))
        with pytest.raises(PublishError):
            await broker.publish(events, RabbitOutgoing(2, routing_key="a"))
        assert await bodies(world, queue) == ["1"]


async def test_a_direct_exchange_knows_no_wildcards(world: RabbitWorld) -> None:
    direct = Exchange(world.name("direct"))
    queue = classic(world, "literal", Binding(direct, "*"))
    async with opened(world) as broker:
        await broker.declare(queue)
        await broker.publish(direct, RabbitOutgoing("star", routing_key="*"))
        with pytest.raises(PublishError):
            await broker.publish(direct, RabbitOutgoing("no star", routing_key="a"))
        assert await bodies(world, queue) == ["star"]


async def test_a_fanout_exchange_looks_at_no_key(world: RabbitWorld) -> None:
    fanout = Exchange(world.name("all"), type="fanout")
    queues = [classic(world, "keyed", Binding(fanout, "ignored")), classic(world, "plain", Binding(fanout))]
    async with opened(world) as broker:
        await broker.declare(*queues)
        await broker.publish(fanout, RabbitOutgoing("to all", routing_key="whatever"))
        found = [await bodies(world, queue) for queue in queues]

    assert found == [["to all"], ["to all"]]


async def test_the_default_exchange_routes_by_the_queue_s_name_and_takes_no_bindings(world: RabbitWorld) -> None:
    queue = classic(world, "named")
    async with opened(world) as broker:
        await broker.publish(queue, 1)
        (message,) = await world.messages(queue.name)
        with pytest.raises(TransportError, match="ACCESS_REFUSED - operation not permitted on the default exchange"):
            await broker.bind(queue, Binding(Exchange(""), "else"))

    assert (message.exchange, message.routing_key) == ("", queue.name)


async def test_a_queue_that_two_exchanges_feed_gets_one_copy(world: RabbitWorld) -> None:
    first = Exchange(world.name("first"), type="topic")
    middle = [Exchange(world.name(side), type="topic", bind=[Binding(first, "#")]) for side in ("left", "right")]
    queue = classic(world, "fed", *(Binding(one, "o.*") for one in middle))
    async with opened(world) as broker:
        await broker.declare(queue)
        await broker.publish(first, RabbitOutgoing(1, routing_key="o.x"))
        (message,) = await world.messages(queue.name)

    assert (message.body, message.exchange, message.routing_key) == (b"1", first.name, "o.x")


async def test_an_auto_delete_exchange_goes_with_its_last_binding(world: RabbitWorld) -> None:
    passing = Exchange(world.name("passing"), auto_delete=True)
    queue = classic(world, "bound", Binding(passing, "a"), Binding(passing, "b"))
    async with opened(world) as broker:
        await broker.declare(queue)
        await broker.unbind(queue, Binding(passing, "a"))
        await broker.publish(passing, RabbitOutgoing(1, routing_key="b"))
        await broker.unbind(queue, Binding(passing, "b"))
        assert await broker.transport.declare([passing], "verify") == [f'exchange "{passing.name}" does not exist']
