"""What holds for every class, value and body: generated ones, and bytes that mean no good."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import make_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from types import GenericAlias
from typing import Any, TypeAlias
from uuid import UUID

import attrs
import orjson
import pytest
from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faststream_oo.codecs import JsonCodec
from faststream_oo.errors import DecodeError
from faststream_oo.markers import contract

CODEC = JsonCodec()


class Colour(Enum):
    RED = "red"
    ONE = 1


Typed: TypeAlias = tuple[Any, st.SearchStrategy[Any]]
"""An annotation and its values."""

SCALARS: list[Typed] = [
    (bool, st.booleans()),
    (int, st.integers(-(2**63), 2**63 - 1)),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (str, st.text()),
    (bytes, st.binary()),
    (date, st.dates()),
    (datetime, st.datetimes(timezones=st.just(UTC)) | st.datetimes()),
    (time, st.times()),
    # Seconds as a double are exact to the microsecond for 136 years.
    (timedelta, st.timedeltas(timedelta(days=-49000), timedelta(days=49000))),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (UUID, st.uuids()),
    (IPv4Address, st.ip_addresses(v=4)),
    (IPv6Address, st.ip_addresses(v=6)),
    (Colour, st.sampled_from(Colour)),
    (int | str, st.integers(-(2**63), 2**63 - 1) | st.text()),
]

KEYS: list[Typed] = [one for one in SCALARS if one[0] in {bool, int, str, date, UUID, Decimal}]


def nested(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    """Return annotations around others: collections, Optional, and classes of one to four fields."""
    keyed = st.tuples(st.sampled_from(KEYS), inner)
    return st.one_of(
        inner.map(lambda one: (GenericAlias(list, one[0]), st.lists(one[1], max_size=3))),
        inner.map(lambda one: (GenericAlias(tuple, (one[0], ...)), st.lists(one[1], max_size=3).map(tuple))),
        keyed.map(
            lambda two: (GenericAlias(dict, (two[0][0], two[1][0])), st.dictionaries(two[0][1], two[1][1], max_size=3))
        ),
        inner.map(lambda one: (one[0] | None, st.none() | one[1])),
        st.tuples(st.booleans(), st.lists(inner, min_size=1, max_size=4)).map(lambda made: record(*made)),
    )


def record(as_dataclass: bool, fields: list[Typed]) -> Typed:
    """Return a class of these fields: an attrs class or a dataclass."""
    types = {f"field_{index}": one[0] for index, one in enumerate(fields)}
    if as_dataclass:
        made: Any = make_dataclass("Record", list(types.items()), frozen=True)
    else:
        made = attrs.make_class("Record", {name: attrs.field(type=kind) for name, kind in types.items()}, frozen=True)
    return made, st.tuples(*[one[1] for one in fields]).map(lambda values: made(*values))


TYPED = st.recursive(st.sampled_from(SCALARS), nested, max_leaves=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)  # fmt: skip


@given(st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_generated_value_of_a_generated_class_is_read_back(data: st.DataObject) -> None:
    inner = data.draw(st.lists(TYPED, min_size=1, max_size=4), label="fields")
    kind, values = record(False, inner)
    value = data.draw(values, label="value")

    body, headers = CODEC.encoder(kind)(value)

    assert CODEC.decoder(kind)(body, headers) == value


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_any_document_is_read_back_as_object(document: Any) -> None:
    assert CODEC.decoder(list[object])(*CODEC.encoder(list[object])([document])) == [document]


@frozen
class Line:
    sku: str
    price: Decimal
    colours: set[Colour] = attrs.field(factory=set)


def with_lines(document: dict[str, object]) -> dict[str, object]:
    return {"lines": [document["line"]], **document}


@contract("orders", version=2, upcasts={1: with_lines})
@frozen
class Order:
    id: int
    at: datetime
    lines: list[Line]
    notes: dict[int, str | None] = attrs.field(factory=dict)
    parent: "Order | None" = None


ORDER = orjson.dumps({
    "id": 1, "at": "2026-01-02T03:04:05Z", "lines": [{"sku": "a", "price": "1.5", "colours": ["red", 1]}],
    "notes": {"1": "a"}, "parent": {"id": 2, "at": "2026-01-02T03:04:05Z", "lines": []},
})  # fmt: skip

ANNOTATIONS: list[Any] = [
    Order, Order | None, list[Order], Order | Line, dict[str, Any], dict[int, Line], tuple[int, Colour], int | str, str, object, UUID,
]  # fmt: skip


@given(
    JSON, st.sampled_from(ANNOTATIONS), st.sampled_from([{}, {"fsoo-type": "orders.v1"}, {"fsoo-type": "orders.v9"}])
)
@settings(max_examples=300, deadline=None)
def test_any_document_gives_a_value_or_a_decode_error(document: Any, annotation: Any, headers: dict[str, str]) -> None:
    value_or_error(CODEC.decoder(annotation), orjson.dumps(document), headers)


def value_or_error(decode: Callable[[bytes, dict[str, str]], object], body: bytes, headers: dict[str, str]) -> None:
    """Decode; fail on any other error than a DecodeError."""
    with suppress(DecodeError):
        decode(body, headers)


def mutated(chance: random.Random) -> bytes:
    """Return the bytes of an order with some of them changed, left out, doubled or put in."""
    body = bytearray(ORDER)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(body))
        match chance.randrange(5):
            case 0:
                body[at] = chance.randrange(256)
            case 1:
                del body[at : at + chance.randint(1, 20)]
            case 2:
                body[at:at] = body[at : at + chance.randint(1, 60)]
            case 3:
                body[at:at] = chance.choice(
                    [b"null", b"1e999", b"[[[[", b'{"a":', b'"', b"-", b"\\ud800", b"\xff\xfe", b"9" * 40]
                )
            case _:
                body[at] = ord(chance.choice('{}[]",:0129tfn '))
        body = body or bytearray(b"{}")
    return bytes(body)


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=str)
def test_fuzzed_bytes_give_a_value_or_a_decode_error(annotation: Any) -> None:
    chance = random.Random(20260102)  # the same bytes each time
    decode = CODEC.decoder(annotation)

    for _ in range(1000):
        headers = chance.choice(
            [
                {},
                {"fsoo-type": "orders.v2"},
                {"fsoo-type": "orders.v1"},
                {"ce_type": chance.randbytes(5).decode("latin-1")},
            ]
        )
        value_or_error(decode, chance.choice([mutated, random_bytes])(chance), headers)


def random_bytes(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randint(0, 60))
