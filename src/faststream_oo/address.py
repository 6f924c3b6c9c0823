"""What every native address (Topic, Queue, Subject, Stream, …) has in common."""

from typing import Protocol


class Address(Protocol):
    """A native address: frozen, hashable, and usable before anything connects.

    A `{name}` in an address captures that part for `Path` when consuming, and is filled from the body's field of
    that name when producing.
    """

    @property
    def name(self) -> str:
        """The address's own name, without the broker's prefix."""
        ...

    @property
    def kind(self) -> str | None:
        """What it is, in a word or two; None for what is usual for its protocol."""
        ...
