"""Queues, exchanges and bindings: what their keys match, and what a server would refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faststream_oo.rabbit import Binding, Exchange, Queue
from faststream_oo.rabbit.address import (
    captured,
    exchange_problems,
    parts_of,
    queue_problems,
    routing_words,
    topic_pattern,
)

EVENTS = Exchange("events", type="topic")


def matches(pattern: str, key: str) -> bool:
    return topic_pattern(pattern).fullmatch(routing_words(key)) is not None


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("a.#", "a"), ("a.#", "a."), ("a.#", "a.b"), ("a.#", "a.b.c"), ("#.b", "b"), ("#.b", "a.b"), ("#.b", ".b"),
        ("#.b", "b.b"), ("#", ""), ("#", "a.b.c"), ("", ""), ("a.*.c", "a..c"), ("*.*", "."), ("*.#", "a"), ("#.*", "a"),
        ("a.#.#", "a"), ("a*", "a*"), ("#.a.#", "x.a.y"), ("..", ".."),
    ],
)  # fmt: skip
def test_a_topic_key_that_matches(pattern: str, key: str) -> None:
    assert matches(pattern, key)


@pytest.mark.parametrize(
    ("pattern", "key"),
    [("a.#", "ab"), ("#.b", "b.a"), ("", "a"), ("a.*", "a"), ("a*", "ab"), ("a#", "ab"), ("*", ""), ("*.*", "a")],
)
def test_a_topic_key_that_does_not_match(pattern: str, key: str) -> None:
    assert not matches(pattern, key)


def slowly(pattern: list[str], words: list[str]) -> bool:
    """Match words one by one, as the words of the specification say it."""
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(slowly(pattern[1:], words[skipped:]) for skipped in range(len(words) + 1))
    return bool(words) and pattern[0] in {"*", words[0]} and slowly(pattern[1:], words[1:])


WORDS = st.lists(st.sampled_from(["", "a", "b", "ab"]), max_size=5)


@given(st.lists(st.sampled_from(["*", "#", "a", "b", ""]), max_size=5), WORDS)
def test_topic_keys_match_as_a_slow_matcher_says(pattern: list[str], words: list[str]) -> None:
    key = ".".join(words)
    split = key.split(".") if key else []
    joined = ".".join(pattern)
    assert matches(joined, key) == slowly(joined.split(".") if joined else [], split)


def test_captured_parts_come_from_the_first_binding_that_matches() -> None:
    bindings = [Binding(EVENTS, "orders.{region}.placed"), Binding(EVENTS, "{kind}.#")]

    assert captured(bindings, "orders.eu.placed") == {"region": "eu"}
    assert captured(bindings, "returns.eu") == {"kind": "returns"}
    assert captured(bindings[:1], "returns.eu") == {}
    assert parts_of(Queue("q", bind=bindings)) == ["region", "kind"]
    assert bindings[0].native_key == "orders.*.placed"


def test_a_binding_to_a_name_is_to_an_exchange_of_somebody_else() -> None:
    assert Binding("theirs", "#").source == Exchange("theirs", external=True)


def test_addresses_can_be_keys_of_a_dictionary() -> None:
    queue = Queue(
        "q", bind=[Binding(EVENTS, "#", arguments={"x-match": "all"})], arguments={"x-dead-letter-exchange": ""}
    )

    assert {queue: 1, EVENTS: 2}[queue] == 1


def test_a_queue_says_what_it_is_declared_with() -> None:
    queue = Queue("q", type="classic", max_priority=5, max_length=10, message_ttl=1.5, arguments={"x-mine": True})

    assert queue.native_arguments == {
        "x-queue-type": "classic",
        "x-max-priority": 5,
        "x-max-length": 10,
        "x-overflow": "reject-publish",
        "x-message-ttl": 1500,
        "x-mine": True,
    }
    assert Queue("q", single_active=True).native_arguments == {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
    }


@pytest.mark.parametrize(
    ("queue", "what"),
    [
        (Queue("q", exclusive=True), '"q" is exclusive, which a quorum queue cannot be'),
        (Queue("q", durable=False), '"q" is not durable, which a quorum queue cannot be'),
        (Queue("q", auto_delete=True), '"q" is auto_delete, which a quorum queue cannot be'),
        (Queue("q", max_priority=3), '"q" is max_priority, which a quorum queue cannot be'),
        (Queue(""), '"" is no name of queues: 1 to 255 bytes'),
        (Queue("q" * 256), f'"{"q" * 256}" is no name of queues: 1 to 255 bytes'),
        (Queue("ümlaut"), '"ümlaut" is no name that the client can write'),
        (Queue("amq.mine"), '"amq.mine": names that begin with "amq." are the server\'s own'),
        (Queue("q", arguments={"x-max-length": 1}), 'arguments["x-max-length"] of "q" has a field of its own'),
        (Queue("q", external=True, bind=[Binding(EVENTS)]), 'bind= is refused on the external queue "q"'),
        (Queue("q", bind=[Binding(EVENTS, "a.{b")]), '"a.{b": a captured part is a whole word'),
        (Queue("q", bind=[Binding(EVENTS, "a{b}")]), '"a{b}": a captured part is a whole word'),
        (
            Queue("q", bind=[Binding(Exchange("d"), "{region}")]),
            '"{region}" captures a part, and "d" is a direct exchange',
        ),
        (
            Queue("q", bind=[Binding(Exchange("h", type="headers"), arguments={"x-match": "some"})]),
            'x-match "some" of "q" is none of all, any, all-with-x, any-with-x',
        ),
    ],
)
def test_what_a_server_would_refuse_is_told(queue: Queue, what: str) -> None:
    assert [problem for problem, _ in queue_problems(queue)] == [what]


def test_a_classic_queue_may_be_all_that() -> None:
    queue = Queue("q", type="classic", exclusive=True, durable=False, auto_delete=True, max_priority=3)

    assert list(queue_problems(queue)) == []


def test_problems_of_exchanges_are_told_through_the_bindings() -> None:
    inner = Exchange("inner", type="topic", bind=[Binding(Exchange("amq.mine"), "#")])

    assert [what for what, _ in exchange_problems(inner)] == [
        '"amq.mine": names that begin with "amq." are the server\'s own'
    ]
    assert list(exchange_problems(Exchange("amq.topic", type="topic", external=True))) == []
    assert [what for what, _ in exchange_problems(Exchange(""))] == [
        "the default exchange is not addressed by its name"
    ]


def test_kinds_that_do_not_exist_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="is none of 'direct', 'fanout', 'topic', 'headers'"):
        Exchange("x", type="x-delayed-message")  # type: ignore[arg-type]  # that is the mistake
    with pytest.raises(ValueError, match="is none of 'quorum', 'classic'"):
        Queue("q", type="stream")  # type: ignore[arg-type]  # that is the mistake
