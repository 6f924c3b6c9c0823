"""Buckets as user code reads and writes them: values by the broker's codec, objects as bytes."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Generic, cast

from typing_extensions import TypeVar

from faststream_oo.codec import Codec, reader_of
from faststream_oo.errors import DecodeError
from faststream_oo.nats.buckets import Entry, ObjectInfo
from faststream_oo.nats.message import NatsMessage
from faststream_oo.nats.transport import BucketClient, ObjectClient

T = TypeVar("T")


class KeyValueStore(Generic[T]):
    """Reads and writes one bucket, with values of one type. What it writes is written at once, past any outbox.

    Args:
        client: Returns the open bucket.
        codec: Turns values into bytes and back.
        of: What they are.
    """

    def __init__(self, client: Callable[[], Awaitable[BucketClient]], codec: Codec, of: type[T]) -> None:
        self._client = client
        self._encode = codec.encoder(of)
        self._decode = reader_of(codec.decoder(of))

    async def get(self, key: str, /) -> Entry[T] | None:
        """Return a value, None where there is none.

        Raises:
            DecodeError: It is no such value.
            TransportError: There is no such bucket, no such key can be, or the server does not answer.
        """
        found = await (await self._client()).get(key)
        return None if found is None else self._entry(found)

    async def put(self, key: str, value: T, /, *, revision: int | None = None) -> int:
        """Write a value and return its revision.

        Args:
            key: The key: tokens of letters, digits and `- / _ =`, joined by dots.
            value: The value.
            revision: The revision that it must replace, 0 where the key must not be there.

        Raises:
            PublishError: The key has another revision or cannot be, the value is too large, or the server refuses it.
            TransportError: There is no such bucket.
        """
        return await (await self._client()).put(key, self._encode(value)[0], revision)

    async def delete(self, key: str, /, *, purge: bool = False) -> None:
        """Mark a key as deleted, whether it is there or not; `purge` removes its history too. Raises PublishError."""
        await (await self._client()).delete(key, purge)

    async def keys(self, pattern: str = ">", /) -> Sequence[str]:
        """Return the keys that are there, in the order of their revisions. Raises TransportError."""
        return await (await self._client()).keys(pattern)

    async def history(self, key: str, /) -> Sequence[Entry[T]]:
        """Return the values that are kept of a key, the oldest first, without deletions. Raises TransportError."""
        return [self._entry(one) for one in await (await self._client()).history(key)]

    async def watch(self, pattern: str = ">", /) -> AsyncGenerator[Entry[T | None]]:
        """Iterate over current values and then changes, through lost connections; None is a deletion.

        Raises:
            DecodeError: A value is no such value.
            TransportError: There is no such bucket, or the connection is over.
        """
        async for one in (await self._client()).watch(pattern):
            yield Entry(one.key, None, one.revision) if one.value is None else self._entry(cast(Entry[bytes], one))

    def _entry(self, found: Entry[bytes]) -> Entry[T]:
        try:
            value: T = self._decode(NatsMessage(body=found.value))
        except DecodeError as error:
            what = str(error).rpartition(" @ ")[0]
            raise DecodeError(f'key "{found.key}" at revision {found.revision}: {what}', error.path) from error
        return Entry(found.key, value, found.revision)


class ObjectBucket:
    """Reads and writes one object store. What it writes is written at once, past any outbox.

    Args:
        client: Returns the open store.
    """

    def __init__(self, client: Callable[[], Awaitable[ObjectClient]]) -> None:
        self._client = client

    async def get(self, name: str, /) -> bytes | None:
        """Return an object's content, None where there is no such object. Raises TransportError."""
        try:
            return b"".join([chunk async for chunk in self.stream(name)])
        except KeyError:
            return None

    async def stream(self, name: str, /) -> AsyncGenerator[bytes]:
        """Iterate over an object's chunks.

        Raises:
            KeyError: There is no such object.
            TransportError: It is not whole, there is no such store, or the server does not answer.
        """
        async for chunk in (await self._client()).stream(name):
            yield chunk

    async def put(
        self, name: str, content: bytes | AsyncIterator[bytes], /, *, headers: Mapping[str, str] | None = None
    ) -> ObjectInfo:
        """Store an object in the place of what has its name.

        Args:
            name: Its name.
            content: What it holds; of any size.
            headers: Text that is kept with it.

        Raises:
            PublishError: The server refuses it; nothing of it stays.
            TransportError: There is no such store.
            TypeError: The content is neither.
        """
        if not isinstance(content, bytes | AsyncIterable):  # pyright: ignore[reportUnnecessaryIsInstance] - for who uses no checker
            raise TypeError(f"content must be bytes or an async iterator of bytes, not {type(content).__name__}")
        parts = _whole(content) if isinstance(content, bytes) else content
        return await (await self._client()).put(name, parts, headers or {})

    async def info(self, name: str, /) -> ObjectInfo | None:
        """Return what is known about an object, None where there is no such object. Raises TransportError."""
        return await (await self._client()).info(name)

    async def delete(self, name: str, /) -> None:
        """Delete an object; one that is not there is no error. Raises PublishError."""
        await (await self._client()).delete(name)

    async def list(self) -> Sequence[ObjectInfo]:
        """Return what is known about every object there is. Raises TransportError."""
        return await (await self._client()).list()


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
