"""What a target may name, how settings reach it, and how everything that is wrong with either is told."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

Write = Callable[[str, str], Path]


@pytest.mark.parametrize(
    "target",
    [
        "billing:Billing",
        "billing:instance",
        "billing:container",
        "billing:application",
        "billing:built",
        "billing:Holder.inner",
        "billing.py:Billing",
        "plain:application",
        "plain",
    ],
)
def test_a_target_is_a_container_an_application_or_a_function_that_returns_either(run: Run, target: str) -> None:
    assert run("check", target) == (0, "ok: 1 subscription, 1 producer\n", "")


@pytest.mark.parametrize(
    ("target", "problem", "hint"),
    [
        ("billing:Biling", "billing:Biling: billing has no Biling", "did you mean billing:Billing?"),
        ("biling:Billing", "biling: no such module under", "did you mean billing:Billing?"),
        ("nowhere", "nowhere: no such module under", ""),
        ("billing.deeper:X", "billing.deeper: no such module under", "did you mean billing:X?"),
        ("billing", "billing: holds 3 applications and containers", "name one: billing:Billing, billing:instance"),
        ("billing:Orders", "billing:Orders: is the class Orders, neither", "name one: billing:Billing"),
        (
            "billing:of_tenant",
            "billing:of_tenant: is called without arguments: missing a required argument: 'tenant'",
            "give",
        ),
        ("billing:number", "billing:number: is of type int, neither an application nor a container", "name one:"),
        ("billing:Holder.outer", "billing:Holder.outer: billing has no Holder.outer", "name one:"),
        ("not-a-module:X", "not-a-module: is no name of a module", "module:Name"),
        (":X", ": is no name of a module", "module:Name"),
    ],
)
def test_a_target_that_is_not_there_is_code_3_with_the_nearest_one(
    run: Run, target: str, problem: str, hint: str
) -> None:
    code, out, err = run("check", target)
    assert (code, out) == (3, "")
    assert err.startswith(f"faststream-oo: {target} cannot start, a problem\n\n  {problem}")
    assert f"\n    Hint: {hint}" in err if hint else "Hint" not in err
    assert "Traceback" not in err


def test_a_module_without_an_application_is_told(run: Run, module: Write) -> None:
    module("empty", "x = 1")
    assert "empty: holds no application and no container" in run("check", "empty")[2]


def test_containers_that_a_module_imports_do_not_count(run: Run, module: Write) -> None:
    module(
        "first", "from dependency_injector.containers import DeclarativeContainer\nclass One(DeclarativeContainer): ..."
    )
    module("second", "from first import One\nfrom dependency_injector.containers import DeclarativeContainer")
    assert "second: holds no application and no container" in run("check", "second")[2]


# Errors of the user's code ---------------------------------------------------------------------------------------


def test_an_error_in_the_users_module_shows_their_traceback_from_their_first_line(run: Run, module: Write) -> None:
    file = module("broken", "import json\n\njson.loads('{')\n")
    code, out, err = run("check", "broken:App")
    assert (code, out) == (3, "")
    lines = err.splitlines()
    assert lines[0] == "faststream-oo: broken:App cannot be loaded"
    assert lines[2:4] == ["  Traceback (most recent call last):", f'    File "{file}", line 3, in <module>']
    assert "panel.py" not in err
    assert "importlib" not in err


def test_a_missing_library_of_the_user_is_theirs(run: Run, module: Write) -> None:
    file = module("needy", "import no_such_library\n")
    code, _, err = run("check", "needy:App")
    assert code == 3
    assert f'File "{file}", line 1' in err
    assert "No module named 'no_such_library'" in err


def test_a_syntax_error_shows_the_line_alone(run: Run, module: Write) -> None:
    file = module("typo", "x = = 1\n")
    code, _, err = run("check", "typo:App")
    assert code == 3
    assert err.splitlines()[2] == f'    File "{file}", line 1'
    assert "Traceback" not in err


def test_a_function_that_raises_is_the_users(run: Run, module: Write) -> None:
    module("raising", "def make():\n    raise LookupError('no vault')\n")
    code, _, err = run("check", "raising:make")
    assert code == 3
    assert "line 2, in make" in err
    assert "LookupError: no vault" in err


def test_a_class_that_the_framework_refuses_is_told_in_a_panel(run: Run, module: Write) -> None:
    module(
        "wrong",
        "from faststream_oo import Application\n"
        "from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaSettings, consumes\n"
        "class Orders(KafkaConsumer):\n"
        "    @consumes('orders')\n"
        "    async def placed(self, order: str) -> None: ...\n"
        "app = Application(consumers=[Orders(KafkaBroker(KafkaSettings()))])\n",
    )
    code, _, err = run("check", "wrong")
    assert code == 3
    assert err.startswith(
        "faststream-oo: wrong cannot start, a problem\n\n  Orders.placed: at_least_once needs a group\n"
    )
    assert "    Hint: " in err
    assert "Traceback" not in err


# Settings --------------------------------------------------------------------------------------------------------


def described(run: Run, *arguments: str) -> str:
    code, out, err = run("describe", "billing:Billing", *arguments)
    assert (code, err) == (0, "")
    return out


def test_files_environment_and_assignments_win_in_this_order(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, over = tmp_path / "base.yaml", tmp_path / "over.toml"
    base.write_text("kafka: {prefix: base., defaults: {concurrency: 2, prefetch: 70}}")
    over.write_text('[kafka]\nprefix = "over."')
    files = ["--config", str(base), "--config", str(over)]
    assert "  over.orders.placed  " in described(run, *files)
    monkeypatch.setenv("FASTSTREAM_OO_KAFKA__PREFIX", "env.")
    assert "  env.orders.placed  " in described(run, *files)
    assert "  set.orders.placed  " in described(run, *files, "--set", "kafka.prefix=x", "--set", "kafka.prefix=set.")
    assert " prefetch=70" in described(run, *files)


def test_a_function_that_returns_a_container_is_configured_too(run: Run) -> None:
    assert "  p.orders.placed  " in run("describe", "billing:container", "--set", "kafka.prefix=p.")[1]


def test_an_assignment_reaches_one_subscription(run: Run) -> None:
    assert " concurrency=9 " in described(run, "--set", 'kafka.consumers."Orders.placed".concurrency=9')


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("kafka.servrs=x", 'kafka.servrs: unknown option\n    Hint: did you mean "servers"?'),
        ("kafka.linger=5ms", 'kafka.linger: expected float, got "5ms"\n    Hint: seconds, 0.005'),
        ("kafak.servers=x", 'kafak: unknown section\n    Hint: did you mean "kafka"?'),
        ("kafka.consumers.Order.concurrency=1", "kafka.consumers.Order: no such consumer"),
        ("billing.curency=EUR", 'billing.curency: unknown option\n    Hint: did you mean "currency"?'),
        ("kafka", "--set kafka: is not KEY=VALUE"),
    ],
)
def test_a_setting_that_is_not_there_is_code_3(run: Run, assignment: str, told: str) -> None:
    code, out, err = run("check", "billing:Billing", "--set", assignment)
    assert (code, out) == (3, "")
    assert told in err


def test_problems_of_files_are_told_in_a_panel(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: b: c")
    code, _, err = run("check", "billing:Billing", "--config", str(tmp_path / "bad.yaml"), "--config", "none.yaml")
    assert code == 3
    assert err.startswith("faststream-oo: billing:Billing cannot start, 2 problems\n")
    assert f"\n  {tmp_path}/bad.yaml, line 1: " in err
    assert "\n  none.yaml: cannot be read: No such file or directory\n" in err


@pytest.mark.parametrize("target", ["billing:built", "billing:application", "plain"])
def test_settings_that_would_have_no_effect_are_refused(run: Run, target: str) -> None:
    code, _, err = run("check", target, "--set", "kafka.prefix=p.")
    assert code == 3
    assert f"{target}: is built already, so settings would have no effect" in err


def test_a_container_without_config_refuses_settings(run: Run, module: Write) -> None:
    module("bare", "from dependency_injector import containers\nclass Bare(containers.DeclarativeContainer): ...\n")
    code, _, err = run("check", "bare", "--set", "kafka.prefix=p.")
    assert code == 3
    assert "bare: has no config, so settings would have no effect" in err


def test_a_section_that_no_provider_uses_is_told(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert run("check", "billing:Billing", "--set", "vault.url=x")[0] == 0
    assert "no provider uses the section vault of the settings" in caplog.messages


_TYPED = """
from attrs import frozen
from dependency_injector import containers, providers
from faststream_oo import Settings
from faststream_oo.kafka import KafkaBroker, KafkaConsumer, KafkaContainer, consumes

@frozen
class Shop:
    currency: str

class Orders(KafkaConsumer, group="orders"):
    def __init__(self, broker: KafkaBroker, currency: str) -> None:
        super().__init__(broker)
    @consumes("orders")
    async def placed(self, order: bytes) -> None: ...

class Typed(containers.DeclarativeContainer):
    config = providers.Configuration(strict=True)
    settings = Settings(Shop, config.shop)
    kafka = KafkaContainer(config=config.kafka)
    orders = providers.Factory(Orders, broker=kafka.broker, currency=settings.provided.currency)
"""


def test_typed_settings_are_not_read_before_they_are_there(run: Run, module: Write) -> None:
    module("typed", _TYPED)
    code, _, err = run("check", "typed", "--set", "shop.currency=EUR")
    assert (code, err) == (0, "")


def test_the_current_directory_is_on_the_path_once(run: Run, here: Path) -> None:
    run("check", "billing:Billing")
    run("check", "billing:Billing")
    assert sys.path.count(str(here)) == 1
