"""`serve`: runs an application until it is told to stop, and turns how it ended into an exit code."""

import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from faststream_oo.cli.load import Source, load
from faststream_oo.cli.panel import Exit, LoadError, report
from faststream_oo.clock import LoopClock
from faststream_oo.current import Embedding, embedded
from faststream_oo.errors import MessagingError
from faststream_oo.logs import Format, Level, configure_logging

_log = logging.getLogger("faststream_oo")


def serve(
    target: str,
    config: Sequence[Path],
    assignments: Sequence[str],
    *,
    memory: bool,
    log_level: Level,
    log_format: Format,
) -> int:
    """Serve an application until SIGTERM or SIGINT; return the exit code."""
    configure_logging(level=log_level, format=log_format)
    try:
        with below(memory=memory):
            application = load(Source(target, config=config, assignments=assignments))
            application.check()
            application.run()
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else Exit.OK if stopped.code is None else Exit.FAILED
    except (MessagingError, LoadError, BaseExceptionGroup) as error:
        return report(error, target)
    except Exception as error:  # noqa: BLE001 - the user's own: its traceback is shown
        return report(error, target)
    return Exit.OK


@contextmanager
def below(*, memory: bool) -> Generator[None]:
    """Put embedded brokers below everything that is made inside, if that is asked for."""
    if not memory:
        yield
        return
    with embedded(Embedding(LoopClock())):
        yield
