"""Hooks of the user's on the converter of `JsonCodec`."""

from decimal import Decimal
from typing import Any, NewType

import pytest
from attrs import field, frozen
from cattrs import Converter, override
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from faststream_oo.codecs import JsonCodec, make_converter
from faststream_oo.errors import DecodeError


@frozen
class Money:
    amount: Decimal
    currency: str


@frozen
class Invoice:
    number: str
    total: Money
    paid: Money | None = None


Euro = NewType("Euro", int)


@frozen
class Price:
    euro: Euro


class Handle:
    """Nothing that cattrs knows."""

    def __init__(self, name: str) -> None:
        self.name = name


def read_money(text: Any, _: Any) -> Money:
    amount, currency = text.split()
    return Money(Decimal(amount), currency)


@pytest.fixture(name="codec")
def codec_with_hooks() -> JsonCodec:
    converter = make_converter()
    converter.register_structure_hook(Money, read_money)
    converter.register_unstructure_hook(Money, lambda money: f"{money.amount} {money.currency}")
    return JsonCodec(converter)


def test_hooks_are_used_wherever_the_type_stands(codec: JsonCodec) -> None:
    invoice = Invoice("1", Money(Decimal(5), "EUR"), Money(Decimal(1), "EUR"))
    body, headers = codec.encoder(Invoice)(invoice)

    assert body == b'{"number":"1","total":"5 EUR","paid":"1 EUR"}'
    assert codec.decoder(Invoice)(body, headers) == invoice


def test_hooks_are_used_for_the_whole_body(codec: JsonCodec) -> None:
    body, headers = codec.encoder(Money)(Money(Decimal(5), "EUR"))

    assert body == b'"5 EUR"'
    assert codec.decoder(Money)(body, headers) == Money(Decimal(5), "EUR")


def test_failing_hook_is_told_with_its_place(codec: JsonCodec) -> None:
    with pytest.raises(DecodeError) as caught:
        codec.decoder(list[Invoice])(b'[{"number": "1", "total": "5"}]', {})

    assert caught.value.path == "$[0].total"
    assert "not enough values to unpack" in str(caught.value)


def test_field_that_a_hook_misses_is_told_by_name() -> None:
    converter = make_converter()
    converter.register_structure_hook(Money, lambda value, _: Money(Decimal(value["sum"]), "EUR"))

    with pytest.raises(DecodeError) as caught:
        JsonCodec(converter).decoder(Invoice)(b'{"number": "1", "total": {}}', {})

    assert str(caught.value) == "required field 'sum' missing @ $.total"


def test_hooks_for_predicates_and_factories() -> None:
    converter = make_converter()
    converter.register_structure_hook_func(lambda kind: kind is Handle, lambda value, _: Handle(value))
    converter.register_unstructure_hook_factory(lambda kind: kind is Handle, lambda _: lambda handle: handle.name)
    codec = JsonCodec(converter)

    assert codec.encoder(list[Handle])([Handle("a")])[0] == b'["a"]'
    assert [handle.name for handle in codec.decoder(list[Handle])(b'["a"]', {})] == ["a"]  # type: ignore[attr-defined]


def test_hook_of_a_union_is_used_in_both_modes() -> None:
    """cattrs keeps these apart from the others, and does not copy them by itself."""
    converter = make_converter()
    converter.register_structure_hook(
        Money | int, lambda value, _: value if isinstance(value, int) else read_money(value, _)
    )

    @frozen
    class Offer:
        price: Money | int

    decode = JsonCodec(converter).decoder(Offer)

    assert decode(b'{"price": "5 EUR"}', {}) == Offer(Money(Decimal(5), "EUR"))
    assert decode(b'{"price": 5}', {}) == Offer(5)
    with pytest.raises(DecodeError) as caught:
        decode(b'{"price": "5"}', {})
    assert caught.value.path == "$.price"


def test_hook_as_a_decorator() -> None:
    converter = make_converter()

    @converter.register_structure_hook
    def read(value: Any, _: Any) -> Money:
        return read_money(value, _)

    assert JsonCodec(converter).decoder(Money)(b'"5 EUR"', {}) == Money(Decimal(5), "EUR")


def test_hook_of_a_newtype() -> None:
    converter = make_converter()
    converter.register_structure_hook(Euro, lambda value, _: Euro(int(value[:-1])))
    converter.register_unstructure_hook(Euro, lambda value: f"{value}E")
    codec = JsonCodec(converter)

    assert codec.decoder(Price)(b'{"euro": "5E"}', {}) == Price(Euro(5))
    assert codec.encoder(Price)(Price(Euro(5)))[0] == b'{"euro":"5E"}'
    assert codec.decoder(Euro)(b'"5E"', {}) == Euro(5)


def test_renamed_field() -> None:
    converter = make_converter()
    renamed = override(rename="orderNumber")
    converter.register_structure_hook(Invoice, make_dict_structure_fn(Invoice, converter, number=renamed))
    converter.register_unstructure_hook(Invoice, make_dict_unstructure_fn(Invoice, converter, number=renamed))
    codec = JsonCodec(converter)
    invoice = Invoice("1", Money(Decimal(5), "EUR"))

    assert codec.decoder(Invoice)(*codec.encoder(Invoice)(invoice)) == invoice
    with pytest.raises(DecodeError, match="orderNumber"):
        codec.decoder(Invoice)(b'{"number": "1", "total": {"amount": "5", "currency": "EUR"}}', {})


def test_field_with_a_converter_of_attrs() -> None:
    def stripped(text: str) -> str:
        return text.strip()

    @frozen
    class Tagged:
        name: str = field(converter=stripped)

    assert JsonCodec().decoder(Tagged)(b'{"name": " a "}', {}) == Tagged("a")


def test_codecs_do_not_share_hooks(codec: JsonCodec) -> None:
    assert JsonCodec().encoder(Money)(Money(Decimal(5), "EUR"))[0] == b'{"amount":"5","currency":"EUR"}'


def test_hooks_that_come_after_the_codec_have_no_effect() -> None:
    converter = make_converter()
    codec = JsonCodec(converter)
    converter.register_unstructure_hook(Money, lambda _: "money")

    assert codec.encoder(Money)(Money(Decimal(5), "EUR"))[0] == b'{"amount":"5","currency":"EUR"}'


def test_any_converter_of_cattrs_will_do() -> None:
    codec = JsonCodec(Converter())

    assert codec.decoder(list[int])(b'["5"]', {}) == [5]
    with pytest.raises(DecodeError) as caught:
        codec.decoder(list[int])(b'["a"]', {})
    assert caught.value.path == "$[0]"
