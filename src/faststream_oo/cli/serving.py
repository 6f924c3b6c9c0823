"""`faststream-oo serve`: run an application until it is told to stop."""

from contextlib import AbstractContextManager, nullcontext

from faststream_oo.cli.load import Source, load
from faststream_oo.cli.panel import guarded
from faststream_oo.clock import LoopClock
from faststream_oo.current import Embedding, embedded
from faststream_oo.logs import Format, Level, configure_logging


def serve(source: Source, *, memory: bool, log_level: Level, log_format: Format) -> int:
    """Load an application and run it until it stops; return the exit code."""
    configure_logging(level=log_level, format=log_format)

    def run() -> None:
        with world(memory=memory):
            load(source).run()

    return guarded(source.target, run)


def world(*, memory: bool) -> AbstractContextManager[object]:
    """Return the context that brokers are opened in: embedded ones, or what their settings say."""
    return embedded(Embedding(LoopClock())) if memory else nullcontext()
