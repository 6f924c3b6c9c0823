"""Names of streams, lists and channels: prefixes, dead letters, and the parts that a channel captures."""

from collections.abc import Mapping
from typing import Any

import pytest

from faststream_oo.redis import Channel, List, RedisBroker, RedisSettings, Stream

BROKER = RedisBroker(RedisSettings(prefix="test:"))


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("orders", None),
        (r"orders.\*", None),
        (r"a\\*", r"a\\*"),
        ("orders.*", "orders.*"),
        ("a?", "a?"),
        ("h[ae]llo", "h[ae]llo"),
        ("orders.{region}.new", "orders.*.new"),
    ],
)
def test_a_channel_is_a_pattern_when_its_name_says_so(name: str, pattern: str | None) -> None:
    assert Channel(name).pattern == pattern


@pytest.mark.parametrize(
    ("name", "channel", "parts"),
    [
        ("orders.{region}", "orders.eu", {"region": "eu"}),
        ("orders.{region}", "orders.", {"region": ""}),
        ("orders.{region}.{kind}", "orders.eu.new", {"region": "eu", "kind": "new"}),
        ("{a}-[0-9]?-*", "x-5y-z", {"a": "x"}),
        (r"a.\*.{b}", "a.*.c", {"b": "c"}),
        ("h[^e]llo.{b}", "hallo.c", {"b": "c"}),
        ("a.{b}", "a.line\nbreak", {"b": "line\nbreak"}),
        ("orders", "orders", {}),
    ],
)
def test_the_named_parts_of_a_channel_are_captured(name: str, channel: str, parts: Mapping[str, str]) -> None:
    assert Channel(name).captured(channel) == parts


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("orders", Stream("test:orders")),
        (Stream("orders", max_length=5, exact=True), Stream("test:orders", max_length=5, exact=True)),
        (Stream("orders", external=True), Stream("orders", external=True)),
        (List("orders"), List("test:orders")),
        (Channel("a.{b}"), Channel("test:a.{b}")),
    ],
)
def test_the_prefix_stands_before_every_name_but_an_external_one(address: Any, whole: Any) -> None:
    assert BROKER.locate(address) == whole


@pytest.mark.parametrize(
    ("source", "group", "letters"),
    [
        ("test:orders", "test:billing", "test:orders:billing:dlq"),
        ("test:orders", None, "test:orders:dlq"),
        ("foreign", "test:billing", "test:foreign:billing:dlq"),
    ],
)
def test_dead_letters_are_named_after_key_and_group_with_one_prefix(
    source: str, group: str | None, letters: str
) -> None:
    assert BROKER.dead_letter(source, group) == Stream(letters)


def test_settings_rename_an_address_and_keep_its_kind() -> None:
    assert BROKER.readdressed(List("orders"), "others") == List("others")
    assert BROKER.readdressed(Stream("orders", max_length=5), "others") == Stream("others", max_length=5)


def test_a_length_that_keeps_nothing_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="max_length"):
        Stream("orders", max_length=0)


@pytest.mark.parametrize(
    ("address", "what"),
    [
        (Channel("a.{b}.*"), "is a pattern"),
        (Channel(r"a.[x]"), "is a pattern"),
        (List("a.{b"), "has a {field} that is no name"),
        (List(""), "an empty name"),
        (Stream("orders", exact=True), "exact=True has no effect"),
        (Channel(r"a.\*"), None),
        (Channel("a.{b.c}"), None),
        (Stream("orders", max_length=5, exact=True), None),
    ],
)
def test_what_cannot_be_published_to(address: Any, what: str | None) -> None:
    found = BROKER.address_problems(address, consuming=False)

    assert [what is not None and what in problem for problem, _ in found] == ([] if what is None else [True])


def test_credentials_are_never_shown() -> None:
    settings = RedisSettings(url="redis://app:s3cret@localhost:6379/0")

    assert settings.servers == "redis://localhost:6379/0"
    assert "s3cret" not in repr(settings)
