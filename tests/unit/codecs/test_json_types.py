"""What `JsonCodec` writes and reads, type by type."""

import socket
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag, StrEnum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Annotated, Any, Final, Generic, Literal, NamedTuple, NewType, NotRequired, TypedDict, TypeVar
from uuid import UUID

import attrs
import pytest
from attrs import define, frozen
from typing_extensions import TypeAliasType

from faststream_oo.codecs import JsonCodec

T = TypeVar("T")

OrderId = NewType("OrderId", str)
OrderIds = TypeAliasType("OrderIds", list[int])


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Size(StrEnum):
    S = "s"
    L = "l"


class Rights(IntFlag):
    READ = 1
    WRITE = 2


class Mixed(Enum):
    ONE = 1
    TRUE = True + 1
    TEXT = "1"


@frozen
class Line:
    sku: str
    price: float


@frozen
class Order:
    order_id: OrderId
    lines: list[Line]
    colour: Colour = Colour.RED
    note: str | None = None


@dataclass
class Parcel:
    weight: float
    lines: list[Line] = field(default_factory=list)


class Row(NamedTuple):
    id: int
    at: date


class Options(TypedDict):
    size: Size
    line: NotRequired[Line]


@frozen
class Page(Generic[T]):
    items: list[T]
    next: T | None = None


@define
class Node:
    value: int
    children: "list[Node]" = attrs.field(factory=list)
    parent: "Node | None" = None


class Tree(TypedDict):
    name: str
    below: "list[Tree]"


