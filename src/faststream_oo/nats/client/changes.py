"""Messages that tell of a change: of a key's value, or of an object."""

import json
from collections.abc import Callable
from typing import Final, TypeAlias

from typing_extensions import TypeVar

from faststream_oo.errors import TransportError
from faststream_oo.nats.buckets import Bucket, KeyValue, ObjectInfo
from faststream_oo.nats.client.bucket import operation_of
from faststream_oo.nats.client.objects import known_of
from faststream_oo.nats.leases import StreamClaim
from faststream_oo.nats.message import Operation, Received, ReceivedMessage, place_of

T_co = TypeVar("T_co", covariant=True, default=object)

Read: TypeAlias = Callable[[Received, StreamClaim, int], ReceivedMessage | None]
"""Makes a message of what was received, its claim and its position; None where it is not wanted."""

_HEAD: Final = 2
"""Tokens before the key in a subject of a bucket."""


class KeyChange(ReceivedMessage[T_co]):
    """A change of a key's value; the body of a deletion is empty."""

    __slots__ = ()

    @property
    def key(self) -> bytes:
        """The changed key."""
        return self._received.subject.split(".", _HEAD)[_HEAD].encode()

    @property
    def operation(self) -> Operation:
        """What was done to it."""
        return operation_of(self._received.headers)


class ObjectChange(ReceivedMessage[T_co]):
    """A change of an object; the body is an `ObjectInfo` in JSON.

    Args:
        received: What the store keeps about the object.
        claim: What it is held under.
        position: Grows from message to message.
        info: What that says; None for what says nothing, whose body stays as it is.
    """

    __slots__ = ("_info",)

    def __init__(self, received: Received, claim: StreamClaim, position: int, info: ObjectInfo | None) -> None:
        super().__init__(received, claim, position)
        self._info = info

    @property
    def key(self) -> bytes | None:
        """The object's name."""
        return None if self._info is None else self._info.name.encode()

    @property
    def operation(self) -> Operation:
        """What was done to it."""
        return "delete" if self._info is not None and self._info.deleted else "put"

    @property
    def body(self) -> bytes:
        """An `ObjectInfo` in JSON."""
        info = self._info
        if info is None:
            return self._received.data
        told = {
            "name": info.name,
            "size": info.size,
            "digest": info.digest,
            "modified_at": info.modified_at.isoformat(),
            "deleted": info.deleted,
            "headers": dict(info.headers),
        }
        return json.dumps(told).encode()


def reads(bucket: Bucket, /) -> Read:
    """Return what makes messages of the changes of a bucket, without deletions where those are not asked for."""
    make: Read = _key_change if isinstance(bucket, KeyValue) else _object_change
    if bucket.deletes:
        return make

    def read(received: Received, claim: StreamClaim, position: int) -> ReceivedMessage | None:
        message = make(received, claim, position)
        return message if message is not None and message.operation == "put" else None

    return read


def _key_change(received: Received, claim: StreamClaim, position: int) -> KeyChange:
    return KeyChange(received, claim, position)


def _object_change(received: Received, claim: StreamClaim, position: int) -> ObjectChange:
    try:
        info = known_of(received.data, place_of(received.reply).stored / 1e9).info
    except TransportError:
        info = None
    return ObjectChange(received, claim, position, info)
