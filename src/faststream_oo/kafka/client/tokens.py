"""Tokens for SASL OAUTHBEARER, from the user's function."""

import asyncio
import base64
import json
from datetime import UTC, datetime
from time import time
from typing import Any, Final

from faststream_oo.errors import error_type
from faststream_oo.security import OAuth

TOKEN_SECONDS: Final = 10.0
"""Longest time in seconds that the function may take."""

_UNKNOWN_SECONDS: Final = 300.0
"""How long a token is taken to be good that does not say it."""


class TokenError(Exception):
    """The function gave no token; its cause is what it raised."""


async def token_of(auth: OAuth, /) -> str:
    """Return a token. Raises TokenError for whatever the function does instead."""
    try:
        async with asyncio.timeout(TOKEN_SECONDS):
            token: Any = await auth.token()
    except TimeoutError as error:
        said = str(error) or f"no answer in {TOKEN_SECONDS:g} s"
        raise TokenError(f"the function of kafka.auth.token gave none: {said}") from error
    except Exception as error:
        said = f"{error_type(error)}: {error}"
        raise TokenError(f"the function of kafka.auth.token gave none: {said}") from error
    if not isinstance(token, str) or not token:
        raise TokenError(f"the function of kafka.auth.token gave {type(token).__name__}, not a token")
    if (end := _end(token)) is not None and end <= time():
        raise TokenError(f"the function of kafka.auth.token gave a token that ended at {_moment(end)}")
    return token


def good_until(token: str, now: float, /) -> float:
    """Return when a token ends, in seconds since 1970: as it says itself if it is a JWT (RFC 7519), else soon.

    Args:
        token: From the user's function.
        now: Seconds since 1970.
    """
    end = _end(token)
    return now + _UNKNOWN_SECONDS if end is None else end


def _end(token: str) -> float | None:
    try:
        part = token.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        return None


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
