"""Every record becomes one line on stderr, with the facts of the message that is being handled."""

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import cast

import pytest

from faststream_oo.current import CURRENT, Attempt
from faststream_oo.logs import Format, Level, configure_logging, user_traceback
from faststream_oo.message import Message
from faststream_oo.subscription import Subscription


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Placed(Message[object]):
    """A message as a transport receives it."""

    @property
    def address(self) -> str:
        return "orders"


class Seat:
    """The part of a subscription that logs ask for."""

    name = "Orders.placed"


@pytest.fixture(autouse=True)
def unchanged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put logging back to what it was."""
    for variable in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(variable, raising=False)
    root, client = logging.getLogger(), logging.getLogger("aiokafka")
    handlers, level, client_level = root.handlers[:], root.level, client.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    client.setLevel(client_level)


@pytest.fixture
def stderr() -> io.StringIO:
    """A file."""
    return io.StringIO()


@pytest.fixture
def terminal() -> Terminal:
    """A terminal."""
    return Terminal()


def configure(stream: io.StringIO, level: Level = "info", format: Format = "auto") -> None:
    """Configure logging with a stream as stderr."""
    with redirect_stderr(stream):
        configure_logging(level=level, format=format)


@contextmanager
def handling(message: Message | None) -> Iterator[None]:
    """An attempt to handle a message."""
    attempt = Attempt()
    attempt.message = message
    token = CURRENT.set(attempt)
    try:
        yield
    finally:
        CURRENT.reset(token)


def received() -> Message[object]:
    message = Placed(id="m-1", attempt=2)
    message._subscription = cast("Subscription", Seat())
    return message


def lines_of(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_off_a_terminal_a_line_is_json(stderr: io.StringIO) -> None:
    configure(stderr)
    logging.getLogger("billing").info("paid %d", 5)
    [line] = lines_of(stderr)
    document = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", document.pop("time"))
    assert document == {"level": "info", "logger": "billing", "message": "paid 5"}


def test_on_a_terminal_a_line_is_text(terminal: Terminal) -> None:
    configure(terminal)
    logging.getLogger("billing").info("paid")
    [line] = lines_of(terminal)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO    billing: paid", line)


def test_logfmt_is_pairs_of_name_and_value(stderr: io.StringIO) -> None:
    configure(stderr, format="logfmt")
    logging.getLogger("billing").warning(
        "two\nlines", extra={"fields": {"a": 1, "b": "x y", "c": "", "d": 0.1234567, "e": True}}
    )
    [line] = lines_of(stderr)
    _, _, rest = line.partition(" ")
    assert rest == r'level=warning logger=billing message="two\nlines" a=1 b="x y" c="" d=0.123457 e=true'


def test_levels_below_the_wanted_one_do_not_show(stderr: io.StringIO) -> None:
    configure(stderr, level="warning")
    logging.getLogger("billing").info("hidden")
    logging.getLogger("billing").warning("shown")
    assert [json.loads(line)["message"] for line in lines_of(stderr)] == ["shown"]


def test_calling_it_twice_does_not_double_lines_and_keeps_other_handlers(stderr: io.StringIO) -> None:
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    configure(stderr)
    configure(stderr, format="logfmt")
    logging.getLogger("billing").info("once")
    assert len(lines_of(stderr)) == 1
    assert other in logging.getLogger().handlers


@pytest.mark.parametrize("format", ["json", "logfmt", "console"])
def test_records_made_while_a_message_is_handled_carry_its_facts(stderr: io.StringIO, format: Format) -> None:
    configure(stderr, format=format)
    with handling(received()):
        logging.getLogger("billing").info("paid")
    [line] = lines_of(stderr)
    if format == "json":
        facts = {"consumer": "Orders.placed", "address": "orders", "message_id": "m-1", "attempt": 2}
        assert facts.items() <= json.loads(line).items()
    else:
        assert line.endswith(" consumer=Orders.placed address=orders message_id=m-1 attempt=2")


def test_outside_of_a_message_no_facts_are_added(stderr: io.StringIO) -> None:
    configure(stderr, format="logfmt")
    with handling(None):
        logging.getLogger("billing").info("tick")
    logging.getLogger("billing").info("tick")
    assert [line.partition("message=")[2] for line in lines_of(stderr)] == ["tick", "tick"]


def test_a_message_of_a_test_has_no_consumer(stderr: io.StringIO) -> None:
    configure(stderr, format="logfmt")
    with handling(Placed(id="m-1")):
        logging.getLogger("billing").info("paid")
    assert lines_of(stderr)[0].endswith("message=paid address=orders message_id=m-1 attempt=1")


def test_the_fields_of_a_record_win_over_those_of_the_context(stderr: io.StringIO) -> None:
    configure(stderr, format="json")
    with handling(received()):
        fields = {"attempt": 3, "duration": 0.0123, "reason": None, "message": "not this"}
        logging.getLogger("faststream_oo").info("acknowledged", extra={"fields": fields})
    document = json.loads(lines_of(stderr)[0])
    assert document["attempt"] == 3
    assert document["duration"] == 0.0123
    assert document["message"] == "acknowledged"
    assert "reason" not in document


def test_extras_of_users_show(stderr: io.StringIO) -> None:
    configure(stderr, format="logfmt")
    logging.getLogger("billing").info("paid", extra={"order": "o-1"})
    assert lines_of(stderr)[0].endswith("message=paid order=o-1")


def test_a_record_is_not_changed(terminal: Terminal) -> None:
    configure(terminal)
    record = logging.LogRecord("billing", logging.ERROR, __file__, 1, "paid %s", ("x",), None)
    before = dict(vars(record))
    with handling(received()):
        logging.getLogger().handlers[-1].handle(record)  # ours alone: others set `message`
    assert "\x1b[31m" in terminal.getvalue()
    assert vars(record) == before


@pytest.mark.parametrize("odd", [2**70, "\udc80", object(), {1: b"x"}])
def test_json_takes_any_value(stderr: io.StringIO, odd: object) -> None:
    configure(stderr, format="json")
    logging.getLogger("billing").info("odd", extra={"fields": {"odd": odd}})
    assert "odd" in json.loads(lines_of(stderr)[0])


def test_colours_show_on_a_terminal(terminal: Terminal) -> None:
    configure(terminal, level="debug")
    logging.getLogger("billing").info("plain")
    logging.getLogger("billing").warning("seen")
    plain, seen = lines_of(terminal)
    assert "\x1b" not in plain
    assert seen.startswith("\x1b[33m")
    assert seen.endswith("\x1b[0m")


def test_no_colour_is_honoured(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    configure(terminal)
    logging.getLogger("billing").error("grey")
    assert "\x1b" not in terminal.getvalue()


def test_a_dumb_terminal_gets_no_colour(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    configure(terminal)
    logging.getLogger("billing").error("grey")
    assert "\x1b" not in terminal.getvalue()


def test_colour_in_a_file_must_be_asked_for(stderr: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(stderr, format="console")
    logging.getLogger("billing").error("grey")
    assert "\x1b" not in stderr.getvalue()
    monkeypatch.setenv("FORCE_COLOR", "1")
    configure(stderr, format="console")
    logging.getLogger("billing").error("red")
    assert "\x1b[31m" in stderr.getvalue()


def test_json_never_has_colours(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    configure(terminal, format="json")
    logging.getLogger("billing").error("plain")
    assert json.loads(terminal.getvalue())["message"] == "plain"


def test_the_client_is_quiet_unless_debugging() -> None:
    configure(io.StringIO())
    assert not logging.getLogger("aiokafka.consumer").isEnabledFor(logging.ERROR)
    configure(io.StringIO(), level="debug")
    assert logging.getLogger("aiokafka.consumer").isEnabledFor(logging.DEBUG)


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="auto, console, json or logfmt"):
        configure(io.StringIO(), format=cast("Format", "xml"))


def call_as_the_framework_does(source: str) -> Exception:
    """Run source text as if it stood in a file of the framework, calling `fail` of this file."""
    package = sys.modules["faststream_oo"].__file__ or ""
    code = compile(source, package.replace("__init__.py", "pipeline.py"), "exec")
    try:
        exec(code, {"fail": fail})
    except (ValueError, KeyError) as error:
        return error
    raise AssertionError("nothing was raised")


def fail() -> None:
    raise ValueError("user's fault")


def test_a_traceback_begins_with_the_users_code(stderr: io.StringIO) -> None:
    configure(stderr, format="console")
    error = call_as_the_framework_does("def run():\n    fail()\nrun()")
    # The first frame is this test's own, as the framework's caller; take it off like the event loop's.
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    logging.getLogger("billing").error("failed", exc_info=error)
    _, first, frame, *_, last = lines_of(stderr)
    assert first == "Traceback (most recent call last):"
    assert frame.startswith(f'  File "{__file__}", line ')
    assert frame.endswith("in fail")
    assert last == "ValueError: user's fault"


def test_causes_are_cut_too() -> None:
    error = call_as_the_framework_does("try:\n    fail()\nexcept ValueError as error:\n    raise KeyError from error")
    assert error.__cause__ is not None
    text = user_traceback(error)
    assert text.index("in fail") < text.index("pipeline.py")


def test_an_error_of_the_framework_alone_keeps_its_frames() -> None:
    error = call_as_the_framework_does("raise ValueError")
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    assert "pipeline.py" in user_traceback(error)


def test_json_holds_the_traceback_as_one_field(stderr: io.StringIO) -> None:
    configure(stderr, format="json")
    try:
        fail()
    except ValueError:
        logging.getLogger("billing").exception("failed")
    [line] = lines_of(stderr)
    assert json.loads(line)["exception"].endswith("ValueError: user's fault")
