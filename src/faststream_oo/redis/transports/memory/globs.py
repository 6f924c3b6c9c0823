r"""Patterns as Redis matches them, byte by byte: `*`, `?`, `[a-c]`, `[^e]` and `\`. Python's fnmatch is another language."""

import re


def glob(pattern: bytes, /) -> "re.Pattern[bytes]":
    r"""Return an expression for `fullmatch`; an empty subject is matched by an empty pattern only.

    Follows `stringmatchlen` of Redis: a class that is not closed ends with the pattern, `[]` matches nothing and `[^]`
    any byte, a range may be given backwards, and a `\` at the end is itself.
    """
    parts: list[bytes] = []
    at = 0
    while at < len(pattern):
        byte = pattern[at : at + 1]
        if byte == b"*":
            parts.append(b".*")
        elif byte == b"?":
            parts.append(b".")
        elif byte == b"[":
            members, at = _members(pattern, at + 1)
            parts.append(members)
        else:
            if byte == b"\\" and at + 1 < len(pattern):
                at += 1
            parts.append(re.escape(pattern[at : at + 1]))
        at += 1
    some = rb"(?=.)" if pattern else b""
    return re.compile(some + b"".join(parts), re.DOTALL)


def _members(pattern: bytes, at: int) -> tuple[bytes, int]:
    """Return the class that begins behind a bracket, and the place of its last byte."""
    negated = pattern[at : at + 1] == b"^"
    at += negated
    members = b""
    while at < len(pattern) and pattern[at : at + 1] != b"]":
        first = last = pattern[at : at + 1]
        if first == b"\\" and at + 1 < len(pattern):
            at += 1
            first = last = pattern[at : at + 1]
        elif pattern[at + 1 : at + 2] == b"-" and at + 2 < len(pattern):
            at += 2
            first, last = sorted((first, pattern[at : at + 1]))
        members += re.escape(first) + b"-" + re.escape(last)
        at += 1
    if not members:
        return (b"." if negated else b"(?!)"), at
    return b"[" + b"^" * negated + members + b"]", at
