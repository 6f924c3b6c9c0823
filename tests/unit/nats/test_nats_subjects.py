"""Subjects: what matches, what overlaps, and what the client or the server would refuse."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faststream_oo.nats.address import (
    Subject,
    Subjects,
    concrete_problem,
    group_problem,
    matches,
    overlap,
    pattern_problem,
    template_problem,
)

TOKENS = st.sampled_from(["a", "b", "c", "ü"])
SUBJECTS = st.lists(TOKENS, min_size=1, max_size=5).map(".".join)
PATTERNS = st.builds(
    lambda tokens, tail: ".".join([*tokens, *tail]),
    st.lists(st.sampled_from(["a", "b", "c", "ü", "*"]), min_size=1, max_size=4),
    st.sampled_from([[], [">"]]),
)


def oracle(pattern: str) -> re.Pattern[str]:
    """The same by a regular expression, a token a group."""
    parts = [{"*": r"[^.]+", ">": r"[^.]+(?:\.[^.]+)*"}.get(token, re.escape(token)) for token in pattern.split(".")]
    return re.compile(r"\.".join(parts))


@pytest.mark.parametrize(
    ("pattern", "subjects"),
    [
        ("a.*", ["a.b"]),
        ("a.>", ["a.b", "a.b.c"]),
        (">", ["a", "a.b.c"]),
        ("*.*", ["a.b"]),
        ("*.b.>", ["a.b.c"]),
        ("a.*.>", ["a.b.c"]),
        ("ü.a", ["ü.a"]),
    ],
)
def test_a_wildcard_takes_what_the_server_delivers_to_it(pattern: str, subjects: list[str]) -> None:
    assert all(matches(pattern, subject) for subject in subjects)


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [("a.*", "a"), ("a.*", "a.b.c"), ("a.>", "a"), ("a.*.c", "a.b.d"), ("*.b.>", "a.b"), ("A.b", "a.b")],
)
def test_a_wildcard_takes_nothing_else(pattern: str, subject: str) -> None:
    assert not matches(pattern, subject)


@given(PATTERNS, SUBJECTS)
def test_matching_agrees_with_a_regular_expression(pattern: str, subject: str) -> None:
    assert matches(pattern, subject) == (oracle(pattern).fullmatch(subject) is not None)


@given(PATTERNS, PATTERNS, SUBJECTS)
def test_patterns_that_share_a_subject_overlap(one: str, other: str, subject: str) -> None:
    if matches(one, subject) and matches(other, subject):
        assert overlap(one, other)


@given(PATTERNS, PATTERNS)
def test_patterns_that_overlap_share_a_subject(one: str, other: str) -> None:
    if not overlap(one, other):
        return
    ours, theirs = one.split("."), other.split(".")
    length = max(len(ours), len(theirs))
    ours, theirs = ([*tokens, *[">"] * (length - len(tokens))] for tokens in (ours, theirs))
    shared = ".".join(
        next((token for token in pair if token not in {"*", ">"}), "x") for pair in zip(ours, theirs, strict=True)
    )
    assert matches(one, shared)
    assert matches(other, shared)


@pytest.mark.parametrize(
    "name",
    ["a*", "a.b*", "a..b", ".a", "a.", "a b", "", "a\tb", "a\r\nb", "a.>.b", ">.a", "a>", "{x", "a.{x}y", "{a-b}.c"],
)
def test_what_cannot_be_subscribed_to_is_told(name: str) -> None:
    assert pattern_problem(name) is not None


@pytest.mark.parametrize("name", ["a", "a.*", "a.>", ">", "*", "{x}", "a.{x}.{y}.>", "ü.a", "$SYS.x", "a-b_c"])
def test_what_can_be_subscribed_to_is_taken(name: str) -> None:
    assert pattern_problem(name) is None


def test_a_part_has_a_name_of_its_own() -> None:
    assert pattern_problem("a.{x}.{x}") == '"a.{x}.{x}" names a part twice'


@pytest.mark.parametrize("name", ["a b", "", "a\tb", "a\r\nb", "a..b", ".a", "a.", "a.*", "a.>", "x" * 1025])
def test_what_nobody_could_receive_is_not_published(name: str) -> None:
    assert concrete_problem(name) is not None


def test_a_body_field_may_stand_in_a_published_subject() -> None:
    assert template_problem("orders.{customer.region}.placed") is None
    assert template_problem("orders.{customer.region}.*") is not None


def test_a_queue_group_has_no_spaces() -> None:
    assert group_problem("billing.eu") is None
    assert group_problem("a b") is not None


def test_parts_are_the_places_of_their_tokens() -> None:
    subject = Subject("videos.{region}.*.{id}.>")
    assert subject.pattern == "videos.*.*.*.>"
    assert subject.parts == {"region": 1, "id": 3}


def test_several_subjects_have_their_names_together() -> None:
    assert Subjects("a.*", "b").name == "a.*,b"
    assert Subjects("a", "b") == Subjects("a", "b")
    assert hash(Subjects("a", "b")) == hash(Subjects("a", "b"))
