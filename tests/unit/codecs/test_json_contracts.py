"""Names and versions of contracts on the wire: which class is decoded, and from which version."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar

import pytest
from attrs import field, frozen
from attrs.validators import instance_of

from faststream_oo.codecs import JsonCodec
from faststream_oo.errors import DecodeError
from faststream_oo.markers import contract

T = TypeVar("T")


def add_currency(document: dict[str, object]) -> dict[str, object]:
    return {**document, "currency": "EUR"}


def rename_amount(document: dict[str, object]) -> dict[str, object]:
    return {"total" if name == "amount" else name: value for name, value in document.items()}


@contract("orders.placed", version=3, upcasts={1: add_currency, 2: rename_amount})
@frozen
class Placed:
    id: str
    total: int
    currency: str


@contract("orders.cancelled")
@frozen
class Cancelled:
    id: str


@contract("orders.returned")
@frozen
class Returned:
    id: str


@frozen
class Foreign:
    id: str


@frozen
class Event:
    at: int


@contract("events.opened")
@frozen
class Opened(Event):
    door: str


@contract("events.closed", version=2)
@frozen
class Closed(Event):
    door: str


@contract("pages")
@frozen
class Page(Generic[T]):
    items: list[T]


PLACED = b'{"id":"o","total":5,"currency":"USD"}'


@pytest.fixture(name="codec", scope="module")
def made_codec() -> JsonCodec:
    return JsonCodec()


def failure(codec: JsonCodec, annotation: object, body: bytes, headers: Mapping[str, str]) -> str:
    with pytest.raises(DecodeError) as caught:
        codec.decoder(annotation)(body, headers)
    return str(caught.value)


# Encoding -------------------------------------------------------------------------------------------------------------


def test_contract_is_told_in_a_header(codec: JsonCodec) -> None:
    assert codec.encoder(Placed)(Placed("o", 5, "USD")) == (PLACED, {"fsoo-type": "orders.placed.v3"})


def test_undecorated_class_is_not_told(codec: JsonCodec) -> None:
    assert codec.encoder(Foreign)(Foreign("o"))[1] == {}


@pytest.mark.parametrize("annotation", [Placed | Cancelled, Placed | Cancelled | None, object])
def test_member_of_a_union_tells_its_own_contract(codec: JsonCodec, annotation: object) -> None:
    encode = codec.encoder(annotation)

    assert encode(Placed("o", 5, "USD"))[1] == {"fsoo-type": "orders.placed.v3"}
    assert encode(Cancelled("o"))[1] == {"fsoo-type": "orders.cancelled.v1"}


def test_subclass_tells_its_own_contract(codec: JsonCodec) -> None:
    assert codec.encoder(Event)(Opened(1, "a")) == (b'{"at":1,"door":"a"}', {"fsoo-type": "events.opened.v1"})
    assert codec.encoder(Event)(Event(1))[1] == {}


def test_contract_within_a_document_is_not_told(codec: JsonCodec) -> None:
    assert codec.encoder(list[Placed])([Placed("o", 5, "USD")])[1] == {}


# One class ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"fsoo-type": "orders.placed.v3"}, {"ce_type": "orders.placed.v3"}])
def test_current_version_is_read_as_it_is(codec: JsonCodec, headers: Mapping[str, str]) -> None:
    assert codec.decoder(Placed)(PLACED, headers) == Placed("o", 5, "USD")


@pytest.mark.parametrize(
    ("headers", "body", "currency"),
    [
        ({"fsoo-type": "orders.placed.v2"}, b'{"id":"o","amount":5,"currency":"USD"}', "USD"),
        ({"fsoo-type": "orders.placed.v1"}, b'{"id":"o","amount":5}', "EUR"),
        ({"fsoo-type": "orders.placed"}, b'{"id":"o","amount":5}', "EUR"),
        ({"ce-type": "orders.placed.v1"}, b'{"id":"o","amount":5}', "EUR"),
    ],
)
def test_older_version_is_upcast_step_by_step(
    codec: JsonCodec, headers: Mapping[str, str], body: bytes, currency: str
) -> None:
    assert codec.decoder(Placed)(body, headers) == Placed("o", 5, currency)


@pytest.mark.parametrize("wire", ["orders.placed.v4", "orders.cancelled.v1", "orders"])
def test_newer_version_and_other_contract_are_refused_by_both_names(codec: JsonCodec, wire: str) -> None:
    assert failure(codec, Placed, PLACED, {"fsoo-type": wire}) == f"expected orders.placed.v3, got {wire} @ $"


def test_missing_upcast_is_told(codec: JsonCodec) -> None:
    message = failure(codec, Closed, b"{}", {"fsoo-type": "events.closed.v1"})

    assert message == "expected events.closed.v2, got events.closed.v1: no upcast of version 1 @ $"
    assert "no upcast of version 0" in failure(codec, Closed, b"{}", {"fsoo-type": "events.closed.v0"})


def test_failing_upcast_is_told(codec: JsonCodec) -> None:
    def fail(document: dict[str, object]) -> dict[str, object]:
        raise KeyError("price")

    @contract("failing", version=2, upcasts={1: fail})
    @frozen
    class Failing:
        id: str

    assert (
        failure(codec, Failing, b"{}", {"fsoo-type": "failing.v1"})
        == "upcast of failing.v1 failed: KeyError('price') @ $"
    )


def test_place_in_an_upcast_document_is_told(codec: JsonCodec) -> None:
    body = b'{"id":"o","amount":"5"}'

    assert failure(codec, Placed, body, {"fsoo-type": "orders.placed.v1"}) == "expected int, got str '5' @ $.total"


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"a"', b"", b"{", b"\xff"])
def test_document_that_cannot_be_upcast_is_told(codec: JsonCodec, body: bytes) -> None:
    assert failure(codec, Placed, body, {"fsoo-type": "orders.placed.v1"}).endswith(" @ $")


@pytest.mark.parametrize(
    "wire", ["", "v1", ".v1", "orders.placed.v", "orders.placed.v-1", "orders.placed.v" + "9" * 5000, "x" * 5000]
)
def test_hostile_name_is_an_error_of_the_message(codec: JsonCodec, wire: str) -> None:
    if wire:
        assert len(failure(codec, Placed, PLACED, {"fsoo-type": wire})) < 200
    else:
        assert codec.decoder(Placed)(PLACED, {"fsoo-type": wire}) == Placed("o", 5, "USD")


def test_undecorated_class_takes_any_contract(codec: JsonCodec) -> None:
    """A class without `contract` reads what others send, whatever they call it."""
    assert codec.decoder(Foreign)(b'{"id":"o"}', {"fsoo-type": "shop.order.v7"}) == Foreign("o")


def test_optional_contract_reads_an_empty_body_as_none(codec: JsonCodec) -> None:
    decode = codec.decoder(Placed | None)

    assert decode(b"", {}) is None
    assert decode(PLACED, {"fsoo-type": "orders.placed.v3"}) == Placed("o", 5, "USD")


def test_generic_contract_keeps_its_argument(codec: JsonCodec) -> None:
    body, headers = codec.encoder(Page[Foreign])(Page([Foreign("o")]))

    assert headers == {"fsoo-type": "pages.v1"}
    assert codec.decoder(Page[Foreign])(body, headers) == Page([Foreign("o")])


# Unions ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["fsoo-type", "ce_type", "ce-type"])
def test_member_is_chosen_by_the_header(codec: JsonCodec, header: str) -> None:
    decode = codec.decoder(Cancelled | Returned)

    assert decode(b'{"id":"o"}', {header: "orders.cancelled.v1"}) == Cancelled("o")
    assert decode(b'{"id":"o"}', {header: "orders.returned.v1"}) == Returned("o")


def test_older_version_of_a_member_is_upcast(codec: JsonCodec) -> None:
    decode = codec.decoder(Placed | Cancelled)

    assert decode(b'{"id":"o","amount":5}', {"fsoo-type": "orders.placed.v1"}) == Placed("o", 5, "EUR")


def test_union_of_contracts_needs_the_header(codec: JsonCodec) -> None:
    message = "expected orders.cancelled.v1 or orders.placed.v3, got no fsoo-type header @ $"

    assert failure(codec, Placed | Cancelled, PLACED, {}) == message


def test_contract_of_no_member_is_refused(codec: JsonCodec) -> None:
    message = failure(codec, Placed | Cancelled, PLACED, {"fsoo-type": "orders.shipped.v1"})

    assert message == "expected orders.cancelled.v1 or orders.placed.v3, got orders.shipped.v1 @ $"


def test_versions_of_one_contract_are_members_of_their_own(codec: JsonCodec) -> None:
    @contract("orders.placed")
    @frozen
    class First:
        id: str

    decode = codec.decoder(First | Placed)

    assert decode(b'{"id":"o"}', {"fsoo-type": "orders.placed.v1"}) == First("o")
    assert decode(PLACED, {"fsoo-type": "orders.placed.v3"}) == Placed("o", 5, "USD")
    assert decode(b'{"id":"o","amount":5,"currency":"USD"}', {"fsoo-type": "orders.placed.v2"}) == Placed("o", 5, "USD")


def test_same_contract_twice_is_refused(codec: JsonCodec) -> None:
    @contract("orders.cancelled")
    @frozen
    class Again:
        id: str

    with pytest.raises(TypeError, match=r"^Cancelled and Again cannot be told apart"):
        codec.decoder(Cancelled | Again)


def test_member_without_a_contract_must_be_told_apart_by_its_fields(codec: JsonCodec) -> None:
    with pytest.raises(TypeError, match=r"^Cancelled and Foreign cannot be told apart"):
        codec.decoder(Cancelled | Foreign)

    decode = codec.decoder(Placed | Foreign)
    assert decode(PLACED, {}) == Placed("o", 5, "USD")
    assert decode(b'{"id":"o"}', {}) == Foreign("o")
    assert decode(b'{"id":"o","amount":5}', {"fsoo-type": "orders.placed.v1"}) == Placed("o", 5, "EUR")


# Base classes ---------------------------------------------------------------------------------------------------------


def test_subclass_is_chosen_by_the_header(codec: JsonCodec) -> None:
    decode = codec.decoder(Event)

    assert decode(b'{"at":1,"door":"a"}', {"fsoo-type": "events.opened.v1"}) == Opened(1, "a")
    assert decode(b'{"at":1,"door":"a"}', {"fsoo-type": "events.closed.v2"}) == Closed(1, "a")
    assert decode(b'{"at":1}', {}) == Event(1)


def test_other_contract_than_the_subclasses_is_refused(codec: JsonCodec) -> None:
    message = failure(codec, Event, b'{"at":1}', {"fsoo-type": "orders.placed.v1"})

    assert message == "expected events.closed.v2 or events.opened.v1, got orders.placed.v1 @ $"


@pytest.mark.parametrize("decorated", [True, False])
def test_subclass_that_is_made_later_is_chosen_too(codec: JsonCodec, decorated: bool) -> None:
    @frozen
    class Base:
        id: str

    decode = codec.decoder((contract("base") if decorated else lambda cls: cls)(Base))
    assert decode(b'{"id":"o"}', {}) == Base("o")

    @contract("late")
    @frozen
    class Late(Base):
        more: int

    assert decode(b'{"id":"o","more":1}', {"fsoo-type": "late.v1"}) == Late("o", 1)
    assert decode(b'{"id":"o"}', {}) == Base("o")


def test_later_subclass_that_cannot_be_decoded_is_an_error_of_the_message(codec: JsonCodec) -> None:
    @frozen
    class Base:
        id: str

    decode = codec.decoder(Base)

    @contract("late")
    @frozen
    class Late(Base):
        more: object = field(validator=instance_of(int))
        other: type = int

    with pytest.raises(DecodeError, match="JsonCodec cannot decode type"):
        decode(b'{"id":"o","more":1}', {"fsoo-type": "late.v1"})


def test_base_that_is_no_record_is_there_for_its_subclasses(codec: JsonCodec) -> None:
    class Base:
        __slots__ = ()

    @contract("member")
    @frozen
    class Member(Base):
        id: str

    decode = codec.decoder(Base)

    assert decode(b'{"id":"o"}', {"fsoo-type": "member.v1"}) == Member("o")
    with pytest.raises(DecodeError, match=r"expected member\.v1, got no fsoo-type header"):
        decode(b'{"id":"o"}', {})


def test_abstract_base_is_there_for_its_subclasses(codec: JsonCodec) -> None:
    @frozen
    class Base(ABC):
        id: str

        @abstractmethod
        def total(self) -> int: ...

    @contract("member")
    @frozen
    class Member(Base):
        def total(self) -> int:
            return 5

    decode = codec.decoder(Base)

    assert decode(b'{"id":"o"}', {"fsoo-type": "member.v1"}) == Member("o")
    with pytest.raises(DecodeError, match=r"expected member\.v1, got no fsoo-type header"):
        decode(b'{"id":"o"}', {})


def test_contract_below_the_class_decorator_works_too(codec: JsonCodec) -> None:
    """attrs makes a new class then; the old one, still among the subclasses, has the contract as well."""

    @frozen
    class Base:
        id: str

    @frozen
    @contract("member")
    class Member(Base):
        more: int

    decoded = codec.decoder(Base)(b'{"id":"o","more":1}', {"fsoo-type": "member.v1"})

    assert type(decoded) is Member
