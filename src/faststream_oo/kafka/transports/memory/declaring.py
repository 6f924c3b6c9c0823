"""Declared topics of an embedded cluster: created, or compared with what is there."""

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import evolve

from faststream_oo.address import Address
from faststream_oo.errors import TransportError
from faststream_oo.kafka.address import DeadLetterTopic, Topic, Topics
from faststream_oo.kafka.transports.memory.cluster import MemoryCluster
from faststream_oo.options import Topology

_DIAGNOSTICS: Final = 65_536  # Bytes that a dead letter may have more than its record.


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
    found = [_apply(cluster, topic, mode, foreign=foreign) for topic in _merged(addresses)]
    return [difference for difference in found if difference is not None]


def _merged(addresses: Iterable[Address]) -> Sequence[Topic]:
    """Return each topic once with all that is said of it, dead letters after what they belong to.

    What has a name of its own only later, a pattern or a template, is left out.
    """
    merged: dict[str, Topic] = {}
    for address in addresses:
        for topic in address.topics if isinstance(address, Topics) else [address]:
            if isinstance(topic, Topic) and "{" not in topic.name:
                known = merged.get(topic.name, topic)
                merged[topic.name] = evolve(
                    topic if isinstance(topic, DeadLetterTopic) else known,
                    partitions=known.partitions or topic.partitions,
                    replication=known.replication or topic.replication,
                    config={**topic.config, **known.config},
                    external=known.external or topic.external,
                )
    return sorted(merged.values(), key=lambda topic: isinstance(topic, DeadLetterTopic))


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
        config.setdefault("max.message.bytes", str(source.max_message_bytes + _DIAGNOSTICS))
    try:
        cluster.create_topic(topic.name, partitions or 1, config)
    except TransportError as error:
        return str(error)
    return None
