"""What is wrong with a body is told with its place, and never as another error than DecodeError."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import attrs
import pytest
from attrs import define, field, frozen

from faststream_oo.codecs import JsonCodec, make_converter
from faststream_oo.errors import DecodeError


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1


class Switch(Enum):
    OFF = 0
    ON = 1


@frozen
class Item:
    sku: str
    price: float = 0.0


@frozen
class Order:
    id: int
    items: list[Item]
    prices: dict[str, Item] = attrs.field(factory=dict)


@frozen
class Lenient:
    """All of its fields have defaults: nothing fails by itself on what is no object."""

    note: str = ""
    inner: "Lenient | None" = None


class Options(TypedDict, total=False):
    size: int


class Row(NamedTuple):
    id: int
    name: str


@define
class Node:
    child: "Node | None" = None


def failure(codec: JsonCodec, annotation: Any, body: bytes) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        codec.decoder(annotation)(body, {})
    return caught.value


@pytest.fixture(name="codec", scope="module")
def made_codec() -> JsonCodec:
    return JsonCodec()


@pytest.mark.parametrize(
    ("annotation", "body", "message"),
    [
        (int, b'"5"', "expected int, got str '5'"),
        (int, b"5.7", "expected int, got float 5.7"),
        (int, b"5.0", "expected int, got float 5.0"),
        (int, b"true", "expected int, got bool True"),
        (int, b"null", "expected int, got null"),
        (int, b"[5]", "expected int, got array"),
        (int, b"123456789012345678901234567890", "expected int, got float 1.2345678901234568e+29"),
        (float, b'"5"', "expected float, got str '5'"),
        (float, b"true", "expected float, got bool True"),
        (bool, b"1", "expected bool, got int 1"),
        (bool, b'"no"', "expected bool, got str 'no'"),
        (list[str], b"[null]", "expected str, got null"),
        (list[str], b"[5]", "expected str, got int 5"),
        (list[str], b'"abc"', "expected array, got str 'abc'"),
        (list[str], b'{"a": 1}', "expected array, got object"),
        (set[int], b"5", "expected array, got int 5"),
        (tuple[int, int], b"[1]", "expected array of 2, got 1"),
        (tuple[int, int], b"{}", "expected array, got object"),
        (Row, b'{"id": 1, "name": "a"}', "expected array, got object"),
        (Row, b'[1, "a", 2]', "expected array of 2, got 3"),
        (dict[str, int], b"[]", "expected object, got array"),
        (dict[int, int], b'{"a": 1}', "expected int as a key, got str 'a'"),
        (dict[int, int], b'{"1.5": 1}', "expected int, got float 1.5"),
        (Options, b"[]", "expected object, got array"),
        (Item, b"null", "expected object, got null"),
        (Item, b'"sku"', "expected object, got str 'sku'"),
        (Lenient, b"[]", "expected object, got array"),
        (Lenient, b'"note"', "expected object, got str 'note'"),
        (Colour, b'"green"', "expected tests.unit.codecs.test_json_errors.Colour, got str 'green'"),
        (Colour, b"[]", "expected tests.unit.codecs.test_json_errors.Colour, got array"),
        (Switch, b"true", "expected tests.unit.codecs.test_json_errors.Switch, got bool True"),
        (Switch, b"1.0", "expected tests.unit.codecs.test_json_errors.Switch, got float 1.0"),
        (Level, b"true", "expected Level, got bool True"),
        (Literal["a", 1], b"true", "expected 'a' or 1, got bool True"),
        (Literal["a", 1], b'"b"', "expected 'a' or 1, got str 'b'"),
        (datetime, b'"today"', "expected datetime, got str 'today'"),
        (datetime, b'"2026-01-02"', "expected datetime, got str '2026-01-02'"),
        (datetime, b'"2026-13-02T00:00:00"', "expected datetime in ISO 8601, got str '2026-13-02T00:00:00'"),
        (datetime, b"1767312000", "expected datetime, got int 1767312000"),
        (date, b'"2026-02-30"', "expected date in ISO 8601, got str '2026-02-30'"),
        (time, b'"25:00"', "expected time in ISO 8601, got str '25:00'"),
        (timedelta, b'"5"', "expected seconds as a number, got str '5'"),
        (timedelta, b"1e300", "expected seconds of a timedelta, got float 1e+300"),
        (UUID, b'"5"', "expected UUID, got str '5'"),
        (UUID, b"5", "expected UUID, got int 5"),
        (Decimal, b'"much"', "expected Decimal, got str 'much'"),
        (Decimal, b'"NaN"', "expected Decimal, got str 'NaN'"),
        (Decimal, b"true", "expected Decimal, got bool True"),
        (Decimal, b"0.12345678901234567", "expected Decimal as text, got float 0.12345678901234566"),
        (list[bytes], b'["a"]', "expected base64, got str 'a'"),
        (list[bytes], b"[5]", "expected base64, got int 5"),
        (None, b"5", "expected null"),
    ],
    ids=str,
)
def test_wrong_kind_of_value_is_told(codec: JsonCodec, annotation: Any, body: bytes, message: str) -> None:
    assert str(failure(codec, annotation, body)).partition(" @ ")[0] == message


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        (b'{"id": "5", "items": []}', "$.id", "expected int, got str '5'"),
        (b'{"id": 1, "items": [{"sku": "a"}, {"sku": 5}]}', "$.items[1].sku", "expected str, got int 5"),
        (b'{"id": 1, "items": [{}]}', "$.items[0].sku", "required field missing"),
        (b"{}", "$.id", "required field missing"),
        (b'{"id": 1, "items": [5]}', "$.items[0]", "expected object, got int 5"),
        (b'{"id": 1, "items": [], "prices": {"EUR": {"sku": 1}}}', "$.prices.EUR.sku", "expected str, got int 1"),
        (b'{"id": 1, "items": [], "prices": {"a b": 1}}', "$.prices['a b']", "expected object, got int 1"),
        (b'{"id": 1, "items": {}}', "$.items", "expected array, got object"),
        (b"[]", "$", "expected object, got array"),
    ],
)
def test_place_of_the_problem_is_told(codec: JsonCodec, body: bytes, path: str, message: str) -> None:
    error = failure(codec, Order, body)

    assert error.path == path
    assert str(error) == f"{message} @ {path}"


def test_several_problems_are_told_in_the_order_of_the_class(codec: JsonCodec) -> None:
    assert failure(codec, Order, b'{"items": 5, "id": "5"}').path == "$.id"


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b'"\xff"', b"NaN", b"Infinity", b"1e999", b"\xef\xbb\xbf{}", b'"\\ud800"', b" "]
)
def test_unreadable_document_is_told_as_a_whole(codec: JsonCodec, body: bytes) -> None:
    error = failure(codec, Order, body)

    assert error.path == "$"
    assert str(error).startswith("malformed JSON: ")


@pytest.mark.parametrize("annotation", [int, Order, list[int], dict[str, int], int | str])
def test_empty_body_is_an_error_unless_none_is_allowed(codec: JsonCodec, annotation: Any) -> None:
    assert str(failure(codec, annotation, b"")) == "empty body @ $"


def test_text_is_utf_8(codec: JsonCodec) -> None:
    error = failure(codec, str, b"ab\xff")

    assert str(error) == "expected text in UTF-8: invalid start byte at byte 2 @ $"


def test_deep_nesting_is_an_error_of_the_message(codec: JsonCodec) -> None:
    body = b'{"child":' * 900 + b"null" + b"}" * 900

    assert str(failure(codec, Node, body)).startswith("nested too deeply @ $")
    assert failure(codec, list[Any], b"[" * 4000).path == "$"


def test_deep_document_that_fits_is_read(codec: JsonCodec) -> None:
    body = b'{"child":' * 100 + b"null" + b"}" * 100

    assert isinstance(codec.decoder(Node)(body, {}), Node)


def test_path_in_a_deep_document_is_whole(codec: JsonCodec) -> None:
    body = b'{"child":' * 40 + b"5" + b"}" * 40

    assert failure(codec, Node, body).path == "$" + ".child" * 40


def test_path_is_cut_when_it_is_too_long_to_be_read(codec: JsonCodec) -> None:
    body = b'{"child":' * 150 + b"5" + b"}" * 150

    assert len(failure(codec, Node, body).path) == 301
    assert failure(codec, Node, body).path.endswith("…")


def test_long_value_is_cut(codec: JsonCodec) -> None:
    message = str(failure(codec, int, b'"' + b"x" * 1000 + b'"'))

    assert message == f"expected int, got str '{'x' * 39}… @ $"


def test_last_of_repeated_keys_counts(codec: JsonCodec) -> None:
    assert codec.decoder(Item)(b'{"sku": "a", "sku": "b"}', {}) == Item("b")


def test_unknown_fields_are_ignored(codec: JsonCodec) -> None:
    assert codec.decoder(Item)(b'{"sku": "a", "colour": "red"}', {}) == Item("a")


@pytest.mark.parametrize(
    ("annotation", "body", "path"),
    [
        (Item, b'{"sku": "a", "colour": "red"}', "$.colour"),
        (list[Item], b'[{"sku": "a", "colour": "red"}]', "$[0].colour"),
        (Options, b'{"size": 1, "colour": "red"}', "$.colour"),
    ],
)
def test_unknown_fields_are_refused_when_forbidden(annotation: Any, body: bytes, path: str) -> None:
    error = failure(JsonCodec(make_converter(forbid_extra_keys=True)), annotation, body)

    assert str(error) == f"unknown field @ {path}"


def test_validator_tells_its_field(codec: JsonCodec) -> None:
    @frozen
    class Checked:
        amount: int = field(validator=attrs.validators.in_([1]))

    error = failure(codec, list[Checked], b'[{"amount": 0}]')

    assert str(error) == "'amount' must be in [1] (got 0) @ $[0].amount"


def test_any_error_of_a_class_is_an_error_of_the_message(codec: JsonCodec) -> None:
    @frozen
    class Explosive:
        amount: int

        def __attrs_post_init__(self) -> None:
            raise RuntimeError("boom")

    assert str(failure(codec, list[Explosive], b'[{"amount": 0}]')) == "RuntimeError: boom @ $[0]"


def test_first_error_is_the_cause(codec: JsonCodec) -> None:
    assert isinstance(failure(codec, Order, b"{}").__cause__, KeyError)
