"""Run an application in a test: embedded brokers with the real ones' behaviour, virtual time, and what was sent."""

from collections.abc import Mapping
from typing import Protocol, TypeVar

from dependency_injector.containers import Container

from faststream_oo.testing.harness import Harness as Harness

C = TypeVar("C", bound=Container)

__all__ = ["Harness", "MakeHarness"]


class MakeHarness(Protocol):
    """Type of the pytest fixture `make_harness`: a Harness that is real when pytest runs with `--real-brokers`."""

    def __call__(self, container: type[C], /, *, config: Mapping[str, object] | None = None) -> Harness[C]:
        """Return a harness, not entered."""
        ...
