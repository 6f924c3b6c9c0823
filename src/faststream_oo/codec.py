"""Bytes to object and back; compiled once for each annotation."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from faststream_oo.errors import DecodeError, MessagingError
from faststream_oo.message import Message

Encoder: TypeAlias = Callable[[object], tuple[bytes, Mapping[str, str]]]
"""Object to its bytes and headers, `content-type` among them."""

Decoder: TypeAlias = Callable[[bytes, Mapping[str, str]], object]
"""Bytes and headers to object; whatever it raises becomes a `DecodeError`."""


class Codec(Protocol):
    """Turns annotations into encoders and decoders when the application is built."""

    def encoder(self, annotation: object, /) -> Encoder:
        """Return the encoder for values of the annotated type; raise TypeError if it cannot be encoded."""
        ...

    def decoder(self, annotation: object, /) -> Decoder:
        """Return the decoder for the annotated type; raise TypeError if it cannot be decoded."""
        ...


def reader_of(decode: Decoder, /) -> Callable[[Message], Any]:
    """Return a decoder that takes a message; whatever the codec raises becomes a DecodeError."""

    def value(message: Message) -> object:
        try:
            return decode(message.body, message.headers)
        except MessagingError:
            raise
        except Exception as error:
            raise DecodeError(f"{type(error).__name__}: {error}") from error

    return value
