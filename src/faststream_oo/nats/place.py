"""Where a delivered message stands in its stream and its consumer."""

from typing import Final

from attrs import frozen

_WITH_DOMAIN: Final = 11
"""Tokens of the reply subject of a delivery, where it names a domain."""


@frozen
class Place:
    """What the reply subject of a delivery tells.

    Attributes:
        stream: Name of the stream.
        consumer: Name of the consumer.
        deliveries: How often it was delivered, this time included.
        sequence: In the stream.
        delivery: In the consumer: counts deliveries.
        stored: When the stream stored it, nanoseconds since the epoch.
        pending: Messages that the consumer has still to deliver.
    """

    stream: str
    consumer: str
    deliveries: int
    sequence: int
    delivery: int
    stored: int
    pending: int


def place_of(reply: str, /) -> Place:
    """Read `$JS.ACK.…`, with a domain and an account or without (ADR-15)."""
    tokens = reply.split(".")
    stream, consumer, *numbers = tokens[2:9] if len(tokens) < _WITH_DOMAIN else tokens[4:11]
    return Place(stream, consumer, *map(int, numbers))
