"""Where NATS messages come from and go to."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from attrs import evolve, field, frozen

from faststream_oo.values import literal, number, texts

DEAD: Final = "dlq"
"""First token of derived dead-letter subjects."""

_SPACE: Final = re.compile(r"[ \t\r\n]")
_NAME: Final = re.compile(r"[^\s.*>/\\]+")
_PART: Final = re.compile(r"\{(\w+)\}")
_PLACEHOLDER: Final = re.compile(r"\{\w+(?:\.\w+)*\}")
_POSITIVE: Final = number(above=0)
_LONGEST: Final = 1024
"""Bytes of a subject: a line of the protocol has 4,096 by default, and one that is longer ends the connection."""


@frozen
class JetStream:
    """A stream: what is published to its subjects is kept in it, in order, until its limits or its retention end it.

    Attributes:
        name: Its name: one word without dots.
        subjects: What it stores. Empty: every subject that the application consumes from it or publishes to it, added
            to those that it stores already.
        retention: "limits" keeps messages up to the limits below, "interest" while a consumer has not acknowledged them,
            "workqueue" deletes what was acknowledged.
        storage: Where.
        replicas: Copies.
        discard: What to refuse when full: the oldest messages, or new ones.
        max_messages: Most messages.
        max_bytes: Most bytes.
        max_age: Seconds a message is kept.
        max_message_size: In bytes.
        duplicate_window: Seconds in which an equal message id is stored once.
        external: Owned by somebody else: checked, never created, and no prefix is put before it or its subjects.
    """

    name: str
    subjects: Sequence[str] = field(default=(), kw_only=True, converter=texts)
    retention: Literal["limits", "interest", "workqueue"] = field(default="limits", kw_only=True, validator=literal)
    storage: Literal["file", "memory"] = field(default="file", kw_only=True, validator=literal)
    replicas: int = field(default=1, kw_only=True, validator=number(least=1))
    discard: Literal["old", "new"] = field(default="old", kw_only=True, validator=literal)
    max_messages: int | None = field(default=None, kw_only=True, validator=_POSITIVE)
    max_bytes: int | None = field(default=None, kw_only=True, validator=_POSITIVE)
    max_age: float | None = field(default=None, kw_only=True, validator=_POSITIVE)
    max_message_size: int | None = field(default=None, kw_only=True, validator=_POSITIVE)
    duplicate_window: float = field(default=120.0, kw_only=True, validator=number(least=0))
    external: bool = field(default=False, kw_only=True)

    @property
    def kind(self) -> str:
        """A stream."""
        return "stream"

    @property
    def window(self) -> float:
        """Seconds in which an equal message id is stored once: never longer than messages are kept."""
        return self.duplicate_window if self.max_age is None else min(self.duplicate_window, self.max_age)

    @property
    def described(self) -> bool:
        """Whether it says more than its name."""
        return self != JetStream(self.name)

    def letters(self, prefix: str, /) -> "JetStream":
        """Return the whole stream of its dead letters, of whole names all: `dlq.<group>.<subject>` of every group."""
        subjects = [f"{prefix}{DEAD}.*.{subject.removeprefix(prefix)}" for subject in self.subjects]
        name = word(prefix, f"DLQ_{self.name.removeprefix(word(prefix, ''))}")
        return JetStream(name, subjects=subjects, storage=self.storage, replicas=self.replicas)

    def prefixed(self, prefix: str, /) -> "JetStream":
        """Return it with a prefix before its name and its subjects, unless it is external."""
        if self.external:
            return self
        return evolve(self, name=word(prefix, self.name), subjects=[prefix + subject for subject in self.subjects])


def _stream(given: "str | JetStream | None") -> "JetStream | None":
    return JetStream(given) if isinstance(given, str) else given


@frozen
class Subject:
    """One subject or wildcard.

    Attributes:
        name: With `*`, `>`, or `{name}` for a `*` that is a `Path` parameter; may hold `{field}` when producing.
        stream: Consume from and publish to this stream; text is short for `JetStream`. None is core NATS: at most once,
            what nobody has subscribed to is kept nowhere.
    """

    name: str
    stream: JetStream | None = field(default=None, kw_only=True, converter=_stream)

    @property
    def kind(self) -> str | None:
        """The stream that keeps its messages; None on core NATS."""
        return None if self.stream is None else f"stream {self.stream.name}"

    def named(self, name: str, /) -> "Subject":
        """Return the same subject under another name."""
        return evolve(self, name=name)

    @property
    def pattern(self) -> str:
        """As the server knows it: `*` for every `{name}`."""
        return _PART.sub("*", self.name)

    @property
    def parts(self) -> Mapping[str, int]:
        """The `{name}` tokens with their places, counted from 0."""
        tokens = enumerate(self.name.split("."))
        return {found[1]: place for place, token in tokens if (found := _PART.fullmatch(token)) is not None}


@frozen(init=False)
class Subjects:
    """Several subjects as one subscription; `Subjects("orders.*", "returns.*")`. No two of them may overlap.

    Args:
        subject: The first.
        subjects: The others.
        stream: Where all of them are stored; None is core NATS.
    """

    subjects: Sequence[Subject]

    def __init__(self, subject: str, /, *subjects: str, stream: str | JetStream | None = None) -> None:
        whole = tuple(Subject(name, stream=stream) for name in (subject, *subjects))
        object.__setattr__(self, "subjects", whole)  # the class is frozen

    @property
    def name(self) -> str:
        """The subjects' names, joined by commas."""
        return ",".join(subject.name for subject in self.subjects)

    @property
    def kind(self) -> str | None:
        """As of each subject."""
        return self.subjects[0].kind

    @property
    def stream(self) -> JetStream | None:
        """Where they are stored."""
        return self.subjects[0].stream


