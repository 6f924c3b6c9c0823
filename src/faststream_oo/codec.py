"""Bytes to object and back; compiled once for each annotation."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from faststream_oo.errors import DecodeError, MessagingError
from faststream_oo.message import Message

Encoder: TypeAlias = Callable[[object], tuple[bytes, Mapping[str, str]]]
"""Object to its bytes and headers, `content-type` among them."""

Decoder: TypeAlias = Callable[[bytes, Mapping[str, str]], object]
"""Bytes and headers to object; whatever it raises becomes a `DecodeError`."""


class LeanDecoder:
    """A decoder that asks a message for its headers only where they tell something: mostly they need not be made.

    Args:
        decode: Decodes a body by its headers.
        of: Does the same with a message; raises nothing but `DecodeError`.
    """

    __slots__ = ("_decode", "of")

    def __init__(self, decode: Decoder, of: Callable[[Message], object]) -> None:
        self._decode = decode
        self.of = of

    def __call__(self, body: bytes, headers: Mapping[str, str], /) -> object:
        """Return the object."""
        return self._decode(body, headers)


def unless_empty(decode: Decoder, instead: object, /) -> Decoder:
    """Return a decoder that gives something else for an empty body."""

    def either(body: bytes, headers: Mapping[str, str]) -> object:
        return decode(body, headers) if body else instead

    if not isinstance(decode, LeanDecoder):
        return either
    of = decode.of
    return LeanDecoder(either, lambda message: of(message) if message.body else instead)


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
    if isinstance(decode, LeanDecoder):
        return decode.of

    def value(message: Message) -> object:
        try:
            return decode(message.body, message.headers)
        except MessagingError:
            raise
        except Exception as error:
            raise DecodeError(f"{type(error).__name__}: {error}") from error

    return value
