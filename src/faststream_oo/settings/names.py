"""Which known name a misspelled one was meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the known name that a misspelled one is closest to, None when nothing is close; case does not count."""
    known = {candidate.lower(): candidate for candidate in names}
    found = get_close_matches(name.lower(), known, n=1)
    return known[found[0]] if found else None


def suggestion(name: str, names: Iterable[str]) -> str:
    """Return a hint with the nearest known name, or an empty string."""
    found = nearest(name, names)
    return f'did you mean "{found}"?' if found else ""
