"""Questions to the cluster, on connections of their own: a consumer's are busy with a fetch that waits for records."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import aiokafka
from aiokafka import AIOKafkaConsumer, errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from faststream_oo.errors import TransportError
from faststream_oo.kafka.address import Topic, TopicPartition
from faststream_oo.kafka.client.admin import ClusterAdmin, Offsets, TopicFacts
from faststream_oo.kafka.client.sender import CLOSE_SECONDS
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.kafka.transports.aiokafka.causes import describe, transport_error
from faststream_oo.kafka.transports.aiokafka.config import admin_options, asking_options
from faststream_oo.kafka.transports.aiokafka.shutdown import stop_consumer
from faststream_oo.waiting import bounded

_ANSWER_SECONDS: Final = 30.0
_AGAIN_SECONDS: Final = 0.1
_NO_COORDINATOR: Final = (
    errors.GroupCoordinatorNotAvailableError,
    errors.GroupLoadInProgressError,
    errors.NotCoordinatorForGroupError,
)


class AiokafkaAdmin(ClusterAdmin):
    """Asks and creates by aiokafka's admin client, and by a consumer that is only asked for offsets.

    Args:
        settings: Where the cluster is.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__()
        self._settings = settings
        self._admin: AIOKafkaAdminClient | None = None
        self._asking: AIOKafkaConsumer | None = None
        self._asking_lock = asyncio.Lock()
        self._brokers: Mapping[int, str] = {}

    async def open(self) -> None:
        """Connect. Raises what the client raises."""
        admin = AIOKafkaAdminClient(**admin_options(self._settings))
        try:
            await admin.start()
        except BaseException:
            await bounded(admin.close(), CLOSE_SECONDS)
            raise
        self._admin = admin

    async def close(self) -> None:
        """Disconnect."""
        asking, self._asking = self._asking, None
        admin, self._admin = self._admin, None
        if asking is not None:
            await stop_consumer(asking)
        if admin is not None:
            await bounded(admin.close(), CLOSE_SECONDS)

    async def ping(self) -> None:
        """Return when any broker answers."""
        error: Exception | None = None
        with _translated("the cluster does not answer"):
            for broker in self._brokers or await self.brokers():
                wanted = ConfigResource(ConfigResourceType.BROKER, str(broker), {"num.partitions": None})
                try:
                    await self._client.describe_configs([wanted])
                    return
                except (errors.KafkaError, TimeoutError) as failed:
                    error = failed
            self._brokers = {}
            if error is not None:
                raise error

    async def brokers(self) -> Mapping[int, str]:
        """Return the brokers' `host:port` by number."""
        with _translated("cannot list the brokers"):
            async with asyncio.timeout(_ANSWER_SECONDS):
                found = await self._client.describe_cluster()
        self._brokers = {broker["node_id"]: f"{broker['host']}:{broker['port']}" for broker in found["brokers"]}
        return self._brokers

    async def list_topics(self) -> Mapping[str, TopicFacts]:
        """Ask for all topics."""
        with _translated("cannot list the topics"):
            async with asyncio.timeout(_ANSWER_SECONDS):
                found = await self._client.describe_topics(None)
        return {one["topic"]: _facts(one) for one in found if one["error_code"] == 0}

    async def offsets(self, partitions: Collection[TopicPartition], /) -> tuple[Offsets, Offsets]:
        """Return the first and the next offset of partitions that exist."""
        asked = {aiokafka.TopicPartition(one.topic, one.partition): one for one in partitions}
        with _translated("cannot ask for offsets"):
            async with asyncio.timeout(_ANSWER_SECONDS):
                consumer = await self._ask()
                first = await consumer.beginning_offsets(list(asked))
                end = await consumer.end_offsets(list(asked))
        return {one: first[native] for native, one in asked.items()}, {
            one: end[native] for native, one in asked.items()
        }

    async def offset_at(self, partition: TopicPartition, time: datetime, /) -> int | None:
        """Return the offset of the first record that is not older than a time, None when there is none."""
        native = aiokafka.TopicPartition(partition.topic, partition.partition)
        with _translated("cannot ask for the offset at a time"):
            async with asyncio.timeout(_ANSWER_SECONDS):
                found = await (await self._ask()).offsets_for_times({native: round(time.timestamp() * 1000)})
        return None if found[native] is None else int(found[native].offset)

    async def committed(self, group: str, partitions: Collection[TopicPartition], /) -> Offsets:
        """Return where a group continues, without the partitions for which it committed nothing."""
        asked = {aiokafka.TopicPartition(one.topic, one.partition): one for one in partitions}
        with _translated("cannot ask for committed offsets"):
            async with asyncio.timeout(_ANSWER_SECONDS):
                found = await self._group_offsets(group, list(asked))
        return {one: found[native].offset for native, one in asked.items() if found[native].offset >= 0}

    async def _group_offsets(self, group: str, asked: list[aiokafka.TopicPartition]) -> Mapping[Any, Any]:
        """Ask until a broker answers for the group: a new cluster makes the topic of offsets when it is first asked."""
        while True:
            try:
                found: Mapping[Any, Any] = await self._client.list_consumer_group_offsets(group, partitions=asked)
                return found
            except _NO_COORDINATOR:
                await asyncio.sleep(_AGAIN_SECONDS)

    async def topic_config(self, topic: str, name: str, /) -> str | None:
        """Return one setting of a topic, None when it does not exist or may not be read."""
        with _translated(f'cannot read the settings of topic "{topic}"'):
            async with asyncio.timeout(_ANSWER_SECONDS):
                responses = await self._client.describe_configs(
                    [ConfigResource(ConfigResourceType.TOPIC, topic, {name: None})]
                )
        for response in responses:
            for code, _, _, _, entries in response.resources:
                for entry in entries if code == 0 else ():
                    return str(entry[1])
        return None

    async def create(self, topics: Sequence[Topic], /) -> Mapping[str, TransportError]:
        """Create topics; what is not said is left to the brokers' defaults.

        Returns:
            Why the others could not be created; one that is there already is not among them.

        Raises:
            TransportError: The cluster does not answer.
        """
        wanted = [
            # An empty assignment with -1 is the broker's default (KIP-464).
            NewTopic(topic.name, topic.partitions or -1, topic.replication or -1, {}, dict(topic.config))
            if topic.partitions is None or topic.replication is None
            else NewTopic(topic.name, topic.partitions, topic.replication, None, dict(topic.config))
            for topic in topics
        ]
        with _translated("cannot create topics"):
            async with asyncio.timeout(_ANSWER_SECONDS):
                response = await self._client.create_topics(wanted)
        failed: dict[str, TransportError] = {}
        for name, code, text in response.topic_errors:
            if code not in {0, errors.TopicAlreadyExistsError.errno}:
                failed[name] = TransportError(
                    f'cannot create topic "{name}": {text or describe(errors.for_code(code)())}'
                )
        return failed

    async def drop(self, topics: Sequence[str], /) -> None:
        """Delete topics that are there."""
        with _translated("cannot delete topics"):
            await self._client.delete_topics(list(topics))

    @property
    def _client(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            raise TransportError("the Kafka transport is not open")
        return self._admin

    async def _ask(self) -> AIOKafkaConsumer:
        async with self._asking_lock:
            if self._asking is None:
                consumer = AIOKafkaConsumer(**asking_options(self._settings))
                try:
                    await consumer.start()
                except BaseException:
                    await stop_consumer(consumer)
                    raise
                self._asking = consumer
            return self._asking


def _facts(found: Mapping[str, Any]) -> TopicFacts:
    partitions = found["partitions"]
    return TopicFacts(
        leaders={one["partition"]: one["leader"] for one in partitions},
        replicas=max((len(one["replicas"]) for one in partitions), default=0),
    )


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except (errors.KafkaError, OSError) as error:  # a TimeoutError is an OSError
        raise transport_error(what, error) from error
