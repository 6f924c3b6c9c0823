"""Arrays and objects of JSON: cattrs' own hooks behind a check that it is an array, or an object, at all."""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, MutableSequence, MutableSet, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import MISSING, fields
from functools import update_wrapper
from inspect import isabstract
from types import GenericAlias, MappingProxyType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

import attrs
from cattrs import Converter
from cattrs.cols import list_structure_factory
from cattrs.dispatch import StructureHook, UnstructureHook
from orjson import dumps, loads
from typing_extensions import is_typeddict

from faststream_oo.codecs.kinds import class_of, is_record, name_of, natural
from faststream_oo.codecs.report import expected

_ARRAYS: Mapping[object, Callable[[list[Any]], Any] | None] = MappingProxyType({
    list: None,
    MutableSequence: None,
    Iterable: tuple,
    Collection: tuple,
    Sequence: tuple,
    tuple: tuple,
    set: set,
    MutableSet: set,
    AbstractSet: frozenset,
    frozenset: frozenset,
    deque: deque,
})  # fmt: skip
"""What is made of an array's items; None leaves the list."""


def register_shapes(converter: Converter, /) -> None:
    """Register the hooks of arrays and objects: collections, tuples, mappings, TypedDict, attrs and dataclasses."""
    converter.register_structure_hook_factory(_is_array, _array)
    converter.register_structure_hook_factory(_is_row, _row)
    converter.register_structure_hook_factory(_is_mapping, _mapping)
    converter.register_structure_hook_factory(lambda kind: is_typeddict(class_of(kind)), _typed_dict)
    converter.register_structure_hook_factory(is_record, _record)
    converter.register_unstructure_hook_factory(lambda kind: isinstance(kind, TypeVar), _anything_out)
    converter.register_unstructure_hook_factory(_is_array, _items_out)
    converter.register_unstructure_hook_factory(_is_mapping, _entries_out)
    converter.register_unstructure_hook_factory(_is_named_tuple, _columns_out)


def _is_array(kind: Any) -> bool:
    return class_of(kind) in _ARRAYS and not _is_row(kind)


def _is_row(kind: Any) -> bool:
    return get_origin(kind) is tuple and Ellipsis not in get_args(kind)


def _is_mapping(kind: Any) -> bool:
    cls = class_of(kind)
    return isinstance(cls, type) and not is_typeddict(cls) and issubclass(cls, Mapping)


def _array(kind: Any, converter: Converter) -> StructureHook:
    items = list_structure_factory(kind, converter)
    build = _ARRAYS[class_of(kind)]

    def structure(value: Any, _: Any) -> Any:
        if value.__class__ is not list:
            raise expected("array", value)
        return items(value, kind) if build is None else build(items(value, kind))

    return structure


def _row(kind: Any, converter: Converter) -> StructureHook:
    compile_inner(get_args(kind), converter)
    columns = converter.gen_structure_hetero_tuple(kind)
    size = len(get_args(kind))

    def structure(value: Any, _: Any) -> Any:
        if value.__class__ is not list:
            raise expected("array", value)
        if len(value) != size:
            raise ValueError(f"expected array of {size}, got {len(value)}")
        return columns(value, kind)

    return structure


def _mapping(kind: Any, converter: Converter) -> StructureHook:
    key_type, value_type = _entry_types(kind)
    compile_inner((key_type, value_type), converter)
    entries = converter.gen_structure_mapping(GenericAlias(dict, (Any, value_type)))
    read_key = _key_reader(key_type, converter)
    build = _mapping_maker(class_of(kind), value_type)

    def structure(value: Any, _: Any) -> Any:
        if value.__class__ is not dict:
            raise expected("object", value)
        found = entries(value, kind)
        if read_key is not None:
            found = {read_key(key): item for key, item in found.items()}
        return found if build is None else build(found)

    return structure


def _entry_types(kind: Any) -> tuple[Any, Any]:
    types = get_args(kind) or (Any, Any)
    return (types[0], types[1]) if len(types) == 2 else (types[0], int)  # Counter has one


def _mapping_maker(cls: Any, value_type: Any) -> Callable[[dict[Any, Any]], Any] | None:
    if cls is dict or isabstract(cls):
        return None
    if cls is defaultdict:
        return lambda found: defaultdict(class_of(value_type), found)
    return cast(Callable[[dict[Any, Any]], Any], cls)


