"""Publishing to streams, lists and channels, pipelines, and what FastStream writes and asks."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import pytest

from faststream_oo import Batch, Message
from faststream_oo.errors import LifecycleError, PublishError, TransportError
from faststream_oo.redis import Channel, List, RedisBroker, RedisOutgoing, RedisReceipt, RedisSettings, Stream
from faststream_oo.redis.address import RedisAddress
from faststream_oo.redis.client.senders import wrapped
from faststream_oo.redis.envelope import Envelope, read_binary
from tests.integration.kinds import of
from tests.integration.redis.worlds import RedisWorld
from tests.integration.worlds import until

pytestmark = of("redis-stream")


@pytest.fixture
async def broker(world: RedisWorld) -> AsyncGenerator[RedisBroker]:
    """One to publish with."""
    with world.below():
        async with world.broker() as broker:
            yield broker


async def test_a_receipt_says_what_the_server_answered(world: RedisWorld, broker: RedisBroker) -> None:
    stream, items, channel = [await world.create(name) for name in ("stream", "list", "channel")]

    receipt = await broker.send_now(stream, 1)
    ((entry, _),) = await world.call("XRANGE", stream, "-", "+")

    assert receipt == RedisReceipt(entry_id=entry.decode())
    assert [await broker.send_now(List(items), each) for each in (1, 2)] == [
        RedisReceipt(count=1),
        RedisReceipt(count=2),
    ]
    assert await broker.send_now(Channel(channel), 1) == RedisReceipt(count=0)


@pytest.mark.parametrize(("exact", "lengths"), [(True, {5}), (False, set(range(5, 301)))])
async def test_a_stream_is_trimmed_when_it_is_published_to(
    world: RedisWorld, broker: RedisBroker, exact: bool, lengths: set[int]
) -> None:
    stream = Stream(await world.create("trimmed"), max_length=5, exact=exact)

    await broker.publish(stream, Batch(range(300)))

    assert await world.call("XLEN", stream.name) in lengths


async def test_an_entry_has_a_field_for_the_body_and_one_for_each_header(
    world: RedisWorld, broker: RedisBroker
) -> None:
    stream = await world.create("fields")

    await broker.publish(stream, RedisOutgoing(7, key="ü", headers={"a": "b", "raw": "\udcff"}, id="1"))

    ((_, fields),) = await world.call("XRANGE", stream, "-", "+")
    assert dict(zip(fields[::2], fields[1::2], strict=True)) == {
        b"body": b"7",
        b"h:a": b"b",
        b"h:raw": b"\xff",
        b"h:fsoo-id": b"1",
        b"h:fsoo-key": "ü".encode(),
    }


async def test_a_list_element_has_its_headers_in_an_envelope(world: RedisWorld, broker: RedisBroker) -> None:
    items = await world.create("list")

    await broker.publish(List(items), RedisOutgoing(7, key="k", headers={"a": "b"}, id="1"))

    (element,) = await world.call("LRANGE", items, 0, -1)
    assert read_binary(element) == (b"7", [(b"fsoo-key", b"k"), (b"a", b"b"), (b"fsoo-id", b"1")])


async def test_the_key_of_a_message_goes_before_one_among_its_headers(world: RedisWorld, broker: RedisBroker) -> None:
    items = await world.create("list")

    await broker.publish(List(items), RedisOutgoing(7, key="k", headers={"fsoo-key": "other", "a": "b"}, id="1"))
    async with broker.reader(List(items), int) as reader:
        message = await reader.get(10.0)

    assert message is not None
    assert (message.key, message.headers["fsoo-key"], message.headers["a"]) == (b"k", "k", "b")


async def changed(world: RedisWorld, broker: RedisBroker) -> str:
    """Return the key of a stream that was published to, and is a list since."""
    key = await world.create("changed")
    await broker.publish(key, 0)
    await world.call("DEL", key)
    await world.call("RPUSH", key, "x")
    return key


async def test_a_list_is_not_published_to_as_a_stream(world: RedisWorld, broker: RedisBroker) -> None:
    key = await world.create("list")
    await broker.publish(List(key), 1)

    with pytest.raises(TransportError, match=f'"{key}" is a list, no stream'):
        await broker.publish(key, 2)


async def test_a_key_of_another_type_refuses_a_message_and_no_other(world: RedisWorld, broker: RedisBroker) -> None:
    wrong, right = await changed(world, broker), await world.create("right")

    fine = asyncio.ensure_future(broker.publish(right, 1))
    with pytest.raises(PublishError, match="WRONGTYPE"):
        await broker.publish(wrong, 1)
    await fine

    assert await world.call("XLEN", right) == 1


async def test_without_an_envelope_a_list_has_bodies_alone_and_nothing_is_lost_silently(world: RedisWorld) -> None:
    items = await world.create("plain")
    with world.below():
        async with RedisBroker(RedisSettings(url=world.settings.url, envelope="none")) as broker:
            await broker.publish(List(items), 7)
            with pytest.raises(PublishError, match=f'"{items}" has no envelope that carries x-a'):
                await broker.publish(List(items), RedisOutgoing(7, headers={"x-a": "b"}))
            with pytest.raises(PublishError, match="fsoo-key"):
                await broker.publish(List(items), RedisOutgoing(7, key="k"))
            with pytest.raises(PublishError, match="fsoo-reply-to"):
                await broker.request(List(items), 7, reply=int, timeout=1.0)

    assert await world.call("LRANGE", items, 0, -1) == [b"7"]


async def test_messages_and_commands_of_a_pipeline_are_carried_out_together(
    world: RedisWorld, broker: RedisBroker
) -> None:
    stream, items, other = [await world.create(name) for name in ("stream", "list", "count")]

    async with broker.pipeline() as pipe:
        pipe.publish(stream, 1)
        pipe.publish(List(items), Batch([2, 3]))
        pipe.command("RPUSH", other, "x", b"\xff", 5, 1.5)
        assert await world.call("EXISTS", stream, items, other) == 0

    assert [one.body for one in await world.read(stream)] == [b"1"]
    assert [read_binary(one)[0] for one in await world.call("LRANGE", items, 0, -1)] == [b"2", b"3"]
    assert await world.call("LRANGE", other, 0, -1) == [b"x", b"\xff", b"5", b"1.5"]


@pytest.mark.parametrize("transaction", [True, False])
async def test_what_the_server_refuses_of_a_pipeline_is_told(
    world: RedisWorld, broker: RedisBroker, transaction: bool
) -> None:
    wrong, right = await changed(world, broker), await world.create("right")
    pipe = await broker.pipeline(transaction=transaction).__aenter__()
    pipe.publish(wrong, 1)
    pipe.publish(right, 2)

    with pytest.raises(PublishError, match="WRONGTYPE"):
        await pipe.__aexit__(None, None, None)

    assert await world.call("XLEN", right) == 1  # Redis carries out the rest


async def test_nothing_of_a_pipeline_is_sent_when_its_block_raises(world: RedisWorld, broker: RedisBroker) -> None:
    stream = await world.create("stream")

    with suppress(KeyError):
        async with broker.pipeline() as pipe:
            pipe.publish(stream, 1)
            raise KeyError("other")

    assert await world.call("EXISTS", stream) == 0


async def test_nothing_of_a_transaction_is_carried_out_when_a_command_does_not_exist(
    world: RedisWorld, broker: RedisBroker
) -> None:
    stream = await world.create("stream")
    pipe = await broker.pipeline().__aenter__()
    pipe.publish(stream, 1)
    pipe.command("NO-SUCH-COMMAND")

    with pytest.raises(PublishError, match="unknown command"):
        await pipe.__aexit__(None, None, None)

    assert await world.call("EXISTS", stream) == 0


async def test_a_transaction_that_is_off_since_a_watched_key_changed_is_told(
    world: RedisWorld, broker: RedisBroker
) -> None:
    watched, stream = await world.create("watched"), await world.create("stream")
    async with broker.pipeline(transaction=False) as pipe:
        pipe.command("WATCH", watched)
    await world.call("SET", watched, "other")
    pipe = await broker.pipeline().__aenter__()
    pipe.publish(stream, 1)

    with pytest.raises(PublishError, match="nothing was carried out: a watched key has changed"):
        await pipe.__aexit__(None, None, None)

    assert await world.call("EXISTS", stream) == 0


NO_PARTS: list[Any] = [(), ("RPUSH", "k", None), ("RPUSH", "k", True), ("RPUSH", "k", {}), ("RPUSH", "k\ud800", 1)]


@pytest.mark.parametrize("parts", NO_PARTS)
async def test_what_is_no_command_is_refused_at_once_and_alone(
    world: RedisWorld, broker: RedisBroker, parts: Any
) -> None:
    stream = await world.create("stream")
    async with broker.pipeline() as pipe:
        with pytest.raises(PublishError):
            pipe.command(*parts)
        pipe.publish(stream, 1)

    assert await world.call("XLEN", stream) == 1


@pytest.mark.parametrize("kind", [Stream, List, Channel])
async def test_a_name_that_is_no_text_is_refused_alone(
    world: RedisWorld, broker: RedisBroker, kind: type[RedisAddress]
) -> None:
    stream = await world.create("stream")
    with pytest.raises(PublishError, match="cannot be sent to Redis"):
        await broker.publish(kind(f"{stream}\ud800"), 1)
    await broker.publish(stream, 1)

    assert await world.call("XLEN", stream) == 1


async def test_a_pipeline_is_used_once_and_within_its_block(broker: RedisBroker) -> None:
    pipe = broker.pipeline()
    with pytest.raises(LifecycleError, match="not open"):
        pipe.command("PING")
    async with pipe:
        pass
    with pytest.raises(LifecycleError, match="not open"):
        pipe.publish("orders", 1)
    with pytest.raises(LifecycleError, match="another"):
        async with pipe:
            pass


async def test_replies_come_over_a_stream_that_is_short_and_gone_in_the_end(world: RedisWorld) -> None:
    address = await world.create("ask")
    inboxes: list[str | None] = []

    @world.consumes(address)
    async def double(self: Any, number: int, message: Message) -> int:
        inboxes.append(message.reply_to)
        return number * 2

    async with world.serving(double) as served:
        assert [await served.broker.request(address, each, reply=int) for each in range(5)] == [0, 2, 4, 6, 8]
        inbox = inboxes[0] or ""
        assert set(inboxes) == {inbox}
        assert await world.call("XLEN", inbox) <= 2
        assert 0 < await world.call("TTL", inbox) <= 600
    assert await world.call("EXISTS", inbox) == 0


async def test_an_answer_goes_to_the_name_that_the_message_gave_whatever_its_bytes(world: RedisWorld) -> None:
    address = await world.create("ask")
    inbox = f"{address}:".encode() + b"\xff\x00"

    @world.consumes(address)
    async def double(self: Any, number: int) -> int:
        return number * 2

    async with world.serving(double) as served:
        await world.put(address, b"2", headers=[("fsoo-reply-to", inbox)])
        await world.answered(lambda length: length == 1, "XLEN", inbox)
        assert await served.broker.request(address, 3, reply=int) == 6


async def test_a_request_to_a_channel_that_nobody_listens_on_fails_at_once(
    world: RedisWorld, broker: RedisBroker
) -> None:
    name = await world.create("nobody")

    async with asyncio.timeout(10):
        with pytest.raises(PublishError, match=f"nobody listens on {name}"):
            await broker.request(Channel(name), 1, reply=int, timeout=60.0)


@pytest.mark.parametrize("envelope", ["binary", "json"])
async def test_what_faststream_wrote_to_a_stream_is_handled_and_its_request_answered_on_its_channel(
    world: RedisWorld, envelope: Envelope
) -> None:
    address, answers = await world.create("faststream"), await world.create("answers")
    heard: list[tuple[bytes, Any]] = []

    @world.consumes(address)
    async def double(self: Any, number: int, message: Message) -> int:
        heard.append((message.body, message.headers))
        assert message.correlation_id == "a-1"
        return number * 2

    data = wrapped(envelope, b"4", [(b"correlation_id", b"a-1"), (b"reply_to", answers.encode())])
    async with world.serving(double), world.listening(answers) as answered:
        await world.call("XADD", address, "*", "__data__", data)
        await until(lambda: answered)

    assert heard == [(b"4", {"correlation_id": "a-1", "reply_to": answers})]
    body, headers = read_binary(answered[0])
    assert (body, dict(headers)[b"fsoo-status"]) == (b"8", b"ok")


@pytest.mark.parametrize("envelope", ["binary", "json"])
async def test_a_dead_letter_of_faststream_s_entry_keeps_it_to_the_byte(world: RedisWorld, envelope: Envelope) -> None:
    address = await world.create("foreign")
    data = wrapped(envelope, b"no number", [(b"correlation_id", b"a-1")])

    @world.consumes(address)
    async def number(self: Any, number: int) -> None: ...

    async with world.serving(number):
        await world.call("XADD", address, "*", "__data__", data)
        await world.letters_until(address, 1)

    ((_, fields),) = await world.call("XRANGE", world.letters(address), "-", "+")
    assert fields[:2] == [b"__data__", data]
    assert b"h:fsoo-dl-reason" in fields
