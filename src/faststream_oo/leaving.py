"""What is held under claims that leave: it ends in time, or it is given back."""

import asyncio
import logging
from collections.abc import Callable, Container
from typing import Final

from faststream_oo.lanes import Lanes
from faststream_oo.settlement import Settlement
from faststream_oo.transport import Claim

_log = logging.getLogger("faststream_oo")

_CANCEL_SECONDS: Final = 5.0
"""Longest time that a cancelled handler may go on."""


class Everything:
    """Holds every claim."""

    def __contains__(self, claim: object) -> bool:
        return True


class Leaving:
    """Waits until nothing is held under claims, and gives back what does not end in time.

    Args:
        name: Of the subscription.
        lanes: Where messages wait and run.
        settlement: Where they are settled.
        changed: Told when the first begins to wait, and when nobody does any more.
    """

    def __init__(self, name: str, lanes: Lanes, settlement: Settlement, changed: Callable[[], object]) -> None:
        self._name = name
        self._lanes = lanes
        self._settlement = settlement
        self._changed = changed
        self._waiting = 0
        self._let_go = asyncio.Event()

    @property
    def waits(self) -> bool:
        """Whether it wants to hear of each message that is let go."""
        return self._waiting > 0

    def freed(self) -> None:
        """A message was let go."""
        self._let_go.set()

    async def ended(self, claims: Container[Claim], deadline: float, /) -> bool:
        """Return when nothing is held under claims; after `deadline` seconds it is cancelled and given back: False."""
        self._waiting += 1
        self._changed()
        try:
            async with asyncio.timeout(deadline):
                await self._nothing_held(claims)
            return True
        except TimeoutError:
            running, refused = self.cancel(claims)
            _log.warning(
                "%s gives back after %g s: %d messages in their handlers, %d whose publishes the broker did not take",
                self._name,
                deadline,
                running,
                refused,
                extra={"fields": {"consumer": self._name, "given_back": running + refused}},
            )
            await self._cancelled_ended(claims)
            return False
        finally:
            self._waiting -= 1
            self._changed()

    def cancel(self, claims: Container[Claim], /) -> tuple[int, int]:
        """Cancel what runs under claims, give back the rest, and return how many were cancelled, and how many refused."""
        cancelled = self._lanes.cancel(claims)
        self._lanes.withdraw(claims, started=False, all_of_it=True)
        return cancelled, self._settlement.give_back(claims)

    async def _cancelled_ended(self, claims: Container[Claim]) -> None:
        try:
            async with asyncio.timeout(_CANCEL_SECONDS):
                await self._nothing_held(claims)
        except TimeoutError:
            fields = {"consumer": self._name}
            _log.error("%s: a handler goes on after its cancellation", self._name, extra={"fields": fields})

    async def _nothing_held(self, claims: Container[Claim]) -> None:
        while self._lanes.holds(claims) or self._settlement.holds(claims):
            self._let_go.clear()
            await self._let_go.wait()
