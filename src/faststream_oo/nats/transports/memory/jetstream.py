"""The streams of an embedded server with their consumers: how they are made, what they capture, and what is told them."""

import json
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Final, TypeAlias

from attrs import field, frozen

from faststream_oo.clock import Clock
from faststream_oo.nats.address import overlap
from faststream_oo.nats.packets import Packet
from faststream_oo.nats.transports.memory.advisories import terminated
from faststream_oo.nats.transports.memory.durables import NANOSECONDS, ConsumerConfig, MemoryConsumer, updated
from faststream_oo.nats.transports.memory.streams import MemoryStream, StreamConfig, StreamError

ACKS: Final = "$JS.ACK."
"""What the subjects begin with where the ends of messages are told."""

_SHORTEST_AGE: Final = 0.1


@frozen
class Kept:
    """What a stream answers to a message that it stored.

    Attributes:
        stream: Its name.
        sequence: Where.
        duplicate: Whether it was there already.
    """

    stream: str
    sequence: int
    duplicate: bool = field(default=False, kw_only=True)


Answer: TypeAlias = Kept | StreamError | None
"""What a publish comes to: stored, refused, or no stream captures the subject."""


def told(answer: Kept | StreamError, /) -> bytes:
    """Return an answer as the server writes it to whoever gave a reply subject."""
    match answer:
        case StreamError():
            error = {"code": 400, "err_code": answer.code, "description": answer.description}
            said: dict[str, object] = {"error": error, "stream": "", "seq": 0}
        case Kept():
            said = {"stream": answer.stream, "seq": answer.sequence}
            if answer.duplicate:
                said["duplicate"] = True
    return json.dumps(said, separators=(",", ":")).encode()


