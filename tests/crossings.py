"""Counts the files and functions of ours that a message crosses."""

import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any, Self

import faststream_oo

ROOT = str(Path(faststream_oo.__file__).parent)

#: What stands for a client and its broker.
EMBEDDED = "/transports/memory/"


class Crossings:
    """Counts while it is entered. What most of the messages enter is crossed by a message; start-up and batches are not.

    Args:
        messages: That many are sent or handled meanwhile.
    """

    def __init__(self, messages: int) -> None:
        self._messages = messages
        self._entered = Counter[CodeType]()

    @property
    def functions(self) -> list[str]:
        """Functions that a message crosses, by file and name."""
        return sorted(
            f"{code.co_filename.removeprefix(ROOT)}:{code.co_qualname}"
            for code, times in self._entered.items()
            if times * 2 >= self._messages
        )

    @property
    def files(self) -> set[str]:
        """Files that these are in."""
        return {function.partition(":")[0] for function in self.functions}

    def __enter__(self) -> Self:
        sys.setprofile(self._called)
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        sys.setprofile(None)

    def _called(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        # A comprehension is a frame of its own before Python 3.12.
        comprehension = code.co_name.endswith(("comp>", "genexpr>"))
        if event == "call" and code.co_filename.startswith(ROOT) and EMBEDDED not in code.co_filename:
            self._entered[code] += not comprehension