ROUND_TRIPS: list[tuple[Any, object, bytes]] = [
    (int, 5, b"5"),
    (float, 5.0, b"5.0"),
    (bool, True, b"true"),
    (list[str], ["a", "ü"], '["a","ü"]'.encode()),
    (list[Line], [Line("a", 1.5)], b'[{"sku":"a","price":1.5}]'),
    (list[Any], [1, "a", None, {"b": [2.5]}], b'[1,"a",null,{"b":[2.5]}]'),
    (list, [1, "a"], b'[1,"a"]'),
    (tuple[int, str], (1, "a"), b'[1,"a"]'),
    (tuple[int, ...], (1, 2), b"[1,2]"),
    (tuple[()], (), b"[]"),
    (tuple[Line, ...], (Line("a", 1.5),), b'[{"sku":"a","price":1.5}]'),
    (set[int], {1}, b"[1]"),
    (frozenset[Line], frozenset({Line("a", 1.5)}), b'[{"sku":"a","price":1.5}]'),
    (AbstractSet[int], frozenset({1}), b"[1]"),
    (deque[int], deque([1, 2]), b"[1,2]"),
    (Sequence[int], (1, 2), b"[1,2]"),
    (Collection[int], (1, 2), b"[1,2]"),
    (Iterable[int], (1, 2), b"[1,2]"),
    (MutableSequence[int], [1, 2], b"[1,2]"),
    (dict[str, int], {"a": 1}, b'{"a":1}'),
    (dict, {"a": [1]}, b'{"a":[1]}'),
    (dict[str, Any], {"a": {"b": None}}, b'{"a":{"b":null}}'),
    (Mapping[str, Line], {"a": Line("a", 1.5)}, b'{"a":{"sku":"a","price":1.5}}'),
    (MutableMapping[str, int], {"a": 1}, b'{"a":1}'),
    (OrderedDict[str, int], OrderedDict(a=1), b'{"a":1}'),
    (defaultdict[int, list[int]], defaultdict(list, {1: [2]}), b'{"1":[2]}'),
    (Counter[str], Counter("aab"), b'{"a":2,"b":1}'),
    (dict[int, str], {1: "a"}, b'{"1":"a"}'),
    (dict[float, str], {1.5: "a"}, b'{"1.5":"a"}'),
    (dict[bool, str], {True: "a"}, b'{"true":"a"}'),
    (dict[Colour, int], {Colour.RED: 1}, b'{"red":1}'),
    (dict[Level, int], {Level.LOW: 1}, b'{"1":1}'),
    (dict[Size, int], {Size.S: 1}, b'{"s":1}'),
    (dict[Literal["a", "b"], int], {"a": 1}, b'{"a":1}'),
    (dict[OrderId, int], {OrderId("o"): 1}, b'{"o":1}'),
    (dict[date, int], {date(2026, 1, 2): 1}, b'{"2026-01-02":1}'),
    (dict[Decimal, int], {Decimal("1.50"): 1}, b'{"1.50":1}'),
    (dict[UUID, int], {UUID(int=1): 1}, b'{"00000000-0000-0000-0000-000000000001":1}'),
    (Order, Order(OrderId("o"), [Line("a", 1.5)]), b'{"order_id":"o","lines":[{"sku":"a","price":1.5}],"colour":"red","note":null}'),
    (Parcel, Parcel(1.5, [Line("a", 2.0)]), b'{"weight":1.5,"lines":[{"sku":"a","price":2.0}]}'),
    (Row, Row(1, date(2026, 1, 2)), b'[1,"2026-01-02"]'),
    (Options, {"size": Size.S, "line": Line("a", 1.5)}, b'{"size":"s","line":{"sku":"a","price":1.5}}'),
    (Options, {"size": Size.S}, b'{"size":"s"}'),
    (Page[Line], Page([Line("a", 1.5)]), b'{"items":[{"sku":"a","price":1.5}],"next":null}'),
    (Page[int], Page([1], 2), b'{"items":[1],"next":2}'),
    (Node, Node(1, [Node(2)]), b'{"value":1,"children":[{"value":2,"children":[],"parent":null}],"parent":null}'),
    (Tree, {"name": "a", "below": [{"name": "b", "below": []}]}, b'{"name":"a","below":[{"name":"b","below":[]}]}'),
    (Colour, Colour.BLUE, b'"blue"'),
    (Level, Level.HIGH, b"2"),
    (Size, Size.L, b'"l"'),
    (Rights, Rights.READ | Rights.WRITE, b"3"),
    (Mixed, Mixed.TEXT, b'"1"'),
    (Mixed, Mixed.ONE, b"1"),
    (Literal["a", 1] | None, 1, b"1"),
    (Literal["a", 1] | None, "a", b'"a"'),
    (Literal[Colour.RED], Colour.RED, b'"red"'),
    (datetime, datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), b'"2026-01-02T03:04:05.000006+00:00"'),
    (datetime, datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(-timedelta(hours=3))), b'"2026-01-02T03:04:05-03:00"'),
    (datetime, datetime(2026, 1, 2), b'"2026-01-02T00:00:00"'),  # noqa: DTZ001 - naive stays naive
    (date, date(2026, 1, 2), b'"2026-01-02"'),
    (time, time(3, 4, 5), b'"03:04:05"'),
    (time, time(3, 4, tzinfo=UTC), b'"03:04:00+00:00"'),
    (timedelta, timedelta(minutes=1, milliseconds=1), b"60.001"),
    (Decimal, Decimal("1.10"), b'"1.10"'),
    (UUID, UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
    (IPv4Address, IPv4Address("127.0.0.1"), b'"127.0.0.1"'),
    (IPv6Address, IPv6Address("::1"), b'"::1"'),
    (Path, Path("/a/b"), b'"/a/b"'),
    (PurePosixPath, PurePosixPath("a/b"), b'"a/b"'),
    (list[bytes], [b"\x00\xff"], b'["AP8="]'),
    (OrderId | None, OrderId("o"), b"o"),
    (Annotated[int, "metres"], 5, b"5"),
    (OrderIds, [1], b"[1]"),
    (Line | None, Line("a", 1.5), b'{"sku":"a","price":1.5}'),
    (str, "grüß", "grüß".encode()),
    (str, "", b""),
    (bytes, b"\x00\xff", b"\x00\xff"),
    (bytes, b"", b""),
    (bytes | None, b"\x00", b"\x00"),
    (int | None, None, b""),
    (None, None, b""),
]  # fmt: skip


@pytest.fixture(name="codec", scope="module")
def made_codec() -> JsonCodec:
    return JsonCodec()


@pytest.mark.parametrize(("annotation", "value", "body"), ROUND_TRIPS, ids=lambda one: str(one)[:40])
def test_value_is_written_and_read_back(codec: JsonCodec, annotation: Any, value: object, body: bytes) -> None:
    encoded, headers = codec.encoder(annotation)(value)
    decoded = codec.decoder(annotation)(encoded, headers)

    assert encoded == body
    assert decoded == value
    assert type(decoded) is type(value)


