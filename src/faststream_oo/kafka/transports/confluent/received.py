"""A record that confluent-kafka handed over."""

from typing import cast

from confluent_kafka import Message

from faststream_oo.kafka.message import Headers


class ConfluentRecord:
    """A record in aiokafka's words; what is not needed of each is read from the client's object when it is asked for.

    Args:
        offset: Its offset.
        value: Its value.
        headers: Pairs in order, repeated and null ones included; None when there are none.
        native: The client's own object.
    """

    __slots__ = ("headers", "native", "offset", "value")

    def __init__(self, offset: int, value: bytes | None, headers: Headers | None, native: Message) -> None:
        self.native = native
        self.offset = offset
        self.value = value
        self.headers: Headers = headers or ()

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
