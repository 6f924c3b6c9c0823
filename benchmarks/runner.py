"""Rounds of sides in turn, and what their medians say.

A side is met when its median is within its target and the median spread of the raw column; the spread of a column is the
median distance of its rounds from their median.
"""

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from attrs import field, frozen

_WARM: Final = 0.1
"""Part of the messages of a round that are handled before the clock is read: what starts only once is no cost of a message."""


class Meter:
    """Measures the CPU of this process, all threads, for each message of one run.

    Args:
        count: Messages to send or to handle, 2 or more: the first of them are not measured.
    """

    def __init__(self, count: int) -> None:
        if count < 2:
            raise ValueError(f"{count} cannot be measured: at least one message is handled before the clock is read")
        self.count = count
        self.done = asyncio.Event()
        """Set with the last message."""
        self._warm = max(1, int(count * _WARM))
        self._seen = 0
        self._began = 0.0
        self._ended = 0.0

    def handled(self) -> None:
        """Count a message."""
        self._seen += 1
        if self._seen == self._warm:
            self._began = time.process_time()
        elif self._seen == self.count:
            self.done.set()

    def sent(self, messages: int) -> None:
        """Count messages that were sent and confirmed."""
        before = self._seen
        self._seen += messages
        if before < self._warm <= self._seen:
            self._warm = self._seen
            self._began = time.process_time()

    def end(self) -> None:
        """Stop the clock: everything has been acknowledged, in both senses."""
        self._ended = time.process_time()

    @property
    def micros(self) -> float:
        """CPU microseconds a message."""
        if self._seen < self.count or not self._ended:
            raise RuntimeError(f"the run handled {self._seen} of {self.count} messages")
        return (self._ended - self._began) / (self._seen - self._warm) * 1e6


Run = Callable[[Meter], Awaitable[None]]


@frozen
class Target:
    """What a side may cost at most: `times` the side it stands beside, `plus` microseconds.

    Attributes:
        plus: Microseconds a message on top.
        times: Factor.
        beside: Name of that side; the raw one by default.
    """

    plus: float = 0.0
    times: float = 1.0
    beside: str = "raw"

    def __str__(self) -> str:
        factor = "" if self.times == 1 else f"{self.times:g} × "
        return f"{factor}{self.beside}" + (f" + {self.plus:g}" if self.plus else "")


@frozen
class Comparison:
    """The same work by several hands.

    Attributes:
        name: What is done.
        raw: A careful loop on the client alone.
        sides: Ours, by name.
        targets: What they may cost, by name.
        other: Another framework's way, by its name.
        share: Part of what the other framework adds to the raw client that ours may add.
        other_part: Part of the messages that the other framework gets, as it may take long.
        stock: How many messages there are to handle; None where every run brings its own.
    """

    name: str
    raw: Run
    sides: Mapping[str, Run]
    targets: Mapping[str, Target] = field(factory=dict[str, Target])
    other: Mapping[str, Run] = field(factory=dict[str, Run])
    share: float = 1 / 8
    other_part: float = 0.25
    stock: int | None = None

    def runs(self, count: int) -> Mapping[str, tuple[Run, int]]:
        """Return every side with its number of messages. Raises ValueError when there are fewer: it would wait for ever."""
        if self.stock is not None and count > self.stock:
            raise ValueError(f'"{self.name}" is to handle {count} messages a round, and there are {self.stock}')
        few = min(count, max(200, int(count * self.other_part)))
        ours = {name: (run, count) for name, run in {"raw": self.raw, **self.sides}.items()}
        return ours | {name: (run, few) for name, run in self.other.items()}


Figures = Mapping[str, Sequence[float]]
"""Rounds of each side, in microseconds a message."""


async def measure(comparisons: Sequence[Comparison], count: int, rounds: int) -> Sequence[Figures]:
    """Run every side once a round, in turn."""
    figures: list[dict[str, list[float]]] = [{name: [] for name in one.runs(count)} for one in comparisons]
    for _ in range(rounds):
        for comparison, found in zip(comparisons, figures, strict=True):
            for name, (run, messages) in comparison.runs(count).items():
                gc.collect()
                meter = Meter(messages)
                await run(meter)
                found[name].append(meter.micros)
    return figures


def spread(rounds: Sequence[float]) -> float:
    """Return the median distance from the median."""
    middle = statistics.median(rounds)
    return statistics.median(abs(one - middle) for one in rounds)


def report(comparison: Comparison, figures: Figures) -> Sequence[str]:
    """Return the table of one comparison, a line a side."""
    medians = {name: statistics.median(rounds) for name, rounds in figures.items()}
    raw, noise = medians["raw"], spread(figures["raw"])
    lines = [f"{comparison.name}: raw {raw:.2f} µs CPU a message, spread {noise:.2f}"]
    for name in comparison.sides:
        line = f"  {name:<28}{medians[name]:>8.2f}  raw {medians[name] - raw:+8.2f}  ×{medians[name] / raw:.2f}"
        target = comparison.targets.get(name)
        if target is not None:
            most = medians[target.beside] * target.times + target.plus
            met = "met" if medians[name] <= most + noise else "MISSED"
            line += f"   at most {target} = {most:.2f}: {met}"
        lines.append(line)
    for name in comparison.other:
        theirs = medians[name] - raw
        lines.append(f"  {name:<28}{medians[name]:>8.2f}  raw {theirs:+8.2f}  ×{medians[name] / raw:.2f}")
        for ours in comparison.sides:
            part = (medians[ours] - raw) / theirs
            met = "met" if medians[ours] - raw <= theirs * comparison.share + noise else "MISSED"
            lines.append(f"    {ours} adds {part:+.3f} of that, at most {comparison.share:.3f}: {met}")
    return lines