@pytest.mark.parametrize(
    "value",
    [5, 1.5, True, [1, {"a": None}], {"a": 1}, "text", b"\xff", None, ""],
    ids=repr,
)
@pytest.mark.parametrize("annotation", [object, Any])
def test_object_takes_whatever_was_encoded(codec: JsonCodec, annotation: Any, value: object) -> None:
    """Text and bytes come back by their content type; empty text is nothing, as an empty body always is."""
    body, headers = codec.encoder(annotation)(value)

    assert codec.decoder(annotation)(body, headers) == (value or None if value == "" else value)


def test_object_writes_values_of_any_class(codec: JsonCodec) -> None:
    assert codec.encoder(object)(Line("a", 1.5)) == (b'{"sku":"a","price":1.5}', {})
    assert codec.encoder(list[object])([Line("a", 1.5), Colour.RED]) == (b'[{"sku":"a","price":1.5},"red"]', {})


def test_field_of_object_takes_any_json(codec: JsonCodec) -> None:
    @frozen
    class Loose:
        value: object

    assert codec.decoder(Loose)(b'{"value": [1, "a"]}', {}) == Loose([1, "a"])
    assert codec.encoder(Loose)(Loose({"a": UUID(int=1)}))[0] == (
        b'{"value":{"a":"00000000-0000-0000-0000-000000000001"}}'
    )


def test_kind_of_body_is_in_the_headers(codec: JsonCodec) -> None:
    assert codec.encoder(bytes)(b"a")[1] == {"content-type": "application/octet-stream"}
    assert codec.encoder(str)("a")[1] == {"content-type": "text/plain"}
    assert codec.encoder(Line)(Line("a", 1.5))[1] == {}
    assert codec.encoder(Line | None)(None)[1] == {}


def test_headers_are_the_same_object_each_time(codec: JsonCodec) -> None:
    encode = codec.encoder(Line)

    assert encode(Line("a", 1.5))[1] is encode(Line("b", 1.5))[1]


def test_bytes_are_not_copied(codec: JsonCodec) -> None:
    body = b"abc"

    assert codec.encoder(bytes)(body)[0] is body
    assert codec.decoder(bytes)(body, {}) is body


def test_none_is_an_empty_body_whatever_the_annotation(codec: JsonCodec) -> None:
    for annotation in (Line, list[int], str, bytes, int | str):
        assert codec.encoder(annotation)(None) == (b"", {})


@pytest.mark.parametrize("annotation", [Line | None, list[int] | None, int | str | None, None])
def test_optional_reads_an_empty_body_and_null_as_none(codec: JsonCodec, annotation: Any) -> None:
    assert codec.decoder(annotation)(b"", {}) is None
    assert codec.decoder(annotation)(b"null", {}) is None


def test_optional_text_reads_an_empty_body_as_none(codec: JsonCodec) -> None:
    assert codec.decoder(str | None)(b"", {}) is None
    assert codec.decoder(bytes | None)(b"", {}) is None


def test_int_is_read_where_a_float_is_annotated(codec: JsonCodec) -> None:
    decoded = codec.decoder(float)(b"5", {})

    assert decoded == 5.0
    assert type(decoded) is float


@pytest.mark.parametrize(("body", "value"), [(b"5", "5"), (b"1.10", "1.1"), (b'"1.10"', "1.10"), (b"1e3", "1000.0")])
def test_decimal_is_read_from_text_and_exact_numbers(codec: JsonCodec, body: bytes, value: str) -> None:
    assert str(codec.decoder(Decimal)(body, {})) == value


def test_datetime_is_read_from_zulu_time(codec: JsonCodec) -> None:
    assert codec.decoder(datetime)(b'"2026-01-02T03:04:05Z"', {}) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_final_and_defaults(codec: JsonCodec) -> None:
    @frozen
    class Settings:
        size: Final[int] = 5
        names: list[str] = attrs.field(factory=list)

    assert codec.decoder(Settings)(b"{}", {}) == Settings()
    assert codec.decoder(Settings)(b'{"size": 6, "names": ["a"]}', {}) == Settings(6, ["a"])


def test_enum_finds_missing_members_its_own_way(codec: JsonCodec) -> None:
    class Mood(Enum):
        GOOD = "good"
        OTHER = "other"

        @classmethod
        def _missing_(cls, value: object) -> "Mood":
            return cls.OTHER

    assert codec.decoder(Mood)(b'"unheard"', {}) is Mood.OTHER


def test_subclass_is_encoded_as_itself(codec: JsonCodec) -> None:
    @frozen
    class Discounted(Line):
        percent: int

    body, _ = codec.encoder(Line)(Discounted("a", 1.5, 10))

    assert body == b'{"sku":"a","price":1.5,"percent":10}'


