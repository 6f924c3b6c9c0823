"""What streams must be there for a set of addresses, and how those that are there differ."""

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import evolve, frozen

from faststream_oo.address import Address
from faststream_oo.nats.address import JetStream, covers, stream_of, subjects_of, united

_FACTS: Final = (
    "retention", "storage", "replicas", "discard", "max_messages", "max_bytes", "max_age", "max_message_size",
    "window",
)  # fmt: skip


@frozen
class Wanted:
    """One stream that addresses name.

    Attributes:
        stream: As it is described, whole.
        used: What is consumed from it or published to it.
        conflicts: What else it is described as.
    """

    stream: JetStream
    used: Sequence[str]
    conflicts: Sequence[str]

    @property
    def made(self) -> JetStream:
        """What is created where it is not there: with what is used where it does not say what it stores."""
        return self.stream if self.stream.subjects else _storing(self.stream, self.used)

    def missing(self, there: JetStream, /) -> Sequence[str]:
        """Return what is used and not stored."""
        return [one for one in self.used if not any(covers(stored, one) for stored in there.subjects)]

    def grown(self, there: JetStream, /) -> JetStream:
        """Return the stream that is there, storing what is missing too."""
        return _storing(there, [*there.subjects, *self.missing(there)])

    @property
    def grows(self) -> bool:
        """Whether it may be made to store more: one that says what it stores, or belongs to others, may not."""
        return not (self.stream.subjects or self.stream.external)

    def differences(self, there: JetStream, /) -> Sequence[str]:
        """Return how the stream that is there differs, one sentence each."""
        stream = self.stream
        found = [f'stream "{stream.name}" is described in two ways: {one}' for one in self.conflicts]
        if stream.described and not stream.external:
            found += [
                f'stream "{stream.name}": {fact} is {_shown(getattr(there, fact))}, not {_shown(getattr(stream, fact))}'
                for fact in _FACTS
                if getattr(there, fact) != getattr(stream, fact)
            ]
            if stream.subjects and set(stream.subjects) != set(there.subjects):
                found.append(
                    f'stream "{stream.name}" stores {", ".join(there.subjects)}, not {", ".join(stream.subjects)}'
                )
        return found


def wanted(addresses: Iterable[Address], /) -> Sequence[Wanted]:
    """Return the streams of whole addresses; a description wins over a name alone."""
    described: dict[str, list[JetStream]] = {}
    used: dict[str, list[str]] = {}
    for address in addresses:
        if (stream := stream_of(address)) is not None:
            described.setdefault(stream.name, []).append(stream)
            used.setdefault(stream.name, []).extend(subject.pattern for subject in subjects_of(address))
    found: list[Wanted] = []
    for name, streams in described.items():
        first, *others = dict.fromkeys(one for one in streams if one.described) or [JetStream(name)]
        found.append(Wanted(first, united(used[name]), [repr(one) for one in others]))
    return found


def _storing(stream: JetStream, subjects: Iterable[str]) -> JetStream:
    return evolve(stream, subjects=united(subjects))


def _shown(value: object) -> object:
    return "without a limit" if value is None else value