def _key_reader(key_type: Any, converter: Converter) -> Callable[[str], Any] | None:
    """Return what turns the text of a key into the annotated type: by its own hook, numbers as JSON."""
    if key_type in {Any, object, str}:
        return None
    hook = converter.get_structure_hook(key_type)
    kinds = set(natural(key_type))
    if kinds == {str}:
        return lambda key: hook(key, key_type)
    if not kinds or not kinds <= {int, float, bool}:
        raise TypeError(f"JSON has no keys of {name_of(key_type)}")

    def read(key: str) -> Any:
        try:
            number = loads(key)
        except ValueError:
            raise expected(f"{name_of(key_type)} as a key", key) from None
        return hook(number, key_type)

    return read


def compile_inner(kinds: Iterable[Any], converter: Converter, /) -> None:
    """Compile types within a type: one of a class that is being compiled just now shall not hide one without a hook."""
    for kind in kinds:
        with suppress(RecursionError):  # how cattrs tells of such a class, to find its hook later
            converter.get_structure_hook(kind)


def _typed_dict(kind: Any, converter: Converter) -> StructureHook:
    return _object(kind, cast(Any, converter).gen_structure_typeddict(kind))


def _record(kind: Any, converter: Converter) -> StructureHook:
    structure = converter.gen_structure_attrs_fromdict(kind)
    # What is no object has no item of that name: without a required field that must be looked at first.
    if not converter.detailed_validation and _has_required_field(class_of(kind)):
        return structure
    return _object(kind, structure)


def _has_required_field(cls: Any) -> bool:
    if attrs.has(cls):
        return any(field.init and field.default is attrs.NOTHING for field in attrs.fields(cls))
    return any(field.init and field.default is field.default_factory is MISSING for field in fields(cls))


def _object(kind: Any, inner: StructureHook) -> StructureHook:
    def structure(value: Any, _: Any) -> Any:
        if value.__class__ is not dict:
            raise expected("object", value)
        return inner(value, kind)

    # Keeps `overrides`, which cattrs reads there to tell classes apart.
    return update_wrapper(structure, inner)


def _anything_out(_: Any, converter: Converter) -> UnstructureHook:
    return converter.unstructure


def _items_out(kind: Any, converter: Converter) -> UnstructureHook:
    unchanged = converter.get_unstructure_hook(str)
    hook = hook_out(get_args(kind)[0] if get_args(kind) else Any, converter)
    if hook is unchanged:
        return unchanged if class_of(kind) in {list, tuple} else list
    return lambda items: [hook(item) for item in items]


def _entries_out(kind: Any, converter: Converter) -> UnstructureHook:
    unchanged = converter.get_unstructure_hook(str)
    key_type, value_type = _entry_types(kind)
    hook = hook_out(value_type, converter)
    if key_type is str:
        if hook is unchanged:
            return unchanged if class_of(kind) is dict else dict
        return lambda entries: {key: hook(value) for key, value in entries.items()}
    key_hook = hook_out(key_type, converter)
    return lambda entries: {_key_text(key, key_hook): hook(value) for key, value in entries.items()}


def hook_out(kind: Any, converter: Converter, /) -> UnstructureHook:
    """Return the unstructuring hook of an inner type, found later when it is being compiled just now."""
    try:
        return converter.get_unstructure_hook(kind)
    except RecursionError:  # how cattrs tells that this class is being compiled
        return converter.unstructure


def _key_text(key: Any, hook: UnstructureHook) -> str:
    if key.__class__ is str:
        return key
    text = dumps(hook(key))
    found = loads(text)
    if isinstance(found, list | dict):
        raise TypeError(f"JSON has no keys of {name_of(type(key))}")
    return found if isinstance(found, str) else text.decode()


def _is_named_tuple(kind: Any) -> bool:
    cls: type[Any] | object = class_of(kind)
    return isinstance(cls, type) and tuple in cls.__mro__ and hasattr(cls, "_fields")


def _columns_out(kind: Any, converter: Converter) -> UnstructureHook:
    """A NamedTuple as an array; orjson writes no subclass of tuple."""
    hints = get_type_hints(class_of(kind))
    hooks = [converter.get_unstructure_hook(hints.get(name, object)) for name in class_of(kind)._fields]
    return lambda value: [hook(column) for hook, column in zip(hooks, value, strict=True)]
