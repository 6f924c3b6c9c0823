"""A key-value bucket as bytes, over a stream (ADR-8): the last message on a subject is the value of its key."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from faststream_oo.errors import PublishError, TransportError
from faststream_oo.nats.buckets import Entry, KeyValue, key_problem, keys_problem
from faststream_oo.nats.client.following import Following
from faststream_oo.nats.client.storage import HEADERS, ORDERED, Record, StreamLink
from faststream_oo.nats.message import NONE, Operation, Received
from faststream_oo.nats.options import Push, Start
from faststream_oo.nats.place import place_of

_MARKS: Final[Mapping[str, Operation]] = {"DEL": "delete", "PURGE": "purge"}
_REASONS: Final[Mapping[str, Operation]] = {"MaxAge": "purge", "Purge": "purge", "Remove": "delete"}
"""Why the server itself marked a key as deleted (nats-server 2.11)."""

_PATIENCE: Final = 1.0
"""Seconds until it is asked whether what was announced is still there."""

_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"


def operation_of(headers: Mapping[str, str] | None, /) -> Operation:
    """Return what a message of a bucket's stream did to its key."""
    if not headers:
        return "put"
    mark = _MARKS.get(headers.get("KV-Operation", ""))
    return mark or _REASONS.get(headers.get("Nats-Marker-Reason", ""), "put")


class BytesBucket:
    """One bucket.

    Args:
        bucket: Which, whole.
        link: Its stream.
    """

    def __init__(self, bucket: KeyValue, link: StreamLink) -> None:
        self._bucket = bucket
        self._link = link
        self._head = len(bucket.subject(""))

    async def get(self, key: str, /) -> Entry[bytes] | None:
        """Return a value, None where there is none. Raises TransportError."""
        found = await self._last(key)
        return None if found is None else Entry(key, found.data, found.sequence)

    async def _last(self, key: str, *, deleted: bool = False) -> Record | None:
        found = await self._link.last(self._subject(key))
        return found if found is None or deleted or operation_of(found.headers) == "put" else None

    async def put(self, key: str, value: bytes, revision: int | None, /) -> int:
        """Write a value and return its revision.

        Args:
            key: Its key.
            value: The bytes.
            revision: What it must replace, 0 for nothing; None for whatever there is.

        Raises:
            PublishError: It replaces something else, or the server refuses it.
        """
        subject = self._subject(key)
        if revision is None:
            return await self._link.store(subject, value, NONE)
        expected = await self._missing(key) if revision == 0 else revision
        try:
            return await self._link.store(subject, value, {_EXPECTED: str(expected)})
        except PublishError as error:
            raise PublishError(f'key "{key}" of bucket "{self._bucket.name}", revision {revision}: {error}') from error

    async def _missing(self, key: str) -> int:
        """Return the revision at which a key is not there: that of its deletion, else 0."""
        found = await self._last(key, deleted=True)
        if found is None:
            return 0
        if operation_of(found.headers) == "put":
            what = f'key "{key}" of bucket "{self._bucket.name}" is there already, at revision {found.sequence}'
            raise PublishError(what)
        return found.sequence

    async def delete(self, key: str, purge: bool, /) -> None:  # noqa: FBT001 - named where users call it
        """Mark a key as deleted; `purge` removes its history too. Raises PublishError."""
        headers = {"KV-Operation": "PURGE", "Nats-Rollup": "sub"} if purge else {"KV-Operation": "DEL"}
        await self._link.store(self._subject(key), b"", headers)

    async def keys(self, pattern: str, /) -> Sequence[str]:
        """Return the keys that are there, in the order of their revisions. Raises TransportError."""
        async with self._now(pattern, "last_per_subject", HEADERS) as found:
            return [self.key_of(one) async for one in found if operation_of(one.headers) == "put"]

    async def history(self, key: str, /) -> Sequence[Entry[bytes]]:
        """Return the values that are kept of a key, the oldest first, without deletions. Raises TransportError."""
        self._subject(key)
        async with self._now(key, "earliest") as found:
            return [
                Entry(key, one.data, place_of(one.reply).sequence)
                async for one in found
                if operation_of(one.headers) == "put"
            ]

    async def watch(self, pattern: str, /) -> AsyncGenerator[Entry[bytes | None]]:
        """Iterate over the values that are there and then over changes; None is a deletion. Raises TransportError."""
        following = self._follow(pattern, "last_per_subject")
        try:
            await following.open()
            while True:
                await following.arrived()
                for one in following.take(1):
                    value = one.data if operation_of(one.headers) == "put" else None
                    yield Entry(self.key_of(one), value, place_of(one.reply).sequence)
        finally:
            await following.close()

    @asynccontextmanager
    async def _now(self, pattern: str, start: Start, via: Push = ORDERED) -> AsyncGenerator[AsyncIterator[Received]]:
        """Give what is there now, and nothing that comes later."""
        following = self._follow(pattern, start, via)
        try:
            yield until_now(following)
        finally:
            await following.close()

    def _follow(self, pattern: str, start: Start, via: Push = ORDERED) -> Following:
        if (what := keys_problem(pattern)) is not None or "{" in pattern:
            raise TransportError(what or f'"{pattern}" has a {{name}}, which is for a subscription')
        return self._link.follow([self._bucket.subject(pattern)], start, via=via)

    def _subject(self, key: str) -> str:
        if (what := key_problem(key)) is not None:
            raise PublishError(what)
        return self._bucket.subject(key)

    def key_of(self, received: Received, /) -> str:
        """Return the key of a message."""
        return received.subject[self._head :]


async def until_now(following: Following, /) -> AsyncGenerator[Received]:
    """Open, and give what is there already."""
    left = await following.open()
    while left > 0:
        try:
            async with asyncio.timeout(_PATIENCE):
                await following.arrived()
        except TimeoutError:
            if await following.lag() == 0:
                return  # what was counted is gone
        for one in following.take(left):
            # Another change may have taken the place of one that was counted.
            left = min(left - 1, place_of(one.reply).pending)
            yield one
