"""A record that confluent-kafka handed over."""

from typing import cast

from confluent_kafka import Message

from faststream_oo.kafka.message import Headers


class ConfluentRecord:
    """A record in aiokafka's words; facts are read from the client's object when they are asked for.

    Args:
        native: The client's own object.
    """

    __slots__ = ("native", "offset")

    def __init__(self, native: Message) -> None:
        self.native = native
        self.offset: int = native.offset()  # type: ignore[assignment]  # None is for messages that a test makes

    @property
    def topic(self) -> str:
        """The topic, prefix included."""
        return cast(str, self.native.topic())

    @property
    def partition(self) -> int:
        """The partition."""
        return cast(int, self.native.partition())

    @property
    def timestamp(self) -> int:
        """Milliseconds since the epoch."""
        return self.native.timestamp()[1]

    @property
    def key(self) -> bytes | None:
        """The key."""
        return self.native.key()

    @property
    def value(self) -> bytes | None:
        """The value."""
        return self.native.value()

    @property
    def headers(self) -> Headers:
        """Pairs in order, repeated and null ones included."""
        return cast(Headers, self.native.headers() or ())
