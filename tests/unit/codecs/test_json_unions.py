"""Members of a union are told apart by what the value is, or refused when compiled."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypedDict
from uuid import UUID

import pytest
from attrs import frozen

from faststream_oo.codecs import JsonCodec
from faststream_oo.errors import DecodeError


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Size(Enum):
    S = "s"
    L = "l"


class Shade(Enum):
    RED = "red"


@frozen
class Card:
    number: str
    holder: str


@frozen
class Transfer:
    iban: str
    holder: str


@frozen
class Cash:
    holder: str


@dataclass
class Circle:
    radius: float
    shape: Literal["circle"] = "circle"


@dataclass
class Square:
    side: float
    shape: Literal["square"] = "square"


class Bag(TypedDict):
    holder: str


@pytest.fixture(name="codec", scope="module")
def made_codec() -> JsonCodec:
    return JsonCodec()


@pytest.mark.parametrize(
    ("annotation", "values"),
    [
        (int | str, [5, "5"]),
        (int | float, [5, 5.0]),
        (bool | int | float | str | None, [True, 1, 1.0, "1"]),
        (UUID | int, [UUID(int=1), 1]),
        (date | timedelta, [date(2026, 1, 2), timedelta(seconds=1.5)]),
        (Decimal | float, [Decimal("1.5"), 1.5]),
        (list[int] | int, [[1], 1]),
        (list[Card] | Card | str, [[Card("1", "a")], Card("1", "a"), "a"]),
        (Card | Transfer | None, [Card("1", "a"), Transfer("DE", "a")]),
        (Card | Cash, [Card("1", "a"), Cash("a")]),
        (Circle | Square, [Circle(1.0), Square(2.0)]),
        (Colour | Size, [Colour.RED, Size.L]),
        (Colour | str, [Colour.RED, "green"]),
        (Literal["auto"] | int, ["auto", 5]),
        (Literal["auto"] | Colour | None, ["auto", Colour.BLUE]),
        (Colour | Card, [Colour.RED, Card("1", "a")]),
        (dict[str, int] | list[int], [{"a": 1}, [1]]),
        (Any | None, [5]),
    ],
    ids=str,
)
def test_every_member_is_written_and_read_back(codec: JsonCodec, annotation: Any, values: list[object]) -> None:
    encode, decode = codec.encoder(annotation), codec.decoder(annotation)

    decoded = [decode(*encode(value)) for value in values]

    assert decoded == values
    assert list(map(type, decoded)) == list(map(type, values))


def test_unions_within_a_document(codec: JsonCodec) -> None:
    @frozen
    class Payment:
        way: Card | Transfer | None
        amount: int | Literal["all"]
        tags: dict[str, int | str]

    value = Payment(Transfer("DE", "a"), "all", {"a": 1, "b": "2"})

    assert codec.decoder(Payment)(*codec.encoder(Payment)(value)) == value


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (UUID | str, "UUID and str cannot be told apart"),
        (date | UUID, "date and UUID cannot be told apart"),
        (Colour | Shade, "Colour and Shade cannot be told apart"),
        (list[int] | set[int], "list and set cannot be told apart"),
        (Card | dict[str, str], "Card and dict cannot be told apart"),
        (Card | Bag, "Card and Bag cannot be told apart"),
        (bytes | Card, "bytes and Card cannot be told apart"),
        (list[UUID | str], "UUID and str cannot be told apart"),
    ],
    ids=str,
)
def test_members_that_look_alike_are_refused(codec: JsonCodec, annotation: Any, message: str) -> None:
    with pytest.raises(TypeError, match=f"^{message}$"):
        codec.decoder(annotation)


def test_classes_with_the_same_fields_are_refused(codec: JsonCodec) -> None:
    @frozen
    class A:
        id: int

    @frozen
    class B:
        id: int

    @frozen
    class Holder:
        either: A | B

    for annotation in (A | B, A | B | None, list[A | B], Holder):
        with pytest.raises(TypeError, match=r"^A and B cannot be told apart"):
            codec.decoder(annotation)


@pytest.mark.parametrize(
    ("annotation", "body", "message"),
    [
        (int | str, b"[]", "expected int or str, got array @ $"),
        (int | str, b"5.5", "expected int or str, got float 5.5 @ $"),
        (list[int | None], b'["a"]', "expected int, got str 'a' @ $[0]"),
        (Card | Transfer, b"{}", "expected Card or Transfer, got an object that is neither @ $"),
        (Circle | Square, b'{"shape": "star"}', "expected Circle or Square, got an object that is neither @ $"),
        (Circle | Square, b'{"shape": []}', "expected Circle or Square, got an object that is neither @ $"),
        (Circle | Square, b'{"shape": "circle", "radius": "1"}', "expected float, got str '1' @ $.radius"),
        (Card | Transfer, b'"a"', "expected Card or Transfer, got str 'a' @ $"),
        (dict[str, Card | Transfer], b'{"a": {"iban": 5, "holder": "b"}}', "expected str, got int 5 @ $.a.iban"),
    ],
    ids=str,
)
def test_value_of_no_member_is_told(codec: JsonCodec, annotation: Any, body: bytes, message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        codec.decoder(annotation)(body, {})

    assert str(caught.value) == message