class MemoryJetStream:
    """The streams of a server.

    Args:
        clock: Where age and waits are read.
    """

    def __init__(self, clock: Clock) -> None:
        self.streams: dict[str, MemoryStream] = {}
        """Streams by name."""
        self._consumers: dict[tuple[str, str], MemoryConsumer] = {}
        self._clock = clock

    # Streams ------------------------------------------------------------------------------------------------------

    def stream(self, name: str, /) -> MemoryStream:
        """Return a stream. Raises StreamError."""
        if name not in self.streams:
            raise StreamError(10059, "stream not found")
        return self.streams[name]

    def add_stream(self, config: StreamConfig, /) -> MemoryStream:
        """Make a stream, unless it is there just so. Raises StreamError."""
        if config.max_age is not None and config.max_age < _SHORTEST_AGE:
            raise StreamError(10052, "max age needs to be >= 100ms")
        there = self.streams.get(config.name)
        if there is not None:
            if there.config != config:
                raise StreamError(10058, "stream name already in use with a different configuration")
            return there
        self._check_subjects(config)
        made = self.streams[config.name] = MemoryStream(config, self._clock)
        return made

    def update_stream(self, config: StreamConfig, /) -> None:
        """Change a stream that is there. Raises StreamError."""
        stream = self.stream(config.name)
        if "workqueue" in {stream.config.retention, config.retention} and stream.config.retention != config.retention:
            what = "stream configuration update can not change retention policy to/from workqueue"
            raise StreamError(10052, what)
        if stream.config.storage != config.storage:
            raise StreamError(10052, "stream configuration update can not change storage type")
        if stream.config.sealed and not config.sealed:
            raise StreamError(10052, "stream configuration update can not unseal a sealed stream")
        self._check_subjects(config)
        stream.update(config)

    def _check_subjects(self, config: StreamConfig) -> None:
        ours = config.captured
        others = [
            subject
            for one in self.streams.values()
            if one.config.name != config.name
            for subject in one.config.captured
        ]
        if any(overlap(mine, its) for mine in ours for its in others):
            raise StreamError(10065, "subjects overlap with an existing stream")

    def delete_stream(self, name: str, /) -> None:
        """Delete a stream with its consumers. Raises StreamError."""
        stream = self.stream(name)
        for consumer in tuple(stream.followers):
            self.delete_consumer(name, consumer)
        stream.close()
        del self.streams[name]

    # Consumers ----------------------------------------------------------------------------------------------------

    def consumer(self, stream: str, name: str, /) -> MemoryConsumer:
        """Return a consumer. Raises StreamError."""
        found = self.find_consumer(stream, name)
        if found is None:
            raise StreamError(10014, "consumer not found")
        return found

    def find_consumer(self, stream: str, name: str, /) -> MemoryConsumer | None:
        """Return a consumer, None when it is not there."""
        return self._consumers.get((stream, name))

    def add_consumer(self, stream: str, config: ConsumerConfig, /) -> MemoryConsumer:
        """Make a consumer; of one that is there change what may be changed. Raises StreamError."""
        of = self.stream(stream)
        _check_config(config)
        there = self._consumers.get((stream, config.name))
        if of.config.retention == "workqueue":
            others = [one for (its, name), one in self._consumers.items() if its == stream and name != config.name]
            _check_shares(config, [one.config for one in others])
        if there is None:
            made = self._consumers[stream, config.name] = MemoryConsumer(
                config, of, self._clock, lambda: self.delete_consumer(stream, config.name)
            )
            of.follow(config.name, made)
            return made
        if (what := updated(there.config, config)) is not None:
            raise StreamError(10012, what)
        there.update(config)
        return there

    def delete_consumer(self, stream: str, name: str, /) -> None:
        """Delete a consumer. Raises StreamError."""
        consumer = self.consumer(stream, name)
        del self._consumers[stream, name]
        self.streams[stream].leave(name)
        consumer.close()

    # Messages -----------------------------------------------------------------------------------------------------

    def capture(self, subject: str, data: bytes, headers: Mapping[str, str] | None, /) -> Answer:
        """Store a message in the stream that captures its subject, and return what that answers; None where none does."""
        for stream in self.streams.values():
            if stream.captures(subject):
                try:
                    sequence, duplicate = stream.store(subject, data, headers)
                except StreamError as error:
                    return error
                return Kept(stream.config.name, sequence, duplicate=duplicate)
        return None

    def settle(self, reply: str, body: bytes, /) -> Packet | None:
        """Take what a consumer is told of a message, and return what is published of that; about one that is gone nobody hears."""
        _, _, stream, name, _, sequence, *_ = reply.split(".")
        consumer = self._consumers.get((stream, name))
        if consumer is None:
            return None
        word, _, rest = body.decode().partition(" ")
        match word:
            case "" | "+ACK":
                consumer.end(int(sequence))
            case "+TERM":
                consumer.end(int(sequence))
                return terminated(reply, rest.strip(), self._clock.wall())
            case "-NAK":
                consumer.return_(int(sequence), json.loads(rest)["delay"] / NANOSECONDS if rest else 0.0)
            case "+WPI":
                consumer.renew(int(sequence))
            case _:
                pass
        return None


def _check_config(config: ConsumerConfig) -> None:
    if any(overlap(one, other) for one, other in combinations(config.filters, 2)):
        raise StreamError(10138, "consumer subject filters cannot overlap")
    if config.deliver == "last_per_subject" and not config.filters:
        what = "consumer delivery policy is deliver last per subject, but optional filter subject is not set"
        raise StreamError(10094, what)
    if config.max_deliver is not None and config.max_deliver < len(config.backoff):
        raise StreamError(10116, "max deliver is required to be > length of backoff values")


def _check_shares(config: ConsumerConfig, others: Iterable[ConsumerConfig]) -> None:
    """Refuse on a work queue what would hand a message to two consumers, or to none."""
    if config.ack != "explicit":
        what = "requires explicit ack policy on workqueue stream"
        raise StreamError(
            10098 if config.push else 10084, f"consumer in {'push' if config.push else 'pull'} mode {what}"
        )
    if config.deliver != "all":
        raise StreamError(10101, "consumer must be deliver all on workqueue stream")
    for other in others:
        if not (config.filters and other.filters):
            raise StreamError(10099, "multiple non-filtered consumers not allowed on workqueue stream")
        if any(overlap(mine, its) for mine in config.filters for its in other.filters):
            raise StreamError(10100, "filtered consumer not unique on workqueue stream")
