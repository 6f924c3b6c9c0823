"""The subscriptions of an application, started and ended together."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from faststream_oo.assembly import start_subscription
from faststream_oo.broker import Broker
from faststream_oo.errors import raise_errors
from faststream_oo.intake import Intake
from faststream_oo.served import Planned


class Intakes:
    """Runs subscriptions on their open brokers.

    Args:
        drain_timeout: Seconds running handlers get when stopping.
        crashed: Told when a subscription cannot go on.
    """

    def __init__(self, drain_timeout: float, crashed: Callable[[BaseException], object]) -> None:
        self.drain_timeout = drain_timeout
        self._crashed = crashed
        self._brokers: dict[Intake, Broker] = {}
        self.by_name: dict[str, Intake] = {}
        """Every one that was started and not ended, stopped or not."""

    async def start(self, planned: Sequence[Planned], /) -> Sequence[Intake]:
        """Start checked subscriptions, all at once. Raises what kept one from it; the others run."""

        async def started(one: Planned) -> Intake:
            intake = await start_subscription(one, self.drain_timeout, self._crashed)
            self.by_name[intake.name] = intake
            self._brokers[intake] = one.broker
            one.broker.running.append(intake)
            return intake

        results = await asyncio.gather(*(started(one) for one in planned), return_exceptions=True)
        raise_errors(results, "subscriptions cannot be started")
        return [result for result in results if isinstance(result, Intake)]

    async def end(self, planned: Sequence[Planned], /) -> None:
        """Drain and end those of these subscriptions that were started."""
        for one in planned:
            if (intake := self.by_name.pop(one.name, None)) is not None:
                self._forget(intake)
                await intake.stop()

    async def stop(self, at_once: asyncio.Event, /) -> None:
        """Drain every subscription, all at once; the event makes them give the rest back. Raises what kept one from it."""
        intakes = list(self.by_name.values())
        stops = [asyncio.create_task(intake.stop()) for intake in intakes]
        if stops and not at_once.is_set():
            hurry = asyncio.create_task(at_once.wait())
            pending: set[asyncio.Task[Any]] = set(stops)
            while pending and not hurry.done():
                _, waiting = await asyncio.wait({*pending, hurry}, return_when=asyncio.FIRST_COMPLETED)
                pending = {task for task in stops if task in waiting}
            hurry.cancel()
        if at_once.is_set():
            await asyncio.gather(*(intake.give_up() for intake in intakes), return_exceptions=True)
        results = await asyncio.gather(*stops, return_exceptions=True)
        for intake in intakes:
            self._forget(intake)
        raise_errors(results, "subscriptions did not stop")

    def _forget(self, intake: Intake) -> None:
        """Take a subscription from its broker, where that has not been done."""
        if (broker := self._brokers.pop(intake, None)) is not None:
            broker.running.remove(intake)
