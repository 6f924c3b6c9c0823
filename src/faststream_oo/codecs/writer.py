"""Values of one annotation into bytes of JSON and their headers."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType, NoneType
from typing import Any

from cattrs import Converter
from orjson import dumps
from typing_extensions import is_typeddict

from faststream_oo.codec import Encoder
from faststream_oo.codecs.kinds import class_of, closed_values, is_closed, is_record, name_of
from faststream_oo.markers import declared_contract

_PLAIN: Mapping[str, str] = MappingProxyType({})
_TEXT: Mapping[str, str] = MappingProxyType({"content-type": "text/plain"})
_BYTES: Mapping[str, str] = MappingProxyType({"content-type": "application/octet-stream"})


class Writers(dict[type[object], Encoder]):
    """The encoder of each class of values, those of the annotation's members first.

    Args:
        kinds: Members of the annotation but None.
        converter: Its hooks make JSON of values.

    Raises:
        TypeError: There is no way to write a member, or something within it.
    """

    def __init__(self, kinds: Sequence[Any], converter: Converter) -> None:
        super().__init__({NoneType: _nothing})
        self._kinds = [kind for kind in kinds if kind not in {Any, object}]
        self._text_is_json = len(self._kinds) > 1
        self._converter = converter
        for kind in self._kinds:
            for cls in _classes_of(kind):
                # Of several members with one class, as list[A] | list[B], the class alone tells what is in them.
                self[cls] = self._compiled(cls if cls in self else kind)

    def __missing__(self, cls: type[object]) -> Encoder:
        """Compile for another class: a subclass of a record is written as itself, of anything else as the member."""
        bases = [kind for kind in self._kinds if not is_record(kind) and _is_subclass(cls, class_of(kind))]
        write = self[cls] = self._compiled(bases[0] if bases else cls)
        return write

    def encoder(self) -> Encoder:
        """Return the encoder for values of every member."""
        if len(self._kinds) == 1 and is_record(self._kinds[0]):
            return self._single(self._kinds[0])
        return lambda value: self[value.__class__](value)

    def _single(self, kind: Any) -> Encoder:
        """Return the encoder for one class, with everything it needs at hand."""
        cls, hook, headers = class_of(kind), unstructure_hook(kind, self._converter), _headers_of(kind)

        def encode(value: object) -> tuple[bytes, Mapping[str, str]]:
            if value.__class__ is cls:
                return dumps(hook(value)), headers
            return self[value.__class__](value)

        return encode

    def _compiled(self, kind: Any) -> Encoder:
        cls = class_of(kind)
        if cls is bytes:
            return _unchanged
        if cls is str and not self._text_is_json:
            return _text
        hook, headers = unstructure_hook(kind, self._converter), _headers_of(kind)
        return lambda value: (dumps(hook(value)), headers)


def unstructure_hook(kind: Any, converter: Converter, /) -> Any:
    """Return cattrs' hook for a type; raise TypeError for what cannot be encoded."""
    try:
        return converter.get_unstructure_hook(kind)
    except NameError as error:
        raise TypeError(f"JsonCodec cannot encode {name_of(kind)}: {error}") from error


def _classes_of(kind: Any) -> set[Any]:
    """Return the classes that values of a member have, as far as the annotation tells."""
    if is_closed(kind):
        return {type(value) for value in closed_values(kind)} if not isinstance(kind, type) else {kind}
    cls = class_of(kind)
    return {dict} if is_typeddict(cls) else {cls}


def _is_subclass(cls: type[object], base: Any) -> bool:
    return isinstance(base, type) and not is_typeddict(base) and issubclass(cls, base)


def _headers_of(kind: Any) -> Mapping[str, str]:
    found = declared_contract(class_of(kind))
    return _PLAIN if found is None else MappingProxyType({"fsoo-type": found.wire})


def _nothing(_: object) -> tuple[bytes, Mapping[str, str]]:
    return b"", _PLAIN


def _unchanged(value: Any) -> tuple[bytes, Mapping[str, str]]:
    return value, _BYTES


def _text(value: Any) -> tuple[bytes, Mapping[str, str]]:
    return value.encode(), _TEXT
