"""Streams and buckets of an embedded server in the words of addresses."""

from collections.abc import Sequence

from attrs import evolve

from faststream_oo.address import Address
from faststream_oo.nats.address import JetStream
from faststream_oo.nats.buckets import Bucket, KeyValue, ObjectStore
from faststream_oo.nats.transports.memory.jetstream import MemoryJetStream
from faststream_oo.nats.transports.memory.server import MemoryServer
from faststream_oo.nats.transports.memory.streams import StreamConfig
from faststream_oo.nats.wanted import Wanted, wanted
from faststream_oo.options import Topology


def declare_streams(
    server: MemoryServer, addresses: Sequence[Address], mode: Topology, *, foreign: bool
) -> Sequence[str]:
    """Apply the mode to the streams of addresses and return the differences, one sentence each.

    Args:
        server: What is compared or changed.
        addresses: What the application declares; subjects of core NATS declare nothing.
        mode: "verify" changes nothing, "create" makes what is missing, "off" does neither.
        foreign: Whether external ones are made too: nobody else makes them in a world of tests.

    Raises:
        TransportError: The server is down, or refuses a stream.
    """
    server.check_online()
    found: list[str] = []
    for one in () if mode == "off" else wanted(addresses):
        found += _declared(server.jetstream, one, mode, foreign=foreign)
    return found


def _declared(jetstream: MemoryJetStream, one: Wanted, mode: Topology, *, foreign: bool) -> Sequence[str]:
    name = one.stream.name
    ours = mode == "create" and (foreign or not one.stream.external)
    if name not in jetstream.streams:
        if not ours:
            return [f'stream "{name}" does not exist']
        jetstream.add_stream(_config(one.made))
    there = jetstream.streams[name].config
    if ours and (one.grows or one.stream.external) and one.missing(_described(there)):
        jetstream.update_stream(evolve(there, subjects=one.grown(_described(there)).subjects))
    now = _described(jetstream.streams[name].config)
    return [*one.differences(now), *(f'stream "{name}" does not store "{lost}"' for lost in one.missing(now))]


def _config(stream: JetStream) -> StreamConfig:
    return StreamConfig(
        stream.name,
        subjects=stream.subjects,
        retention=stream.retention,
        storage=stream.storage,
        discard=stream.discard,
        max_msgs=stream.max_messages,
        max_bytes=stream.max_bytes,
        max_age=stream.max_age,
        max_msg_size=stream.max_message_size,
        duplicate_window=stream.window,
        replicas=stream.replicas,
    )


def _described(config: StreamConfig) -> JetStream:
    return JetStream(
        config.name,
        subjects=config.captured,
        retention=config.retention,
        storage=config.storage,
        discard=config.discard,
        max_messages=config.max_msgs,
        max_bytes=config.max_bytes,
        max_age=config.max_age,
        max_message_size=config.max_msg_size,
        duplicate_window=config.duplicate_window,
        replicas=config.replicas,
    )


class MemoryBuckets:
    """The buckets of a server.

    Args:
        server: Where they are.
    """

    def __init__(self, server: MemoryServer) -> None:
        server.check_online()
        self._jetstream = server.jetstream

    async def find(self, bucket: Bucket, /) -> Bucket | None:
        """Return a bucket as it is, None when there is none."""
        there = self._jetstream.streams.get(bucket.stream)
        if there is None:
            return None
        config = there.config
        found = evolve(bucket, ttl=config.max_age, storage=config.storage, replicas=config.replicas)
        return evolve(found, history=config.max_msgs_per_subject or 1) if isinstance(found, KeyValue) else found

    async def add(self, bucket: Bucket, /) -> None:
        """Make a bucket. Raises StreamError."""
        self._jetstream.add_stream(
            StreamConfig(
                bucket.stream,
                subjects=_subjects(bucket),
                storage=bucket.storage,
                discard="new",
                max_age=bucket.ttl,
                max_msgs_per_subject=bucket.history if isinstance(bucket, KeyValue) else None,
                duplicate_window=min(120.0, bucket.ttl or 120.0),
                allow_rollup=True,
                replicas=bucket.replicas,
            )
        )


def _subjects(bucket: Bucket) -> Sequence[str]:
    match bucket:
        case KeyValue():
            return [bucket.subject(">")]
        case ObjectStore():
            return [bucket.chunks(">"), bucket.entry(">")]
