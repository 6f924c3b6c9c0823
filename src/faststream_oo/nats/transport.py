"""The contract of a NATS client; second ring of the public API."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from faststream_oo.clients import Client, embedded, installed, refusals
from faststream_oo.errors import Problem
from faststream_oo.nats.buckets import Entry, KeyValue, ObjectInfo, ObjectStore
from faststream_oo.nats.message import NatsReceipt
from faststream_oo.nats.options import NatsSettings
from faststream_oo.transport import Source, Transport


class NatsSource(Source, Protocol):
    """A running subscription to one or several subjects."""

    @property
    def lost(self) -> int:
        """Messages received that were never handled; 0 on a stream, which has them still."""
        ...


class BucketClient(Protocol):
    """One key-value bucket, as bytes; a key that cannot be is a TransportError."""

    async def get(self, key: str, /) -> Entry[bytes] | None:
        """Return a value, None where there is none."""
        ...

    async def put(self, key: str, value: bytes, revision: int | None, /) -> int:
        """Write a value in the place of a revision, and return its own. Raises PublishError."""
        ...

    async def delete(self, key: str, purge: bool, /) -> None:  # noqa: FBT001 - named where users call it
        """Mark a key as deleted; `purge` removes its history too. Raises PublishError."""

    async def keys(self, pattern: str, /) -> Sequence[str]:
        """Return the keys that are there."""
        ...

    async def history(self, key: str, /) -> Sequence[Entry[bytes]]:
        """Return the values that are kept of a key, the oldest first."""
        ...

    def watch(self, pattern: str, /) -> AsyncIterator[Entry[bytes | None]]:
        """Iterate over values and then over changes; None is a deletion."""
        ...


class ObjectClient(Protocol):
    """One object store."""

    def stream(self, name: str, /) -> AsyncIterator[bytes]:
        """Iterate over an object's chunks. Raises KeyError."""
        ...

    async def put(self, name: str, content: AsyncIterator[bytes], headers: Mapping[str, str], /) -> ObjectInfo:
        """Store an object. Raises PublishError."""
        ...

    async def info(self, name: str, /) -> ObjectInfo | None:
        """Return what is known about an object, None when there is no such."""
        ...

    async def delete(self, name: str, /) -> None:
        """Delete an object, if it is there. Raises PublishError."""

    async def list(self) -> Sequence[ObjectInfo]:
        """Return what is known about every object."""
        ...


class NatsTransport(Transport[NatsReceipt | None], Protocol):
    """A NATS client: `NatsPyTransport`, the one in memory, or yours."""

    async def delete_stream(self, name: str, /) -> None:
        """Delete a stream with what it holds; one that is not there is no error. Raises TransportError."""

    async def open_bucket(self, bucket: KeyValue, /) -> BucketClient:
        """Return a whole key-value bucket. Raises TransportError when there is none."""
        ...

    async def open_objects(self, bucket: ObjectStore, /) -> ObjectClient:
        """Return a whole object store. Raises TransportError when there is none."""
        ...


def make_transport(settings: NatsSettings, /) -> NatsTransport:
    """Return the transport that `settings.driver` names, or the embedded one inside a Harness or `--memory`.

    Raises:
        SetupError: Its client library is not installed, or refuses the settings.
    """
    if embedded(settings):
        from faststream_oo.nats.transports.memory.transport import MemoryTransport

        return MemoryTransport(settings)
    return installed(_client, "nats").make(settings)


def client_problems(settings: NatsSettings, /) -> Sequence[Problem]:
    """Return what the client would refuse of the settings, that it is not installed too."""
    return () if embedded(settings) else refusals(settings, _client, "nats")


def _client() -> Client[NatsSettings, NatsTransport]:
    from faststream_oo.nats.transports import nats_py

    return nats_py
