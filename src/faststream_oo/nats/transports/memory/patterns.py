"""Subjects that patterns take, compiled once."""

import re
from collections.abc import Callable, Iterable
from typing import Final

_WILD: Final = {"*": r"[^.]+", ">": r".+"}


def takes(patterns: Iterable[str], /) -> Callable[[str], object]:
    """Return what tells whether one of some patterns takes a subject (NATS: subject-based messaging, wildcards)."""
    every = (r"\.".join(_WILD.get(token) or re.escape(token) for token in pattern.split(".")) for pattern in patterns)
    return re.compile("|".join(every), re.DOTALL).fullmatch
