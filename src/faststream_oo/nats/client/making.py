"""Declared buckets: created, or compared with what is there."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from faststream_oo.address import Address
from faststream_oo.errors import TransportError
from faststream_oo.nats.buckets import Bucket, KeyValue, ObjectStore, bucket_differences
from faststream_oo.options import Topology


class Buckets(Protocol):
    """The buckets of a server; what it raises is a TransportError."""

    async def find(self, bucket: Bucket, /) -> Bucket | None:
        """Return a bucket of that name and kind as it is, None when there is none."""
        ...

    async def add(self, bucket: Bucket, /) -> None:
        """Make a bucket."""


async def declare_buckets(
    buckets: Buckets, addresses: Sequence[Address], mode: Topology, /, *, foreign: bool = False
) -> Sequence[str]:
    """Apply the mode to buckets and return the differences, one sentence each.

    Args:
        buckets: What is compared or changed.
        addresses: What the application declares, buckets among it.
        mode: "verify" changes nothing, "create" makes what is missing, "off" does neither.
        foreign: Whether external ones are made too: nobody else makes them in a world of tests.
    """
    if mode == "off":
        return []
    named = dict.fromkeys(one for one in addresses if isinstance(one, KeyValue | ObjectStore))
    return [what for one in named async for what in _bucket(buckets, one, mode, foreign=foreign)]


async def check_there(buckets: Buckets, bucket: Bucket, /) -> None:
    """Raise TransportError when there is no such bucket."""
    if await buckets.find(bucket) is None:
        raise TransportError(f'bucket "{bucket.name}" does not exist')


async def _bucket(buckets: Buckets, bucket: Bucket, mode: Topology, *, foreign: bool) -> AsyncIterator[str]:
    there = await buckets.find(bucket)
    if there is not None:
        for difference in bucket_differences(bucket, there):
            yield difference
    elif mode == "verify" or (bucket.external and not foreign):
        yield f'bucket "{bucket.name}" does not exist'
    else:
        await buckets.add(bucket)
