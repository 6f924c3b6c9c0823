"""The pytest plugin, found by its entry point: `--real-brokers` and the fixture `make_harness`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from faststream_oo.testing.harness import Harness, MakeHarness


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--real-brokers`."""
    parser.addoption("--real-brokers", action="store_true", help="run harnesses on the configured brokers")


@pytest.fixture
def make_harness(request: pytest.FixtureRequest) -> "MakeHarness":
    """Return what makes a Harness: on memory, or with `--real-brokers` on the configured brokers."""
    # Loaded in every run of pytest, so the framework is imported only where it is used.
    from faststream_oo.testing.harness import Harness

    real = bool(request.config.getoption("--real-brokers"))

    def make(container: type[Any], /, *, config: Mapping[str, object] | None = None) -> "Harness[Any]":
        return Harness(container, config=config, real=real)

    return make
