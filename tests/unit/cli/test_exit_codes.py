"""What the process says when it ends, and what it takes to begin."""

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.unit.cli.conftest import APPS

COMMAND = [sys.executable, "-c", "import sys; from faststream_oo.cli.main import main; sys.exit(main())"]


def finished(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=APPS, capture_output=True, text=True, timeout=30, check=False)


@contextmanager
def serving(*arguments: str, until: str) -> Generator[subprocess.Popen[str]]:
    """A process that serves, from the moment that it wrote some text to stderr."""
    command = [*COMMAND, "serve", *arguments]
    with subprocess.Popen(command, cwd=APPS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            told = ""
            while until not in told:
                line = process.stderr.readline()
                assert line, told
                told += line
            yield process
        finally:
            process.kill()


def stderr_of(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=20)[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_politely(number: signal.Signals) -> None:
    with serving("billing:Billing", "--memory", until="Billing is running on kafka in memory") as process:
        process.send_signal(number)
        told = stderr_of(process)
    assert process.returncode == 0
    assert [json.loads(line)["message"] for line in told.splitlines()][-1] == "Billing stopped"


@pytest.mark.parametrize(
    ("container", "protocol"),
    [
        ("OverRabbit", "rabbit"),
        ("OverNats", "nats"),
        ("OverJetStream", "nats"),
        ("OverStreams", "redis"),
        ("OverLists", "redis"),
        ("OverChannels", "redis"),
    ],
)
def test_every_broker_is_served_in_memory(container: str, protocol: str) -> None:
    with serving(f"everywhere:{container}", "--memory", until=f"handled 7 of {protocol} in memory") as process:
        process.send_signal(signal.SIGTERM)
        told = stderr_of(process)
    assert process.returncode == 0
    assert json.loads(told.splitlines()[-1])["message"] == f"{container} stopped"
    assert "Traceback" not in told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_waiting_for_a_broker(number: signal.Signals) -> None:
    with serving("stubborn:unreachable_for_long", until="waiting for kafka") as process:
        process.send_signal(number)
        told = stderr_of(process)
    assert process.returncode == 0
    assert [json.loads(line)["message"] for line in told.splitlines()] == ["Application stopped before it was running"]


def test_work_that_is_given_back_after_the_drain_timeout_is_still_polite() -> None:
    with serving("stubborn:hasty", "--memory", until="handling") as process:
        process.send_signal(signal.SIGTERM)
        told = stderr_of(process)
    assert process.returncode == 0
    assert "Traceback" not in told


def test_a_second_signal_gives_the_rest_back_and_is_code_1() -> None:
    with serving("stubborn:stubborn", "--memory", until="handling") as process:
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        while "is draining" not in (line := process.stderr.readline()):
            pass
        assert (json.loads(line)["in_flight"], json.loads(line)["drain_timeout"]) == (1, 30.0)
        process.send_signal(signal.SIGTERM)
        told = stderr_of(process)
    assert process.returncode == 1
    assert "Traceback" not in told


def test_a_handler_may_end_the_process() -> None:
    assert finished("serve", "stubborn:leaving", "--memory").returncode == 1


def test_an_error_of_the_lifespan_is_code_1_with_the_users_traceback() -> None:
    ended = finished("serve", "stubborn:broken", "--memory")
    assert ended.returncode == 1
    lines = ended.stderr.splitlines()
    first = lines.index("faststream-oo: stubborn:broken failed")
    assert lines[first + 2] == "  Traceback (most recent call last):"
    assert lines[-2] == "  ValueError: no such table"
    assert str(APPS / "stubborn.py") in ended.stderr


def test_a_broker_that_does_not_answer_is_code_4_with_one_panel() -> None:
    ended = finished("serve", "stubborn:unreachable", "--log-format", "console")
    assert ended.returncode == 4
    panel = "faststream-oo: stubborn:unreachable cannot reach kafka at localhost:1\n\n  connection refused\n"
    assert ended.stderr.count(panel) == 1
    assert "is Kafka running there? kafka.servers may name another host or port" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "aiokafka" not in ended.stderr


def test_every_broker_that_does_not_answer_is_told() -> None:
    ended = finished("serve", "stubborn:unreachable_twice", "--log-format", "console")
    assert ended.returncode == 4
    for server in ("localhost:1", "localhost:2"):
        assert f"faststream-oo: stubborn:unreachable_twice cannot reach kafka at {server}\n" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_wrong_usage_is_code_2() -> None:
    assert finished("serve", "billing:Billing", "--wokers", "2").returncode == 2


def test_a_wrong_setting_is_code_3() -> None:
    assert finished("serve", "billing:Billing", "--set", "kafka.servrs=x").returncode == 3


def test_log_options_are_honoured() -> None:
    ended = finished("serve", "stubborn:leaving", "--memory", "--log-format", "logfmt", "--log-level", "info")
    assert ended.stderr.startswith("time=")
    assert "level=info" in ended.stderr


def test_data_is_on_stdout_and_nothing_else() -> None:
    ended = finished("check", "billing:Billing")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ok: 1 subscription, 1 producer\n", "")
