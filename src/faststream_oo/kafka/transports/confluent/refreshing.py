"""Tokens for the client's threads, fetched on the loop by the user's function."""

import asyncio
import logging
from time import time
from typing import Any, Final, TypeAlias

from faststream_oo.kafka.client.tokens import TOKEN_SECONDS, TokenError, good_until, token_of
from faststream_oo.kafka.options import KafkaSettings
from faststream_oo.security import OAuth

_log: Final = logging.getLogger("faststream_oo")

Given: TypeAlias = tuple[str, float]
"""A token, and when it ends in seconds since 1970."""


async def token_options(settings: KafkaSettings, /) -> dict[str, Any]:
    """Return what a client gets its tokens by; nothing unless they are its credentials.

    The first token is fetched now, so that it is known why there is none.

    Raises:
        TokenError: The function gives none.
    """
    if not isinstance(settings.auth, OAuth):
        return {}
    return {"oauth_cb": _Tokens(settings.auth, await token_of(settings.auth)).give}


class _Tokens:
    def __init__(self, auth: OAuth, first: str) -> None:
        self._auth = auth
        self._first: str | None = first
        self._loop = asyncio.get_running_loop()

    def give(self, _config: str) -> Given:
        """Return a token; called on a thread of the client at its start and before the last one ends."""
        token, self._first = self._first, None
        if token is None:
            call = token_of(self._auth)
            try:
                token = asyncio.run_coroutine_threadsafe(call, self._loop).result(TOKEN_SECONDS + 1.0)
            except TokenError as error:
                _log.error("%s", error, exc_info=error.__cause__)
                raise
            except RuntimeError:  # the loop is closed
                call.close()
                raise
        now = time()
        return token, good_until(token, now)
