"""Declared topics of an embedded cluster: created, or compared with what is there."""

from collections.abc import Iterator, Sequence

from faststream_oo.address import Address
from faststream_oo.errors import TransportError
from faststream_oo.kafka.address import DeadLetterTopic, Partitions, Topic
from faststream_oo.kafka.client.records import DEAD_LETTER_ROOM
from faststream_oo.kafka.client.topology import merged
from faststream_oo.kafka.transports.memory.cluster import MemoryCluster
from faststream_oo.options import Topology


def declare(cluster: MemoryCluster, addresses: Sequence[Address], mode: Topology, *, foreign: bool) -> Sequence[str]:
    """Apply the mode to topics and return the differences, one sentence each.

    Args:
        cluster: What is compared or changed.
        addresses: What the application declares; patterns declare nothing.
        mode: "verify" changes nothing, "create" makes what is missing, "off" does neither.
        foreign: Whether external topics are made too: nobody else makes them in a world of tests.
    """
    if mode == "off":
        return []
    named = [
        topic
        for address in addresses
        if isinstance(address, Partitions)
        for topic in _of(address)
        if topic.name not in cluster.topics
    ]
    found = [_apply(cluster, topic, mode, foreign=foreign) for topic in merged([*addresses, *named])]
    return [difference for difference in found if difference is not None]


def _of(address: Partitions) -> Iterator[Topic]:
    """The topics of partitions that are assigned by hand, with as many as are named."""
    for name in dict.fromkeys(one.topic for one in address.partitions):
        most = max(one.partition for one in address.partitions if one.topic == name)
        yield Topic(name, partitions=most + 1, external=True)


def _apply(cluster: MemoryCluster, topic: Topic, mode: Topology, *, foreign: bool) -> str | None:
    existing = cluster.topics.get(topic.name)
    if existing is not None:
        if topic.partitions in {None, len(existing)}:
            return None
        return f'topic "{topic.name}" has {len(existing)} partitions, declared are {topic.partitions}'
    if topic.external:
        if not foreign:
            return f'topic "{topic.name}" is external and does not exist'
    elif mode == "verify":
        return f'topic "{topic.name}" does not exist'
    return _create(cluster, topic)


def _create(cluster: MemoryCluster, topic: Topic) -> str | None:
    partitions, config = topic.partitions, dict(topic.config)
    source = cluster.topics.get(topic.source) if isinstance(topic, DeadLetterTopic) else None
    if source is not None:
        partitions = partitions or len(source)
        config.setdefault("max.message.bytes", str(source.max_message_bytes + DEAD_LETTER_ROOM))
    try:
        cluster.create_topic(topic.name, partitions or 1, config)
    except TransportError as error:
        return str(error)
    return None
