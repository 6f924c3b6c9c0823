"""Streams below buckets, and buckets themselves, by nats-py."""

from collections.abc import Mapping, MutableSet, Sequence
from typing import Final, cast

from attrs import evolve
from nats.js.api import KeyValueConfig, ObjectStoreConfig, StorageType
from nats.js.errors import NotFoundError

from faststream_oo.clock import LoopClock
from faststream_oo.errors import PublishError, TransportError
from faststream_oo.nats.buckets import Bucket, KeyValue, ObjectStore
from faststream_oo.nats.client.following import Following
from faststream_oo.nats.client.storage import Record, StreamLink
from faststream_oo.nats.message import NONE
from faststream_oo.nats.options import Push
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.managing import Manager, asking
from faststream_oo.nats.transports.nats_py.seats import PushedSeat

_NO_STREAM: Final = 10059
"""What the server says where there is no such stream; where there is no such message it says 10037."""


class NatsLink(StreamLink):
    """One stream.

    Args:
        connection: Where it is.
        manager: Of the connection.
        stream: Its name.
        followings: What is read over the connection, by which that is ended.
    """

    def __init__(
        self, connection: NatsConnection, manager: Manager, stream: str, followings: MutableSet[Following]
    ) -> None:
        super().__init__(stream, LoopClock(), followings)
        self._connection = connection
        self._manager = manager
        self._js = manager.context

    async def store(self, subject: str, data: bytes, headers: Mapping[str, str], /) -> int:
        """Store a message and return its sequence. Raises PublishError."""
        whole = self.checked(subject, data, headers, self._connection.client.max_payload)
        try:
            async with asking(f'"{subject}" is not stored'):
                stored = await self._js.publish(subject, data, headers=whole)
        except TransportError as error:
            raise PublishError(str(error)) from error
        return stored.seq

    async def last(self, subject: str, /) -> Record | None:
        """Return the last message on a subject."""
        async with asking(f'stream "{self.name}" cannot be read'):
            try:
                found = await self._js.get_last_msg(self.name, subject)
            except NotFoundError as error:
                if error.err_code == _NO_STREAM:
                    raise
                return None
        assert found.seq is not None  # the server always tells both
        assert found.time is not None
        headers = cast(Mapping[str, str], found.headers or NONE)  # pyright: ignore[reportUnknownMemberType] - `Dict`
        return Record(found.data or b"", headers, found.seq, found.time.timestamp())

    async def purge(self, subject: str, /) -> None:
        """Delete every message on a subject."""
        async with asking(f'"{subject}" cannot be deleted'):
            await self._js.purge_stream(self.name, subject=subject)

    def seat(self, following: Following, subjects: Sequence[str], via: Push, /) -> PushedSeat:
        """Return a seat that feeds what subjects bring, not open."""
        return PushedSeat(self._connection, self._manager, self.name, subjects, following, via)


class NatsBuckets:
    """The buckets of a server.

    Args:
        manager: Of the connection.
    """

    def __init__(self, manager: Manager) -> None:
        self._js = manager.context

    async def find(self, bucket: Bucket, /) -> Bucket | None:
        """Return a bucket as it is, None when there is none."""
        async with asking(f'bucket "{bucket.name}" cannot be looked up'):
            try:
                config = (await self._js.stream_info(bucket.stream)).config
            except NotFoundError:
                return None
        found = evolve(bucket, ttl=config.max_age or None, replicas=config.num_replicas or 1)
        found = evolve(found, storage="memory" if config.storage == StorageType.MEMORY else "file")
        return evolve(found, history=config.max_msgs_per_subject) if isinstance(found, KeyValue) else found

    async def add(self, bucket: Bucket, /) -> None:
        """Make a bucket."""
        storage = StorageType(bucket.storage)
        async with asking(f'bucket "{bucket.name}" cannot be made'):
            match bucket:
                case KeyValue(name, history=history, ttl=ttl, replicas=replicas):
                    await self._js.create_key_value(  # pyright: ignore[reportUnknownMemberType] - `params`
                        KeyValueConfig(bucket=name, history=history, ttl=ttl, storage=storage, replicas=replicas)
                    )
                case ObjectStore(name, ttl=ttl, replicas=replicas):
                    config = ObjectStoreConfig(bucket=name, ttl=ttl, storage=storage, replicas=replicas)
                    await self._js.create_object_store(  # pyright: ignore[reportUnknownMemberType] - `params`
                        name, config=config
                    )
