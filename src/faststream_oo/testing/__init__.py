"""Run an application in a test: embedded brokers with the real ones' behaviour, virtual time, and what was sent."""

from faststream_oo.testing.harness import Harness as Harness
from faststream_oo.testing.harness import MakeHarness as MakeHarness

__all__ = ["Harness", "MakeHarness"]
