"""The codec that brokers have by default: JSON by orjson and cattrs."""

from collections.abc import Mapping, Sequence
from inspect import isabstract
from types import MappingProxyType, NoneType
from typing import Any

from cattrs import Converter

from faststream_oo.codec import Codec, Decoder, Encoder, LeanDecoder, unless_empty
from faststream_oo.codecs.contracts import ContractDecoder, may_have_contracts, targets
from faststream_oo.codecs.conversion import make_converter
from faststream_oo.codecs.kinds import class_of, expanded, is_record, members
from faststream_oo.codecs.reader import Reader
from faststream_oo.codecs.unions import ambiguous
from faststream_oo.codecs.writer import Writers
from faststream_oo.errors import DecodeError
from faststream_oo.markers import declared_contract

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class JsonCodec(Codec):
    """JSON by cattrs, checked strictly; what is wrong is told with its place.

    `bytes` bodies pass untouched, `str` bodies are UTF-8 text, an empty body is None; of a repeated key in an object the
    last counts. A `contract` class tells its name and version in the header `fsoo-type`; by it the member of a union or
    a subclass is chosen, and documents of older versions are upcast.

    Args:
        converter: From `make_converter`, with hooks of yours; those registered later have no effect.
    """

    def __init__(self, converter: Converter | None = None) -> None:
        base = make_converter() if converter is None else converter
        self._fast = base.copy(detailed_validation=False)
        self._detailed = base.copy(detailed_validation=True)

    def encoder(self, annotation: object, /) -> Encoder:
        """Return the encoder for values of the annotated type.

        Raises:
            TypeError: The type, or a type within it, cannot be encoded.
        """
        kinds = [kind for kind in members(annotation) if kind is not NoneType]
        return Writers(kinds, self._fast).encoder()

    def decoder(self, annotation: object, /) -> Decoder:
        """Return the decoder for the annotated type.

        Raises:
            TypeError: The type, or a type within it, cannot be decoded, or members of a union cannot be told apart.
        """
        several = members(annotation)
        kinds = [kind for kind in several if kind is not NoneType]
        if not kinds:
            return _none
        decode = self._decoder(expanded(annotation), kinds)
        if len(kinds) == len(several) and class_of(annotation) not in {Any, object}:
            return decode
        return unless_empty(decode, None)

    def _decoder(self, annotation: Any, kinds: Sequence[Any]) -> Decoder:
        classes = [class_of(kind) for kind in kinds]
        if classes == [bytes]:
            return _lean(_raw)
        if classes == [str]:
            return _lean(_text)
        if bytes in classes:
            raise ambiguous(kinds)
        if classes in ([Any], [object]):
            return _by_content_type(self._reader(object).decoder())
        return self._one(annotation, kinds[0]) if len(kinds) == 1 else self._several(annotation, kinds)

    def _one(self, annotation: Any, kind: Any) -> Decoder:
        cls = class_of(kind)
        if targets([kind]):
            # A base that is abstract, or no record, is only there for its subclasses.
            itself = not isabstract(cls) and (is_record(cls) or declared_contract(cls) is not None)
            return ContractDecoder([kind], self._reader(annotation).decoder() if itself else None, self._reader)
        reader = self._reader(annotation)
        decode = reader.decoder()
        if not may_have_contracts(kind):
            return decode
        # A subclass may come with a contract at any time, later than the codec.
        return reader.decoder_unless(cls.__subclasses__, ContractDecoder([kind], decode, self._reader))

    def _several(self, annotation: Any, kinds: Sequence[Any]) -> Decoder:
        declared = [declared_contract(class_of(kind)) for kind in kinds]
        if None not in declared:
            if len(set(declared)) < len(declared):
                raise ambiguous(kinds)
            return ContractDecoder(kinds, None, self._reader)
        decode = self._reader(annotation).decoder()
        return ContractDecoder(kinds, decode, self._reader) if targets(kinds) else decode

    def _reader(self, annotation: Any) -> Reader:
        return Reader(annotation, self._fast, self._detailed)


def _lean(decode: Decoder) -> LeanDecoder:
    """Return a decoder that reads no header as one that asks for none."""
    return LeanDecoder(decode, lambda message: decode(message.body, _NO_HEADERS))


def _none(body: bytes, _: Mapping[str, str]) -> object:
    if body.strip() in {b"", b"null"}:
        return None
    raise DecodeError("expected null")


def _raw(body: bytes, _: Mapping[str, str]) -> object:
    return body


def _text(body: bytes, _: Mapping[str, str]) -> object:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"expected text in UTF-8: {error.reason} at byte {error.start}") from error


def _by_content_type(decode: Decoder) -> Decoder:
    """Return what gives a body of any kind as what it was before `JsonCodec` encoded it."""

    def either(body: bytes, headers: Mapping[str, str]) -> object:
        kind = headers.get("content-type", "").partition(";")[0]
        if kind == "application/octet-stream":
            return body
        return _text(body, headers) if kind == "text/plain" else decode(body, headers)

    return either
