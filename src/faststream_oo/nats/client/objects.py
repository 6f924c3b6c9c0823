"""An object store over a stream (ADR-20): the content in chunks, and one message that tells what is known about it."""

import base64
import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from attrs import frozen

from faststream_oo.errors import PublishError, TransportError
from faststream_oo.nats.buckets import ObjectInfo, ObjectStore
from faststream_oo.nats.client.bucket import until_now
from faststream_oo.nats.client.storage import StreamLink
from faststream_oo.nats.message import NONE
from faststream_oo.nats.place import place_of

CHUNK: Final = 128 * 1024
"""Bytes of one message of an object's content."""

_DIGEST: Final = "SHA-256="


@frozen
class Known:
    """What the store's own message tells about an object.

    Attributes:
        info: For everybody.
        version: Where its content is.
        chunks: Of how many messages that is.
    """

    info: ObjectInfo
    version: str
    chunks: int


def known_of(data: bytes, stored: float, /) -> Known:
    """Read what is known about an object.

    Args:
        data: The message.
        stored: When it was stored, in seconds since the epoch.

    Raises:
        TransportError: It is no such message.
    """
    try:
        told: dict[str, Any] = json.loads(data)
        headers: dict[str, Any] = told.get("headers") or {}
        info = ObjectInfo(
            told["name"],
            size=told.get("size") or 0,
            digest=told.get("digest") or "",
            modified_at=datetime.fromtimestamp(stored, UTC),
            deleted=bool(told.get("deleted")),
            headers={name: text if isinstance(text, str) else text[-1] for name, text in headers.items()},
        )
        return Known(info, told.get("nuid") or "", told.get("chunks") or 0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise TransportError(f"this tells nothing about an object: {error!r}") from error


class BytesObjects:
    """One object store.

    Args:
        store: Which, whole.
        link: Its stream.
    """

    def __init__(self, store: ObjectStore, link: StreamLink) -> None:
        self._store = store
        self._link = link

    async def stream(self, name: str, /) -> AsyncGenerator[bytes]:
        """Iterate over an object's chunks.

        Raises:
            KeyError: There is no such object.
            TransportError: A part of it is missing, or it is not what was stored.
        """
        known = await self._known(name)
        if known is None:
            raise KeyError(name)
        digest, came = sha256(), 0
        if known.chunks:
            following = self._link.follow([self._store.chunks(known.version)], "earliest")
            try:
                async for one in until_now(following):
                    digest.update(one.data)
                    came += 1
                    yield one.data
            finally:
                await following.close()
        if came != known.chunks or _digest(digest.digest()) != known.info.digest:
            what = (
                f'object "{name}" of store "{self._store.name}" is not whole: {came} of {known.chunks} chunks are there'
            )
            raise TransportError(what)

    async def put(self, name: str, content: AsyncIterator[bytes], headers: Mapping[str, str], /) -> ObjectInfo:
        """Store an object in the place of what has its name. Raises PublishError, and what `content` raises."""
        if not name:
            raise PublishError("an object needs a name")
        before = await self._known(name)
        version = secrets.token_hex(11)
        digest, size, chunks = sha256(), 0, 0
        try:
            async for chunk in _chunked(content):
                digest.update(chunk)
                await self._link.store(self._store.chunks(version), chunk, NONE)
                size, chunks = size + len(chunk), chunks + 1
            told = {
                "name": name,
                "bucket": self._store.name,
                "nuid": version,
                "size": size,
                "chunks": chunks,
                "digest": _digest(digest.digest()),
                "mtime": datetime.now(UTC).isoformat(),
                "options": {"max_chunk_size": CHUNK},
                **({"headers": {key: [text] for key, text in headers.items()}} if headers else {}),
            }
            info = await self._tell(name, told)
        except BaseException:
            with suppress(TransportError):  # what came first is told
                await self._link.purge(self._store.chunks(version))
            raise
        if before is not None:
            await self._link.purge(self._store.chunks(before.version))
        return info

    async def info(self, name: str, /) -> ObjectInfo | None:
        """Return what is known about an object, None when there is no such."""
        known = await self._known(name)
        return None if known is None else known.info

    async def delete(self, name: str, /) -> None:
        """Delete an object; one that is not there is no error. Raises PublishError."""
        known = await self._known(name)
        if known is not None:
            told = {"name": name, "bucket": self._store.name, "nuid": known.version, "deleted": True}
            await self._tell(
                name, {**told, "size": 0, "chunks": 0, "digest": "", "mtime": datetime.now(UTC).isoformat()}
            )
            await self._link.purge(self._store.chunks(known.version))

    async def list(self) -> Sequence[ObjectInfo]:
        """Return what is known about every object there is. Raises TransportError."""
        following = self._link.follow([self._store.entry(">")], "last_per_subject")
        try:
            found = [known_of(one.data, place_of(one.reply).stored / 1e9).info async for one in until_now(following)]
        finally:
            await following.close()
        return [info for info in found if not info.deleted]

    async def _known(self, name: str) -> Known | None:
        found = await self._link.last(self._entry(name))
        if found is None:
            return None
        known = known_of(found.data, found.stored)
        return None if known.info.deleted else known

    async def _tell(self, name: str, told: Mapping[str, object]) -> ObjectInfo:
        data = json.dumps(told).encode()
        await self._link.store(self._entry(name), data, {"Nats-Rollup": "sub"})
        return known_of(data, datetime.now(UTC).timestamp()).info

    def _entry(self, name: str) -> str:
        return self._store.entry(base64.urlsafe_b64encode(name.encode()).decode())


def _digest(digest: bytes) -> str:
    return _DIGEST + base64.urlsafe_b64encode(digest).decode()


async def _chunked(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Give the same bytes in messages that are as long as they may be."""
    waiting = bytearray()
    async for part in content:
        waiting += part
        while len(waiting) >= CHUNK:
            yield bytes(waiting[:CHUNK])
            del waiting[:CHUNK]
    if waiting:
        yield bytes(waiting)
