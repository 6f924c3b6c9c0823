"""The command line: its commands, their options and help. The one module that knows cyclopts."""

import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any, Literal

from attrs import field, frozen
from cyclopts import App, CycloptsError, Parameter

# What loads and runs an application is imported inside the commands, so that --help and --version stay quick.


@frozen(kw_only=True)
class Options:
    """Where settings come from, and what runs below."""

    config: list[Path] = field(factory=list[Path])
    """Settings file: YAML, TOML or JSON. May be repeated, later files win."""
    set: Annotated[list[str], Parameter(name="--set")] = field(factory=list[str])
    """Setting as KEY=VALUE, over files and variables FASTSTREAM_OO_*. May be repeated."""
    memory: bool = False
    """Embedded brokers in this process, whatever the settings say."""


Shared = Annotated[Options | None, Parameter(name="*")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; None takes the process's arguments."""
    tokens = sys.argv[1:] if arguments is None else list(arguments)
    try:
        result = _app()(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        command = " ".join(["faststream-oo", *(error.command_chain or ())])
        print(f"faststream-oo: {error}\n\n  Hint: {command} --help\n", file=sys.stderr)  # noqa: T201 - its own words
        return 2
    return int(result or 0)


def serve(
    app: str,
    /,
    options: Shared = None,
    *,
    log_level: Literal["debug", "info", "warning", "error"] = "info",
    log_format: Literal["auto", "console", "json", "logfmt"] = "auto",
) -> int:
    """Serve an application until SIGTERM or SIGINT; a second one ends at once.

    Args:
        app: module:Name of a container class, an Application, or a function that returns one.
        options: Where settings come from, and what runs below.
        log_level: Lowest level that shows.
        log_format: "auto" is console on a terminal, JSON elsewhere.
    """
    from faststream_oo.cli.load import Source
    from faststream_oo.cli.serving import serve as run

    given = options or Options()
    source = Source(app, config=given.config, assignments=given.set)
    return run(source, memory=given.memory, log_level=log_level, log_format=log_format)


def check(app: str, /, options: Shared = None) -> int:
    """Check an application and its settings without connecting.

    Args:
        app: module:Name of a container class, an Application, or a function that returns one.
        options: Where settings come from, and what runs below.
    """
    from faststream_oo.cli.inspecting import check as run
    from faststream_oo.cli.load import Source

    given = options or Options()
    return run(Source(app, config=given.config, assignments=given.set), memory=given.memory)


def describe(app: str, /, options: Shared = None, *, json: bool = False) -> int:
    """Show what an application consumes and produces, without connecting.

    Args:
        app: module:Name of a container class, an Application, or a function that returns one.
        options: Where settings come from, and what runs below.
        json: One JSON document instead of text.
    """
    from faststream_oo.cli.inspecting import describe as run
    from faststream_oo.cli.load import Source

    given = options or Options()
    source = Source(app, config=given.config, assignments=given.set)
    return run(source, memory=given.memory, as_json=json)


def _app() -> App:
    app = App(
        name="faststream-oo",
        help="Serve classes that consume and produce messages.",
        version=_version,
        help_format="plaintext",
        help_formatter=_print_panel,
        default_parameter=Parameter(negative=(), show_default=False),
    )
    for command in (serve, check, describe):
        app.command(command)
    return app


def _version() -> str:
    from importlib.metadata import version  # a fifth of the time that --help takes

    return version("faststream-oo")


def _print_panel(console: Any, options: Any, panel: Any) -> None:
    """Print one panel of a help text in two columns; the formatters that cyclopts has draw boxes or break lines twice."""
    rows: list[tuple[str, str]] = []
    for entry in panel.entries:
        parts = ["".join(part.text for part in console.render(entry.description, options.update(width=10_000))).strip()]
        parts += [f"[{', '.join(entry.choices)}]"] if entry.choices else []
        labels = entry.display_labels_with_metavar if panel.format == "parameter" else entry.positive_names
        rows.append(
            (", ".join((*labels, *(entry.positive_shorts if panel.format == "command" else ()))), " ".join(parts))
        )
    if not rows:
        return
    column = max(len(name) for name, _ in rows) + 4
    lines = [
        fill(f"  {name:<{column - 2}}{text}", console.width - 1, subsequent_indent=" " * column, break_on_hyphens=False)
        for name, text in rows
    ]
    console.print("\n".join([f"{panel.title}:", *lines, ""]), highlight=False, markup=False, soft_wrap=True)
