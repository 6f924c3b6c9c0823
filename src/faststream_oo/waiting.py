"""Awaiting what may never end, or may end in a way of its own."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final

_CANCEL_SECONDS: Final = 1.0


async def bounded(call: Coroutine[Any, Any, object], seconds: float, /) -> BaseException | None:
    """Await something for so many seconds, and return what went wrong; only a cancellation of the caller is raised."""
    task = asyncio.ensure_future(call)
    try:
        await asyncio.wait([task], timeout=seconds)
        in_time = task.done()
    finally:
        await cancelled([task])
    if not in_time:
        return TimeoutError(f"not done in {seconds:g} s")
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def cancelled(tasks: Iterable[asyncio.Task[Any]], /) -> None:
    """Cancel tasks and look at how they end, for a second at most."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if running:
        done, _ = await asyncio.wait(running, timeout=_CANCEL_SECONDS)
        for task in done:
            if not task.cancelled():
                task.exception()  # looked at, so that it is not logged as forgotten
