"""Where NATS messages come from and go to."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

_SPACE: Final = re.compile(r"[ \t\r\n]")
_PART: Final = re.compile(r"\{(\w+)\}")
_PLACEHOLDER: Final = re.compile(r"\{\w+(?:\.\w+)*\}")
_LONGEST: Final = 1024
"""Bytes of a subject: a line of the protocol has 4,096 by default, and one that is longer ends the connection."""


@frozen
class Subject:
    """One subject or wildcard.

    Core NATS is at most once: what nobody has subscribed to is kept nowhere.

    Attributes:
        name: With `*`, `>`, or `{name}` for a `*` that is a `Path` parameter; may hold `{field}` when producing.
    """

    name: str

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
    """

    subjects: Sequence[Subject]

    def __init__(self, subject: str, /, *subjects: str) -> None:
        object.__setattr__(self, "subjects", tuple(map(Subject, (subject, *subjects))))  # the class is frozen

    @property
    def name(self) -> str:
        """The subjects' names, joined by commas."""
        return ",".join(subject.name for subject in self.subjects)


def subjects_of(address: object, /) -> Sequence[Subject]:
    """Return the subjects of an address of NATS, none for another."""
    match address:
        case Subject():
            return [address]
        case Subjects():
            return address.subjects
        case _:
            return []


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
    return concrete_problem(_PLACEHOLDER.sub("x", name))


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


def _problem(name: str) -> str | None:
    if _SPACE.search(name) or not all(name.split(".")):
        return f'"{name}" is no subject: tokens without spaces, joined by dots, none of them empty'
    if len(name.encode("utf-8", "replace")) > _LONGEST:
        return f'"{name[:40]}…" is no subject: it has more than {_LONGEST:,} bytes'
    return None
