"""Making the topics that an application declares, or saying how they differ."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import evolve

from faststream_oo.address import Address
from faststream_oo.kafka.address import DeadLetterTopic, Topic, Topics
from faststream_oo.kafka.client.admin import ClusterAdmin, TopicFacts
from faststream_oo.kafka.client.records import DEAD_LETTER_ROOM
from faststream_oo.options import Topology

_log: Final = logging.getLogger("faststream_oo")
_SIZE: Final = "max.message.bytes"


async def declare(admin: ClusterAdmin, addresses: Sequence[Address], topology: Topology, /) -> Sequence[str]:
    """Create what is missing, if the mode says so, and return the differences that are left, one sentence each.

    Raises:
        TransportError: The cluster does not answer, or refuses to create a topic.
    """
    declared = merged(addresses)
    if topology == "off" or not declared:
        return []
    there = await admin.topics()
    if topology == "create":
        missing = [topic for topic in declared if topic.name not in there and not topic.external]
        await _create(admin, [topic for topic in missing if not isinstance(topic, DeadLetterTopic)])
        letters = [topic for topic in missing if isinstance(topic, DeadLetterTopic)]
        if letters:
            there = await admin.topics()
            await _create(admin, [await _sized(admin, topic, there) for topic in letters])
        if missing:
            there = await admin.topics()
    return [difference for topic in declared for difference in _differences(topic, there.get(topic.name))]


def merged(addresses: Sequence[Address], /) -> Sequence[Topic]:
    """Return every topic once with all that is said of it, dead letters after what they belong to.

    What has a name of its own only later (a pattern, a template) is left out.
    """
    found: dict[str, Topic] = {}
    for address in addresses:
        topics = address.topics if isinstance(address, Topics) else (address,) if isinstance(address, Topic) else ()
        for topic in topics:
            if "{" not in topic.name:
                other = found.get(topic.name)
                found[topic.name] = topic if other is None else _together(other, topic)
    return sorted(found.values(), key=lambda topic: isinstance(topic, DeadLetterTopic))


def _together(one: Topic, other: Topic) -> Topic:
    """What two declarations of a topic say together; the first has the last word."""
    kind = other if isinstance(other, DeadLetterTopic) else one
    return evolve(
        kind,
        partitions=one.partitions or other.partitions,
        replication=one.replication or other.replication,
        config={**other.config, **one.config},
        external=one.external or other.external,
    )


async def _create(admin: ClusterAdmin, topics: Sequence[Topic]) -> None:
    if not topics:
        return
    failed = await admin.create(topics)
    there = await admin.topics()
    for topic in topics:
        if topic.name not in failed:
            number = len(there[topic.name].leaders) if topic.name in there else topic.partitions
            _log.info('created topic "%s" with %s partition(s)', topic.name, number)
    for error in failed.values():
        raise error


async def _sized(admin: ClusterAdmin, topic: DeadLetterTopic, there: Mapping[str, TopicFacts]) -> Topic:
    """Give a dead-letter topic the partitions of its source, and room for the diagnostics."""
    source = there.get(topic.source)
    partitions = topic.partitions or (len(source.leaders) if source is not None else None)
    size = await admin.topic_config(topic.source, _SIZE) if source is not None else None
    room = {} if size is None else {_SIZE: str(int(size) + DEAD_LETTER_ROOM)}
    return evolve(topic, partitions=partitions, config={**room, **topic.config})


def _differences(topic: Topic, facts: TopicFacts | None) -> Iterator[str]:
    if facts is None:
        yield f'topic "{topic.name}" does not exist'
        return
    for what, wanted, found in (
        ("partitions", topic.partitions, len(facts.leaders)),
        ("replicas", topic.replication, facts.replicas),
    ):
        if wanted is not None and wanted != found:
            yield f'topic "{topic.name}" has {found} {what}, declared are {wanted}'
