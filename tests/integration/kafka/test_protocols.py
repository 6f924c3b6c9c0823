"""Cooperative and KIP-848 groups by confluent-kafka, static members, and what is refused."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from faststream_oo.errors import SetupError, TransportError
from faststream_oo.kafka import KafkaSettings, Topic
from faststream_oo.kafka.client.watch import BrokerWatch
from faststream_oo.kafka.options import KafkaSourceOptions
from faststream_oo.kafka.transport import KafkaSource
from faststream_oo.kafka.transports.confluent import ConfluentTransport, check_config, check_source_config
from faststream_oo.kafka.transports.confluent.admin import ConfluentAdmin
from faststream_oo.kafka.transports.confluent.source import ConfluentSource
from tests.integration.kafka.conftest import Begin, Raw, RawKafka, of_clients, only_aiokafka
from tests.integration.kinds import missing
from tests.integration.private import MissingBrokerError, PrivateBroker
from tests.integration.worlds import until
from tests.unit.kafka.sinks import RecordingSink

PROTOCOLS: Mapping[str, dict[str, str | int]] = {
    "cooperative": {"partition.assignment.strategy": "cooperative-sticky", "heartbeat.interval.ms": 100},
    "kip-848": {"group.protocol": "consumer"},
}


@asynccontextmanager
async def two_members(raw: RawKafka, topic: str, config: Mapping[str, object]) -> AsyncGenerator[list[KafkaSource]]:
    """Two sources of one group, not started; both are closed at the end."""
    transport = ConfluentTransport(raw.settings)
    await transport.open()
    sources: list[KafkaSource] = [transport.source(Topic(topic), {"group": topic, "config": config}) for _ in range(2)]
    try:
        yield sources
    finally:
        await asyncio.gather(*(source.close() for source in sources))
        await transport.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("config", PROTOCOLS.values(), ids=PROTOCOLS)
async def test_a_join_and_a_leave_lose_and_double_nothing(kafka_servers: str, config: Mapping[str, object]) -> None:
    raw = RawKafka(kafka_servers)
    topic = await raw.create("protocol", 4)
    sinks = [RecordingSink(settles=True) for _ in range(2)]
    async with two_members(raw, topic, config) as sources:
        await sources[0].start(sinks[0])
        for number in range(200):
            await raw.put(topic, b"%d" % number, partition=number % 4)
        await sources[1].start(sinks[1])
        await until(lambda: [len(sink.partitions) for sink in sinks] == [2, 2], 60)
        for number in range(200, 400):
            await raw.put(topic, b"%d" % number, partition=number % 4)
        await until(lambda: sum(len(sink.records) for sink in sinks) >= 400)
        sinks[1].settle(*sinks[1].held)
        await sources[1].close()
        await until(lambda: len(sinks[0].partitions) == 4, 60)
        for number in range(400, 500):
            await raw.put(topic, b"%d" % number, partition=number % 4)
        await until(lambda: sum(len(sink.records) for sink in sinks) >= 500)

    assert Counter(value for sink in sinks for value in sink.values) == Counter(b"%d" % n for n in range(500))
    assert not [error for sink in sinks for error in sink.errors]


@pytest.fixture
def classic_servers(tmp_path: Path) -> Generator[str]:
    """The address of a Kafka that has the classic protocol alone."""
    protocols = {"KAFKA_PROPERTIES": "group.coordinator.rebalance.protocols=classic"}
    broker = PrivateBroker("kafka", tmp_path, protocols)
    try:
        broker.start()
    except MissingBrokerError as error:
        missing(str(error))
    try:
        yield broker.address
    finally:
        broker.end()


async def test_brokers_without_the_new_protocol_are_told_at_once(classic_servers: str) -> None:
    raw = RawKafka(classic_servers)
    topic = await raw.create("protocol", 1)
    transport = ConfluentTransport(raw.settings)
    await transport.open()
    source = transport.source(Topic(topic), {"group": topic, "config": PROTOCOLS["kip-848"]})
    try:
        with pytest.raises(TransportError, match="API version not supported") as caught:
            await source.start(RecordingSink(settles=True))
    finally:
        await transport.close()

    assert caught.value.hint == "group.protocol=consumer needs brokers with KIP-848, as Kafka 4 has it"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("config", PROTOCOLS.values(), ids=PROTOCOLS)
async def test_a_member_without_a_partition_waits_for_one(kafka_servers: str, config: Mapping[str, object]) -> None:
    raw = RawKafka(kafka_servers)
    topic = await raw.create("surplus", 1)
    sinks = [RecordingSink(settles=True) for _ in range(2)]
    async with two_members(raw, topic, config) as sources:
        for source, sink in zip(sources, sinks, strict=True):
            await source.start(sink)
        had = [len(sink.partitions) for sink in sinks]
        await sources[had.index(1)].close()
        await until(lambda: len(sinks[had.index(0)].partitions) == 1)

    assert sorted(had) == [0, 1]


@pytest.mark.parametrize(
    ("config", "hint"),
    [({}, ""), (PROTOCOLS["kip-848"], "group.protocol=consumer needs brokers with KIP-848, as Kafka 4 has it")],
    ids=["eager", "kip-848"],
)
async def test_brokers_that_never_answer_a_join_are_told(
    kafka_servers: str, silent: int, monkeypatch: pytest.MonkeyPatch, config: dict[str, str], hint: str
) -> None:
    monkeypatch.setattr("faststream_oo.kafka.client.source.JOIN_MARGIN", 0.5)
    raw = RawKafka(kafka_servers)
    topic = await raw.create("unanswered", 1)
    admin = ConfluentAdmin(raw.settings)
    await admin.open()
    options = KafkaSourceOptions(group=topic, rebalance_timeout=0.5, config=config)
    settings = KafkaSettings(servers=[f"127.0.0.1:{silent}"])
    source = ConfluentSource(settings, Topic(topic), options, admin, BrokerWatch(admin.ping))
    try:
        with pytest.raises(TransportError, match=f'group "{topic}" gave no partitions in 1 s') as caught:
            await source.start(RecordingSink())
    finally:
        await source.close()
        await admin.close()

    assert caught.value.hint == hint


@of_clients
async def test_a_join_that_waits_for_another_member_for_too_long_is_told(
    raw: Raw, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await raw.create("slow", 1)
    _, slow = await begin(topic, RecordingSink(settles=True), group=topic)
    slow.gate.clear()
    monkeypatch.setattr("faststream_oo.kafka.client.source.JOIN_MARGIN", 0.5)
    try:
        with pytest.raises(TransportError, match=f'group "{topic}" gave no partitions in 1 s'):
            await begin(topic, group=topic, rebalance_timeout=0.5)
    finally:
        slow.gate.set()


async def test_a_static_member_that_restarts_moves_no_partition(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("static", 2)
    _, stays = await begin(topic, RecordingSink(settles=True), group=topic, group_instance_id="one")
    source, goes = await begin(topic, RecordingSink(settles=True), group=topic, group_instance_id="two")
    await until(lambda: len(stays.partitions) == len(goes.partitions) == 1)
    before, had = len(stays.events), goes.partitions
    await source.close()
    _, back = await begin(topic, RecordingSink(settles=True), group=topic, group_instance_id="two")
    await until(lambda: back.partitions == had)

    assert stays.events[before:] == []


async def test_two_of_one_static_id_are_told(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("twice", 2)
    _, first = await begin(topic, RecordingSink(settles=True), group=topic, group_instance_id="same")
    second = RecordingSink(settles=True)
    starting = asyncio.ensure_future(begin(topic, second, group=topic, group_instance_id="same"))
    told = await _told(starting, first, second)

    assert any("same" in error or "instance" in error for error in told)


@only_aiokafka
async def test_two_of_one_static_id_that_join_at_once_are_told(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("twice", 2)
    sinks = [RecordingSink(settles=True) for _ in range(2)]
    starting = [asyncio.ensure_future(begin(topic, sink, group=topic, group_instance_id="same")) for sink in sinks]
    told = await _told(asyncio.gather(*starting), *sinks)
    await asyncio.wait(starting)

    assert any('group_instance_id="same"' in error for error in told)


@only_aiokafka
async def test_a_static_member_whose_place_is_taken_in_a_rebalance_is_told_alone(raw: Raw, begin: Begin) -> None:
    topic = await raw.create("twice", 3)
    _, slow = await begin(topic, RecordingSink(settles=True), group=topic)
    _, first = await begin(topic, RecordingSink(settles=True), group=topic, group_instance_id="same")
    await until(lambda: slow.partitions and first.partitions)
    slow.gate.clear()
    another = asyncio.ensure_future(begin(topic, RecordingSink(settles=True), group=topic))
    await until(lambda: first.events[-1][0] == "revoke")
    second = RecordingSink(settles=True)
    starting = asyncio.ensure_future(begin(topic, second, group=topic, group_instance_id="same"))
    await until(lambda: first.errors)
    slow.gate.set()
    await asyncio.gather(another, starting)
    await until(lambda: len(second.partitions) == 1)

    assert 'group_instance_id="same" is used by another process too, or' in str(first.errors[0])
    assert second.errors == []


async def _told(starting: asyncio.Future[Any], *sinks: RecordingSink) -> list[str]:
    """Return what the members were told, as they started and later."""

    def told() -> list[BaseException]:
        refused = starting.exception() if starting.done() else None
        return [error for error in (refused, *(error for sink in sinks for error in sink.errors)) if error is not None]

    await until(told)
    await asyncio.wait([starting])
    return [str(error) for error in told()]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"enable.auto.commit": True}, 'kafka.config["enable.auto.commit"]: set by the framework'),
        ({"enable_auto_commit": True}, 'kafka.config["enable_auto_commit"]: set by the framework'),
        ({"partitioner": "consistent_random"}, 'kafka.config["partitioner"]: set by the framework'),
        ({"socket.timeout.mz": 1}, 'has no such option. Hint: "socket.timeout.ms"'),
        ({"socket.timeout.ms": "soon"}, "Invalid value"),
        ({"statistics.interval.ms": 5}, "set by the framework"),
    ],
)
def test_what_the_client_cannot_do_is_refused_by_name(config: dict[str, str | int | bool], said: str) -> None:
    (problem,) = check_config(KafkaSettings(driver="confluent", config=config))

    assert said in str(problem)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"config": {"message.timeout.ms": 5}}, "is an option of producers"),
        ({"config": {"group.protocol": "consumer", "heartbeat.interval.ms": 5}}, "is the brokers'"),
        ({"max_poll_interval": 10.0}, "below session_timeout=45"),
    ],
)
def test_what_a_subscription_cannot_have_is_refused_by_name(options: dict[str, object], said: str) -> None:
    (problem,) = check_source_config(options)

    assert said in str(problem)


def test_a_transport_of_wrong_settings_is_not_made() -> None:
    with pytest.raises(SetupError, match=r"kafka\.config"):
        ConfluentTransport(KafkaSettings(driver="confluent", config={"acks": 1}))
