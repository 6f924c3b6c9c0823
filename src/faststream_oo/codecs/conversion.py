"""The converter of `JsonCodec`: cattrs with strict scalars and every type of the standard library that JSON can hold."""

from collections.abc import Set as AbstractSet
from types import UnionType
from typing import Any, Union, get_origin

from cattrs import Converter
from cattrs.dispatch import StructureHook, UnstructureHook

from faststream_oo.codecs.kinds import name_of
from faststream_oo.codecs.scalars import register_scalars
from faststream_oo.codecs.shapes import register_shapes
from faststream_oo.codecs.unions import register_unions


class JsonConverter(Converter):
    """A cattrs converter whose copies are like it: they refuse the same types, and keep hooks of unions."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options["unstructure_fallback_factory"] = _cannot_encode
        super().__init__(*args, **options)

    def register_structure_hook(self, cl: Any, func: StructureHook | None = None) -> Any:
        """Register a hook for a type, as cattrs does; one of a union survives `copy` too."""
        if func is None:
            return super().register_structure_hook(cl)
        if get_origin(cl) in {Union, UnionType}:
            return self.register_structure_hook_func(lambda kind: kind == cl, func)
        return super().register_structure_hook(cl, func)


def make_converter(*, forbid_extra_keys: bool = False) -> Converter:
    """Return the converter of `JsonCodec`, to register hooks on before it is given to one.

    Scalars are strict: an int is never made of text, of 5.0 or of true; a float is also read from an int. `datetime`,
    `date` and `time` are ISO 8601, `timedelta` is seconds, `bytes` are base64, `Decimal` is text (and read from numbers of
    up to 15 digits), UUID, IP addresses and paths are text; NaN and infinities are refused. Tuples, sets and NamedTuples
    are arrays.

    Args:
        forbid_extra_keys: Refuse objects with fields that their class does not have, instead of ignoring them.
    """
    converter = JsonConverter(forbid_extra_keys=forbid_extra_keys, unstruct_collection_overrides={AbstractSet: list})
    register_scalars(converter)
    register_shapes(converter)
    register_unions(converter)
    converter.register_structure_hook_func(_is_object, lambda value, _: value)
    converter.register_unstructure_hook_factory(_is_object, _object_out)
    return converter


def _is_object(kind: Any) -> bool:
    return kind is object


def _object_out(_: Any, converter: Converter) -> UnstructureHook:
    def unstructure(value: object) -> object:
        if value.__class__ is object:
            raise TypeError("JsonCodec cannot encode object()")
        return converter.unstructure(value)

    return unstructure


def _cannot_encode(kind: Any) -> UnstructureHook:
    raise TypeError(f"JsonCodec cannot encode {name_of(kind)}")
