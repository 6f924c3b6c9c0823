"""Questions to the cluster by confluent-kafka's admin client, whose futures are those of threads."""

import asyncio
from collections.abc import Collection, Generator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import Any, Final

import confluent_kafka
from attrs import frozen
from confluent_kafka import ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,  # pyright: ignore[reportPrivateImportUsage]  # the package does not say what it exports
    OffsetSpec,  # pyright: ignore[reportPrivateImportUsage]
    ResourceType,  # pyright: ignore[reportPrivateImportUsage]
)
from confluent_kafka.cimpl import NewTopic

from faststream_oo.errors import TransportError
from faststream_oo.kafka.address import Topic, TopicPartition
from faststream_oo.kafka.client.admin import ClusterAdmin, Offsets, TopicFacts
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.kafka.transports.confluent.causes import describe, error_of, transport_error
from faststream_oo.kafka.transports.confluent.config import admin_options
from faststream_oo.kafka.transports.confluent.refreshing import token_options

_ANSWER_SECONDS: Final = 30.0
_ELECTED_SECONDS: Final = 5.0
_AGAIN_SECONDS: Final = 0.1
_LEADERLESS: Final = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._NOENT,  # noqa: SLF001 - a constant: the client remembers the topic without this partition
}
_PLACES: Final[Any] = OffsetSpec  # its methods have no type


@frozen
class GroupFacts:
    """One group of the new protocol (KIP-848), as its coordinator tells.

    Attributes:
        stable: Whether every member has what it shall have.
        meant: How many partitions it shall have, by member id.
    """

    stable: bool
    meant: Mapping[str, int]


