"""Bytes of JSON into one annotation: fast, and once more with care to tell what is wrong and where."""

from collections.abc import Callable, Mapping
from typing import Any

from cattrs import Converter
from cattrs.dispatch import StructureHook
from cattrs.errors import StructureHandlerNotFoundError
from orjson import JSONDecodeError, loads

from faststream_oo.codec import Decoder, LeanDecoder
from faststream_oo.codecs.kinds import name_of
from faststream_oo.codecs.report import located
from faststream_oo.errors import DecodeError
from faststream_oo.message import Message


class Reader:
    """Reads documents of one annotation.

    Args:
        annotation: What is read.
        fast: Its hooks stop at the first error, and do not know the place.
        detailed: Its hooks collect every error with its place.

    Raises:
        TypeError: There is no way to read the annotation, or something within it.
    """

    def __init__(self, annotation: Any, fast: Converter, detailed: Converter) -> None:
        self._annotation = annotation
        self._hook = structure_hook(annotation, fast)
        self._detailed = detailed

    def decoder(self) -> LeanDecoder:
        """Return the decoder, with everything it needs at hand; it asks for no headers."""
        hook, annotation, explained = self._hook, self._annotation, self._explained

        def decode(body: bytes, _: Mapping[str, str]) -> object:
            try:
                return hook(loads(body), annotation)
            except Exception as error:
                raise explained(body, error) from error

        def of(message: Message) -> object:
            try:
                return hook(loads(message.body), annotation)
            except Exception as error:
                raise explained(message.body, error) from error

        return LeanDecoder(decode, of)

    def decoder_unless(self, condition: Callable[[], object], other: Decoder, /) -> LeanDecoder:
        """Return the decoder that leaves it to another one, which needs headers, as soon as a condition holds."""
        hook, annotation, explained = self._hook, self._annotation, self._explained
        decode = self.decoder()

        def either(body: bytes, headers: Mapping[str, str]) -> object:
            return other(body, headers) if condition() else decode(body, headers)

        def of(message: Message) -> object:
            if condition():
                return other(message.body, message.headers)
            try:
                return hook(loads(message.body), annotation)
            except Exception as error:
                raise explained(message.body, error) from error

        return LeanDecoder(either, of)

    def structure(self, document: object, /) -> object:
        """Return a document that was read already as the annotated type; raise DecodeError."""
        try:
            return self._hook(document, self._annotation)
        except Exception as error:
            raise self._located(document, error) from error

    def _explained(self, body: bytes, error: Exception) -> DecodeError:
        return malformed(body, error) if isinstance(error, JSONDecodeError) else self._located(loads(body), error)

    def _located(self, document: object, error: Exception) -> DecodeError:
        try:
            self._detailed.structure(document, self._annotation)
        except Exception as detailed:  # noqa: BLE001 - it is the answer
            return located(detailed)
        return located(error)  # a hook of the user's that fails now and then


def document_of(body: bytes, /) -> object:
    """Return the JSON of a body; raise DecodeError."""
    try:
        return loads(body)
    except JSONDecodeError as error:
        raise malformed(body, error) from error


def malformed(body: bytes, error: Exception, /) -> DecodeError:
    """Return the error for bytes that are no JSON."""
    return DecodeError(f"malformed JSON: {error}" if body else "empty body")


def structure_hook(annotation: Any, converter: Converter, /) -> StructureHook:
    """Return cattrs' hook for an annotation; raise TypeError for what cannot be decoded."""
    try:
        return converter.get_structure_hook(annotation)
    except StructureHandlerNotFoundError as error:
        inner = name_of(error.type_)
        outer = name_of(annotation)
        raise TypeError(f"JsonCodec cannot decode {inner}{'' if inner == outer else f' in {outer}'}") from error
    except NameError as error:
        raise TypeError(f"JsonCodec cannot decode {name_of(annotation)}: {error}") from error
