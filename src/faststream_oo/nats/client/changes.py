"""What handlers get of a change: of a key's value, or of an object."""

import json
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from faststream_oo.errors import TransportError
from faststream_oo.nats.buckets import Bucket, KeyValue, ObjectInfo
from faststream_oo.nats.client.bucket import operation_of
from faststream_oo.nats.client.objects import known_of
from faststream_oo.nats.message import NONE, Change, Operation, Received
from faststream_oo.nats.place import place_of

Read: TypeAlias = Callable[[Received], Received | None]
"""Makes of what was received what a handler gets; None where it is not wanted."""

_HEAD: Final = 2
"""Tokens before the key in a subject of a bucket."""


def reads(bucket: Bucket, /) -> Read:
    """Return what reads the changes of a bucket, without deletions where those are not asked for."""
    change = _of_key if isinstance(bucket, KeyValue) else _of_object
    if bucket.deletes:
        return change

    def read(received: Received) -> Received | None:
        made = change(received)
        return made if made.operation == "put" else None

    return read


def _of_key(received: Received) -> Change:
    """Return a change of a key's value; the body of a deletion is empty."""
    key = received.subject.split(".", _HEAD)[_HEAD]
    return _change(received, received.data, key, operation_of(received.headers))


def _of_object(received: Received) -> Change:
    """Return a change of an object, as an `ObjectInfo` in JSON; what tells nothing about one stays as it is."""
    try:
        info = known_of(received.data, place_of(received.reply).stored / 1e9).info
    except TransportError:
        return _change(received, received.data, "", "put")
    return _change(received, json.dumps(_told(info)).encode(), info.name, "delete" if info.deleted else "put")


def _change(received: Received, data: bytes, key: str, operation: Operation) -> Change:
    headers = {**(received.headers or NONE), "fsoo-key": key}
    return Change(received.subject, received.reply, data, headers, operation)


def _told(info: ObjectInfo) -> Mapping[str, object]:
    return {
        "name": info.name,
        "size": info.size,
        "digest": info.digest,
        "modified_at": info.modified_at.isoformat(),
        "deleted": info.deleted,
        "headers": dict(info.headers),
    }
