"""Where Redis messages come from and go to."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from attrs import evolve, field, frozen

from faststream_oo.values import number

_PART: Final = re.compile(r"\{(\w+)\}")
_PLACEHOLDER: Final = re.compile(r"\{\w+(?:\.\w+)*\}")
_WILD: Final = re.compile(r"(?<!\\)(?:\\\\)*[*?\[]|\{")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_TOKENS: Final = re.compile(
    r"\\(?P<plain>.)|\{(?P<part>\w+)\}|(?P<any>\*+)|(?P<one>\?)|\[(?P<not>\^?)(?P<set>[^\]]*)\]", re.DOTALL
)
_ENTRY: Final = re.compile(r"\d{1,20}(-\d{1,20})?")


@frozen
class Stream:
    """A stream.

    Attributes:
        name: Its key.
        max_length: Trim to about that many entries when publishing; None keeps all.
        exact: Trim exactly, which costs the server more.
        external: Owned by somebody else: its group is checked, never created.
    """

    name: str
    max_length: int | None = field(default=None, kw_only=True, validator=number(least=1))
    exact: bool = field(default=False, kw_only=True)
    external: bool = field(default=False, kw_only=True)

    @property
    def kind(self) -> str:
        """A stream."""
        return "stream"


@frozen
class ReplyStream(Stream):
    """Where one process receives its replies: short, and gone when nobody writes to it any more.

    Attributes:
        lifetime: Seconds that it stays after the last reply.
    """

    max_length: int | None = field(default=10_000, kw_only=True)
    external: bool = field(default=True, kw_only=True)
    lifetime: int = field(default=600, kw_only=True)


@frozen
class List:
    """A list as a queue: pushed at the tail, moved from the head to a processing list until it is settled.

    Attributes:
        name: Its key.
    """

    name: str

    @property
    def kind(self) -> str:
        """A list."""
        return "list"


@frozen
class Channel:
    r"""A pub/sub channel: at most once by nature, for whoever listens now.

    Attributes:
        name: With `*`, `?`, `[…]` or `{name}` it is a pattern subscription; `{name}` is a `Path` parameter, which stands
            for a `*`. `\*` is the character. May hold `{field}` when producing.
    """

    name: str

    @property
    def kind(self) -> str:
        """A channel."""
        return "channel"

    @property
    def pattern(self) -> str | None:
        """As the server knows it, None when it names one channel."""
        return _PART.sub("*", self.name) if _WILD.search(self.name) else None

    @property
    def plain(self) -> str:
        """The one channel that it names where it is no pattern."""
        return _ESCAPED.sub(r"\1", self.name)

    @property
    def parts(self) -> Sequence[str]:
        """Names of the captured parts."""
        return _PART.findall(self.name)

    def captured(self, channel: str, /) -> Mapping[str, str]:
        """Return the captured parts of a channel that the pattern matches."""
        found = _expression(self.name).fullmatch(channel) if self.parts else None
        return {} if found is None else found.groupdict()


RedisAddress: TypeAlias = Stream | List | Channel


def renamed(address: RedisAddress, name: str, /) -> RedisAddress:
    """Return an address of the same kind under another name."""
    return evolve(address, name=name)


@lru_cache(maxsize=1024)
def _expression(name: str) -> re.Pattern[str]:
    """Return a pattern of Redis as an expression with its parts as groups."""

    def translated(found: re.Match[str]) -> str:
        if (plain := found["plain"]) is not None:
            return re.escape(plain)
        if (part := found["part"]) is not None:
            return f"(?P<{part}>.*)"
        if found["any"] is not None:
            return ".*"
        if found["one"] is not None:
            return "."
        inside = re.escape(found["set"]).replace(r"\-", "-")
        return f"[{found['not']}{inside}]" if inside else "(?!)"

    at, pieces = 0, list[str]()
    for found in _TOKENS.finditer(name):
        pieces += [re.escape(name[at : found.start()]), translated(found)]
        at = found.end()
    return re.compile("".join([*pieces, re.escape(name[at:])]), re.DOTALL)


def is_entry_id(text: str, /) -> bool:
    """Whether a text is the id of an entry: `1700000000000-0`, or its first part."""
    return _ENTRY.fullmatch(text) is not None


def target_problem(address: RedisAddress, /) -> tuple[str, str] | None:
    """Say why nothing can be published to an address, and a hint; None when it can. `{field}` of a body may stand in it."""
    name = address.name
    bare = _PLACEHOLDER.sub("x", name)
    if not bare:
        return "an empty name is refused", ""
    if "{" in bare or "}" in bare:
        return f'"{name}" has a {{field}} that is no name', ""
    if isinstance(address, Channel) and _WILD.search(bare):
        return f'"{name}" is a pattern, nothing can be published to it', r"\* is the character"
    return _trimming_problem(address)


def _trimming_problem(address: RedisAddress) -> tuple[str, str] | None:
    if isinstance(address, Stream) and address.exact and address.max_length is None:
        return f'exact=True has no effect on "{address.name}" without max_length', "max_length="
    return None


def source_problem(address: RedisAddress, /) -> tuple[str, str] | None:
    """Say why an address cannot be consumed, and a hint; None when it can."""
    name = address.name
    if not name:
        return "an empty name is refused", ""
    if isinstance(address, Channel):
        if len(set(address.parts)) < len(address.parts):
            return f'"{name}" names a part twice', ""
        bare = _PART.sub("*", name)
        return (f'"{name}" has a {{name}} that is no word', "") if "{" in bare or "}" in bare else None
    if _PART.search(name):
        return f'"{name}" captures a part, and a key is read whole', f'Channel("{name}")'
    return _trimming_problem(address)
