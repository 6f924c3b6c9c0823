"""Sending: librdkafka gathers the batches, and keeps the order of the calls."""

from faststream_oo.errors import PublishError
from faststream_oo.kafka.client.admin import ClusterAdmin
from faststream_oo.kafka.client.sender import TIMESTAMP, Entry, TopicSender
from faststream_oo.kafka.transports.confluent.causes import describe
from faststream_oo.kafka.transports.confluent.deliveries import Deliveries


class ConfluentSender(TopicSender):
    """Sends to one topic.

    Args:
        topic: Its name.
        deliveries: What sends.
        admin: Where it is looked up.
        largest: Bytes that a record may have.
    """

    def __init__(self, topic: str, deliveries: Deliveries, admin: ClusterAdmin, largest: int) -> None:
        super().__init__(topic, admin, largest, "message.max.bytes")
        self._deliveries = deliveries

    def _require_open(self) -> None:
        self._deliveries.require_open()

    async def _prepare(self) -> None:
        return  # the client asks for the partitions itself

    def _place(self, partition: int | None, entry: Entry) -> None:
        if partition is not None and partition < 0:
            raise PublishError(f'topic "{self._topic}" has no partition {partition}')
        if entry[TIMESTAMP] == 0:
            raise PublishError("a timestamp of 1970-01-01 00:00 UTC means the time of sending to confluent-kafka")
        self._deliveries.produce(self._topic, partition, entry)

    def _error(self, error: BaseException) -> PublishError:
        if isinstance(error, PublishError):
            return error
        made = PublishError(f'publishing to "{self._topic}" failed: {describe(error)}')
        made.__cause__ = error
        return made