class ConfluentAdmin(ClusterAdmin):
    """Asks and creates by an admin client of its own.

    Args:
        settings: Where the cluster is.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__()
        self._settings = settings
        # Its futures have no type.
        self._admin: Any = None

    async def open(self) -> None:
        """Make the client; it connects by itself. Raises TokenError when the user's function gives no token."""
        tokens = await token_options(self._settings)
        self._admin = await asyncio.to_thread(AdminClient, {**admin_options(self._settings), **tokens})

    async def close(self) -> None:
        """Disconnect: the client ends with its last reference."""
        admin, self._admin = self._admin, None
        del admin

    async def ping(self) -> None:
        """Return when any broker answers."""
        with _translated("the cluster does not answer"):
            await asyncio.wrap_future(self._client.describe_cluster(request_timeout=_ANSWER_SECONDS))

    async def brokers(self) -> Mapping[int, str]:
        """Return the brokers' `host:port` by number."""
        found = await self._metadata("cannot list the brokers")
        return {number: f"{broker.host}:{broker.port}" for number, broker in found.brokers.items()}

    async def list_topics(self) -> Mapping[str, TopicFacts]:
        """Ask for all topics."""
        found = await self._metadata("cannot list the topics")
        return {
            name: TopicFacts(
                leaders={number: partition.leader for number, partition in topic.partitions.items()},
                replicas=max((len(partition.replicas) for partition in topic.partitions.values()), default=0),
            )
            for name, topic in found.topics.items()
            if topic.error is None
        }

    async def offsets(self, partitions: Collection[TopicPartition], /) -> tuple[Offsets, Offsets]:
        """Return the first and the next offset of partitions that exist."""
        return await self._offsets(partitions, _PLACES.earliest()), await self._offsets(partitions, _PLACES.latest())

    async def offset_at(self, partition: TopicPartition, time: datetime, /) -> int | None:
        """Return the offset of the first record that is not older than a time, None when there is none."""
        spec = _PLACES.for_timestamp(round(time.timestamp() * 1000))
        found = (await self._offsets([partition], spec))[partition]
        return None if found < 0 else found

    async def committed(self, group: str, partitions: Collection[TopicPartition], /) -> Offsets:
        """Return where a group continues, without the partitions for which it committed nothing."""
        asked = ConsumerGroupTopicPartitions(group, [native(one) for one in partitions])
        with _translated("cannot ask for committed offsets"):
            (future,) = self._client.list_consumer_group_offsets([asked], request_timeout=_ANSWER_SECONDS).values()
            found = await asyncio.wrap_future(future)
        return {
            TopicPartition(one.topic, one.partition): one.offset for one in found.topic_partitions if one.offset >= 0
        }

    async def group(self, group: str, /) -> GroupFacts:
        """Ask for a group; it has no members when there is none of that name."""
        with _translated(f'cannot ask for group "{group}"'):
            (future,) = self._client.describe_consumer_groups([group], request_timeout=_ANSWER_SECONDS).values()
            found = await asyncio.wrap_future(future)
        targets = {member.member_id: member.target_assignment for member in found.members}
        return GroupFacts(
            stable=found.state is ConsumerGroupState.STABLE,
            meant={member: len(target.topic_partitions) for member, target in targets.items() if target is not None},
        )

    async def topic_config(self, topic: str, name: str, /) -> str | None:
        """Return one setting of a topic, None when it does not exist or may not be read."""
        wanted = ConfigResource(ResourceType.TOPIC, topic)
        (future,) = self._client.describe_configs([wanted], request_timeout=_ANSWER_SECONDS).values()
        try:
            found = await asyncio.wrap_future(future)
        except KafkaException as error:
            if error_of(error).code() in {
                KafkaError.UNKNOWN_TOPIC_OR_PART,
                KafkaError.TOPIC_AUTHORIZATION_FAILED,
                KafkaError.CLUSTER_AUTHORIZATION_FAILED,
            }:
                return None
            raise transport_error(f'cannot read the settings of topic "{topic}"', error) from error
        return str(found[name].value) if name in found else None

    async def create(self, topics: Sequence[Topic], /) -> Mapping[str, TransportError]:
        """Create topics, and return why others could not be."""
        wanted = [
            NewTopic(topic.name, topic.partitions or -1, topic.replication or -1, config=dict(topic.config))
            for topic in topics
        ]
        failed: dict[str, TransportError] = {}
        for name, future in self._client.create_topics(wanted, request_timeout=_ANSWER_SECONDS).items():
            error = await _error(future)
            if error is None or error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                continue
            failed[name] = TransportError(f'cannot create topic "{name}": {describe(error)}')
        return failed

    async def drop(self, topics: Sequence[str], /) -> None:
        """Delete topics that are there."""
        for future in self._client.delete_topics(list(topics), request_timeout=_ANSWER_SECONDS).values():
            if (error := await _error(future)) is not None:
                raise TransportError(f"cannot delete topics: {describe(error)}")

    async def _metadata(self, what: str) -> Any:
        client = self._client
        with _translated(what):
            return await asyncio.to_thread(client.list_topics, timeout=_ANSWER_SECONDS)

    async def _offsets(self, partitions: Collection[TopicPartition], spec: object) -> Offsets:
        deadline = monotonic() + _ELECTED_SECONDS
        with _translated("cannot ask for offsets"):
            while True:
                try:
                    return await self._ask_offsets(partitions, spec)
                except KafkaException as error:
                    # Brokers learn a moment later than their controller what a new topic has; this client asks once.
                    if error_of(error).code() not in _LEADERLESS or monotonic() > deadline:
                        raise
                await self.list_topics()  # only that makes the client ask again where partitions are
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _ask_offsets(self, partitions: Collection[TopicPartition], spec: object) -> Offsets:
        futures = self._client.list_offsets({native(one): spec for one in partitions}, request_timeout=_ANSWER_SECONDS)
        answers = await asyncio.gather(*map(asyncio.wrap_future, futures.values()))
        return {
            TopicPartition(one.topic, one.partition): answer.offset
            for one, answer in zip(futures, answers, strict=True)
        }

    @property
    def _client(self) -> Any:
        if self._admin is None:
            raise TransportError("the Kafka transport is not open")
        return self._admin


def native(partition: TopicPartition, /) -> confluent_kafka.TopicPartition:
    """Return a partition as the client wants it."""
    return confluent_kafka.TopicPartition(partition.topic, partition.partition)


async def _error(future: "Future[Any]") -> KafkaError | None:
    try:
        await asyncio.wrap_future(future)
    except KafkaException as error:
        return error_of(error)
    return None


@contextmanager
def _translated(what: str) -> Generator[None]:
    try:
        yield
    except KafkaException as error:
        raise transport_error(what, error) from error