def subjects_of(address: object, /) -> Sequence[Subject]:
    """Return the subjects of an address of NATS, none for another."""
    match address:
        case Subject():
            return [address]
        case Subjects():
            return address.subjects
        case _:
            return []


def stream_of(address: object, /) -> JetStream | None:
    """Return the stream of an address of NATS, itself maybe; None on core NATS."""
    match address:
        case Subject() | Subjects():
            return address.stream
        case JetStream():
            return address
        case _:
            return None


def word(prefix: str, name: str, /) -> str:
    """Return the name of a stream or consumer with a prefix, whose dots it cannot have."""
    return prefix.replace(".", "_") + name


def matches(pattern: str, subject: str, /) -> bool:
    """Whether a subject without wildcards falls under a pattern (NATS: subject-based messaging, wildcards)."""
    wanted, tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        return len(tokens) >= len(wanted) and all(map(_takes, wanted[:-1], tokens))
    return len(tokens) == len(wanted) and all(map(_takes, wanted, tokens))


def overlap(one: str, other: str, /) -> bool:
    """Whether some subject falls under both patterns."""
    ours, theirs = one.split("."), other.split(".")
    for mine, its in zip(ours, theirs, strict=False):
        if ">" in {mine, its}:
            return True
        if "*" not in {mine, its} and mine != its:
            return False
    return len(ours) == len(theirs)


def covers(pattern: str, other: str, /) -> bool:
    """Whether everything that falls under `other` falls under `pattern`."""
    wanted, tokens = pattern.split("."), other.split(".")
    if wanted[-1] == ">":
        head = wanted[:-1]
        return len(tokens) > len(head) and ">" not in tokens[: len(head)] and all(map(_takes, head, tokens))
    return len(tokens) == len(wanted) and ">" not in tokens and all(map(_takes, wanted, tokens))


def united(subjects: Iterable[str], /) -> Sequence[str]:
    """Return subjects without those that others cover, in their order: a stream refuses such."""
    every = list(dict.fromkeys(subjects))
    return [one for one in every if not any(other != one and covers(other, one) for other in every)]


def _takes(wanted: str, token: str) -> bool:
    return wanted in {"*", token}


def concrete_problem(name: str, /) -> str | None:
    """Say why nothing can be published to a subject, None when it can.

    The server takes wildcards and empty tokens, and delivers to nobody who asked for them; here they are refused.
    """
    found = _problem(name)
    if found is None and any(token in {"*", ">"} for token in name.split(".")):
        found = f'"{name}" is a wildcard, nothing can be published to it'
    return found


def template_problem(name: str, /) -> str | None:
    """Say why a subject with `{field}` of a body cannot be published to, None when it can."""
    return concrete_problem(example(name))


def example(name: str, /) -> str:
    """Return a subject with something in the place of each `{field}`."""
    return _PLACEHOLDER.sub("x", name)


def pattern_problem(name: str, /) -> str | None:
    """Say why a subject or wildcard with `{name}` parts cannot be subscribed to, None when it can."""
    parts = _PART.findall(name)
    if len(set(parts)) < len(parts):
        return f'"{name}" names a part twice'
    bare = _PART.sub("*", name)
    if "{" in bare or "}" in bare:
        return f'"{name}" has a {{name}} that is no word'
    tokens = bare.split(".")
    if any("*" in one and one != "*" for one in tokens):
        return f'"{name}" has a wildcard that is no whole token'
    if any(">" in one for one in tokens[:-1]) or (">" in tokens[-1] and tokens[-1] != ">"):
        return f'"{name}" has a > that is not its last token'
    return _problem(bare)


def group_problem(name: str, /) -> str | None:
    """Say why a name cannot be that of a queue group, None when it can."""
    return f'"{name}" is no name of a queue group: it has a space in it' if _SPACE.search(name) else None


def word_problem(name: str, kind: str, /) -> str | None:
    """Say why a name cannot be that of a stream or a durable consumer, None when it can."""
    return None if _NAME.fullmatch(name) else f'"{name}" is no name of a {kind}: one word without . * > / and spaces'


def _problem(name: str) -> str | None:
    if _SPACE.search(name) or not all(name.split(".")):
        return f'"{name}" is no subject: tokens without spaces, joined by dots, none of them empty'
    if len(name.encode("utf-8", "replace")) > _LONGEST:
        return f'"{name[:40]}…" is no subject: it has more than {_LONGEST:,} bytes'
    return None