def test_mapping_proxy_is_encoded_as_a_mapping(codec: JsonCodec) -> None:
    assert codec.encoder(Mapping[str, int])(MappingProxyType({"a": 1}))[0] == b'{"a":1}'


def test_base_of_texts_and_numbers_is_not_lost(codec: JsonCodec) -> None:
    class Sku(str):
        __slots__ = ()

    @frozen
    class Item:
        sku: Sku

    decoded = codec.decoder(Item)(b'{"sku": "a"}', {})

    assert isinstance(decoded, Item)
    assert type(decoded.sku) is Sku


def test_unbound_generic_is_encoded_by_what_it_holds(codec: JsonCodec) -> None:
    assert codec.encoder(Page)(Page([Line("a", 1.5)]))[0] == b'{"items":[{"sku":"a","price":1.5}],"next":null}'


# What cannot be done is told when it is compiled ----------------------------------------------------------------------


@frozen
class Holder:
    value: int
    inner: socket.socket


class Handles(TypedDict):
    handle: socket.socket


class HandleRow(NamedTuple):
    handle: socket.socket


class Awkward(Enum):
    PAIR = (1, 2)


@pytest.mark.parametrize(
    "annotation",
    [
        socket.socket,
        list[socket.socket],
        set[socket.socket],
        dict[str, socket.socket],
        dict[socket.socket, int],
        tuple[int, socket.socket],
        tuple[socket.socket, ...],
        socket.socket | None,
        int | socket.socket | list[int],
        Holder,
        list[Holder],
        Page[Holder],
        Handles,
        HandleRow,
        list[HandleRow],
    ],
    ids=str,
)
def test_unsupported_type_is_refused_wherever_it_stands(codec: JsonCodec, annotation: Any) -> None:
    with pytest.raises(TypeError, match=r"^JsonCodec cannot decode socket\.socket"):
        codec.decoder(annotation)
    with pytest.raises(TypeError, match=r"^JsonCodec cannot encode socket\.socket"):
        codec.encoder(annotation)


def test_unsupported_type_in_a_recursive_class_is_refused(codec: JsonCodec) -> None:
    @define
    class Loop:
        pair: "tuple[Loop, socket.socket]"

    attrs.resolve_types(Loop, {"Loop": Loop, "socket": socket})

    with pytest.raises(TypeError, match=r"cannot decode socket\.socket in .*Loop"):
        codec.decoder(Loop)


def test_name_that_is_not_defined_is_refused(codec: JsonCodec) -> None:
    @frozen
    class Lost:
        value: "Missing"  # type: ignore[name-defined]  # noqa: F821 - that is the mistake

    with pytest.raises(TypeError, match=r"cannot decode .*Lost: name 'Missing' is not defined"):
        codec.decoder(Lost)
    with pytest.raises(TypeError, match=r"cannot encode .*Lost: name 'Missing' is not defined"):
        codec.encoder(Lost)


def test_generic_without_its_argument_is_refused(codec: JsonCodec) -> None:
    with pytest.raises(TypeError, match=r"cannot decode T in .*Page"):
        codec.decoder(Page)


def test_key_that_is_no_scalar_is_refused(codec: JsonCodec) -> None:
    with pytest.raises(TypeError, match="JSON has no keys of tuple"):
        codec.decoder(dict[tuple[int, int], str])
    with pytest.raises(TypeError, match="JSON has no keys of tuple"):
        codec.encoder(dict[tuple[int, int], str])({(1, 2): "a"})


def test_enum_of_other_values_than_scalars_is_refused(codec: JsonCodec) -> None:
    with pytest.raises(TypeError, match=r"cannot decode .*Awkward: \(1, 2\) is no scalar of JSON"):
        codec.decoder(Awkward)


# What JSON cannot hold is told when it is encoded ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), 2**64, "\ud800", Decimal("NaN"), object()]
)
def test_value_that_json_cannot_hold_is_refused(codec: JsonCodec, value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        codec.encoder(list[object])([value])


def test_text_that_is_no_unicode_is_refused(codec: JsonCodec) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        codec.encoder(str)("\ud800")


def test_value_of_another_class_without_a_hook_is_refused(codec: JsonCodec) -> None:
    with socket.socket() as handle, pytest.raises(TypeError, match=r"cannot encode socket\.socket"):
        codec.encoder(Line)(handle)
