"""Buckets: keys with their values, and objects; each lies in a stream whose subjects say what is what."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Generic, Literal

from attrs import evolve, field, frozen
from typing_extensions import TypeVar

from faststream_oo.nats.address import Subject, pattern_problem, word
from faststream_oo.values import literal, number

T_co = TypeVar("T_co", covariant=True, default=object)

_KEY: Final = re.compile(r"[-/_=.a-zA-Z0-9]+")
_TOKEN: Final = re.compile(r"[-/_=a-zA-Z0-9]+|\*|>|\{\w+\}")
_BUCKET: Final = re.compile(r"[-_a-zA-Z0-9]+")
_SECONDS: Final = number(least=0.1)
_KEPT: Final = 64
"""Values of one key that a bucket keeps at most."""


@frozen
class KeyValue:
    """A key-value bucket: consumed, it delivers each change; given to `NatsBroker.key_value`, it is read and written.

    Attributes:
        name: Of the bucket: letters, digits, `-` and `_`.
        keys: Which keys to watch; `*`, `>` and `{name}`.
        history: Values kept for a key, 64 at most.
        ttl: Seconds a value is kept; nobody is told when it goes.
        storage: Where.
        replicas: Copies.
        watch: Begin with the current value of every key, with its history too, or with changes only.
        deletes: Also deliver deletions; the body is None then.
        external: Owned by somebody else: checked, never created, and no prefix is put before it.
    """

    name: str
    keys: str = field(default=">", kw_only=True)
    history: int = field(default=1, kw_only=True, validator=number(least=1, most=_KEPT))
    ttl: float | None = field(default=None, kw_only=True, validator=_SECONDS)
    storage: Literal["file", "memory"] = field(default="file", kw_only=True, validator=literal)
    replicas: int = field(default=1, kw_only=True, validator=number(least=1))
    watch: Literal["current", "history", "changes"] = field(default="current", kw_only=True, validator=literal)
    deletes: bool = field(default=False, kw_only=True)
    external: bool = field(default=False, kw_only=True)

    @property
    def kind(self) -> str:
        """A bucket of values."""
        return "key-value bucket"

    @property
    def stream(self) -> str:
        """Name of the stream that it lies in."""
        return f"KV_{self.name}"

    def subject(self, key: str, /) -> str:
        """Return the subject of a key, or of a pattern of keys."""
        return f"$KV.{self.name}.{key}"

    @property
    def watched(self) -> Subject:
        """The subjects that are watched."""
        return Subject(self.subject(self.keys))


@frozen
class ObjectStore:
    """An object store: consumed, it delivers an `ObjectInfo` for each change; `NatsBroker.object_store` reads it.

    Attributes:
        name: Of the bucket: letters, digits, `-` and `_`.
        ttl: Seconds an object is kept; nobody is told when it goes.
        storage: Where.
        replicas: Copies.
        watch: Begin with every object there is, or with changes only.
        deletes: Also deliver deletions, as an `ObjectInfo` with `deleted`.
        external: Owned by somebody else: checked, never created, and no prefix is put before it.
    """

    name: str
    ttl: float | None = field(default=None, kw_only=True, validator=_SECONDS)
    storage: Literal["file", "memory"] = field(default="file", kw_only=True, validator=literal)
    replicas: int = field(default=1, kw_only=True, validator=number(least=1))
    watch: Literal["current", "changes"] = field(default="current", kw_only=True, validator=literal)
    deletes: bool = field(default=False, kw_only=True)
    external: bool = field(default=False, kw_only=True)

    @property
    def kind(self) -> str:
        """A bucket of objects."""
        return "object store"

    @property
    def stream(self) -> str:
        """Name of the stream that it lies in."""
        return f"OBJ_{self.name}"

    def chunks(self, place: str, /) -> str:
        """Return the subject of an object's content, of one version of it, or of all with `>`."""
        return f"$O.{self.name}.C.{place}"

    def entry(self, place: str, /) -> str:
        """Return the subject of what is known about an object, or about all with `>`."""
        return f"$O.{self.name}.M.{place}"

    @property
    def watched(self) -> Subject:
        """The subjects that are watched."""
        return Subject(self.entry(">"))


@frozen
class Entry(Generic[T_co]):
    """One value of a bucket.

    Attributes:
        key: Its key.
        value: The value; None for a deletion, where such are given.
        revision: Its number among all changes of the bucket.
    """

    key: str
    value: T_co
    revision: int


@frozen
class ObjectInfo:
    """What an object store knows about one object.

    Attributes:
        name: Its name.
        size: Bytes.
        digest: `SHA-256=` and the hash in URL-safe base64.
        modified_at: When it was stored, in UTC.
        deleted: Whether it is gone.
        headers: Text headers that it was stored with.
    """

    name: str
    size: int = field(kw_only=True)
    digest: str = field(kw_only=True)
    modified_at: datetime = field(kw_only=True)
    deleted: bool = field(default=False, kw_only=True)
    headers: Mapping[str, str] = field(factory=dict[str, str], kw_only=True)


Bucket = KeyValue | ObjectStore
"""Either kind."""


def whole_bucket(bucket: Bucket, prefix: str, /) -> Bucket:
    """Return a bucket with a prefix before its name, unless it is external."""
    return bucket if bucket.external else evolve(bucket, name=word(prefix, bucket.name))


def watched(address: object, /) -> Sequence[Subject]:
    """Return the subjects that a bucket is watched by, none for another address."""
    return [address.watched] if isinstance(address, KeyValue | ObjectStore) else []


def bucket_problem(bucket: Bucket, /) -> str | None:
    """Say why a bucket cannot be, None when it can."""
    if not _BUCKET.fullmatch(bucket.name):
        return f'"{bucket.name}" is no name of a bucket: letters, digits, - and _'
    return keys_problem(bucket.keys) if isinstance(bucket, KeyValue) else None


def keys_problem(pattern: str, /) -> str | None:
    """Say why keys cannot be watched, None when they can."""
    wrong = [token for token in pattern.split(".") if not _TOKEN.fullmatch(token)]
    return f'"{pattern}" is no pattern of keys: {_KEYS}, or * > {{name}}' if wrong else pattern_problem(pattern)


def key_problem(key: str, /) -> str | None:
    """Say why a value cannot have a key, None when it can."""
    if not (_KEY.fullmatch(key) and all(key.split("."))):
        return f'"{key}" is no key: {_KEYS}'
    return None


_KEYS: Final = "tokens of letters, digits and - / _ =, joined by dots"


def bucket_differences(bucket: Bucket, there: Bucket, /) -> Iterator[str]:
    """Return how a bucket that is there differs from one that is not external, one sentence each."""
    facts = (
        ("history", "ttl", "storage", "replicas") if isinstance(bucket, KeyValue) else ("ttl", "storage", "replicas")
    )
    for fact in () if bucket.external else facts:
        ours, its = getattr(bucket, fact), getattr(there, fact)
        if ours != its:
            yield f'bucket "{bucket.name}": {fact} is {its}, not {ours}'
