"""The framework's own options have short forms in settings."""

import pytest

from faststream_oo.errors import SetupError
from faststream_oo.kafka.options import KafkaConsumeSettings, KafkaSettings
from faststream_oo.markers import Field, Header, Key, Path
from faststream_oo.options import Exponential, RetryPolicy
from faststream_oo.outcome import Ack, DeadLetter, Drop, Outcome, Retry
from faststream_oo.settings import structure


def consume(**data: object) -> KafkaConsumeSettings:
    return structure(KafkaSettings, {"consumers": {"Orders.placed": data}}, "kafka").consumers["Orders.placed"]


def problem(**data: object) -> str:
    with pytest.raises(SetupError) as error:
        consume(**data)
    return str(error.value)


@pytest.mark.parametrize(
    ("delay", "policy"),
    [
        (1, RetryPolicy(3, delay=1.0)),
        ([0.1, 1], RetryPolicy(3, delay=(0.1, 1.0))),
        ({"first": 0.5, "cap": 30}, RetryPolicy(3, delay=Exponential(0.5, cap=30.0))),
        ("0.1, 1", RetryPolicy(3, delay=(0.1, 1.0))),
    ],
)
def test_a_delay_is_a_number_a_list_or_a_growing_one(delay: object, policy: RetryPolicy) -> None:
    assert consume(retry={"attempts": 3, "delay": delay}) == {"retry": policy}


@pytest.mark.parametrize(
    ("text", "marker"),
    [
        ("key", Key()),
        ("partition", "partition"),
        ("header:x-tenant", Header("x-tenant")),
        ("field:customer.id", Field("customer.id")),
        ("path:region", Path("region")),
        (None, None),
        (Key(), Key()),
    ],
)
def test_ordered_by_has_a_word_for_every_marker(text: object, marker: object) -> None:
    assert consume(ordered_by=text) == {"ordered_by": marker}


@pytest.mark.parametrize("text", ["keys", "header:", "header", 5, ["key"]])
def test_another_order_is_refused(text: object) -> None:
    assert problem(ordered_by=text).startswith(
        "kafka.consumers.Orders.placed.ordered_by: "
        "expected key, partition, header:NAME, field:PATH, path:NAME or null, got "
    )


@pytest.mark.parametrize(
    ("form", "outcome"),
    [
        ("ack", Ack()),
        ("retry", Retry()),
        ({"retry": 5}, Retry(5)),
        ({"dead_letter": "foreign"}, DeadLetter("foreign")),
        ({"drop": "old"}, Drop("old")),
        (Drop("old"), Drop("old")),
    ],
)
def test_outcomes_are_words_or_one_word_with_its_reason(form: object, outcome: Outcome) -> None:
    assert consume(unmatched=form) == {"unmatched": outcome}


@pytest.mark.parametrize("form", ["nack", {"drop": 5}, {"drop": "x", "retry": 1}, {"ack": None}, 5, {"retry": True}])
def test_another_outcome_is_refused(form: object) -> None:
    expected = 'expected ack, retry, {retry: seconds}, {dead_letter: "reason"} or {drop: "reason"}, got '
    assert problem(unmatched=form).startswith(f"kafka.consumers.Orders.placed.unmatched: {expected}")


def test_a_bare_dead_letter_is_asked_for_its_reason() -> None:
    assert problem(unmatched="dead_letter").endswith('Hint: a reason belongs to it, {dead_letter: "…"}')


def test_a_retry_of_less_than_no_time_is_refused() -> None:
    assert problem(unmatched={"retry": -1}) == (
        "kafka.consumers.Orders.placed.unmatched: Retry(after=-1): seconds are 0 or more"
    )


def test_error_rules_name_classes_and_give_outcomes_or_policies() -> None:
    rules = {
        "builtins:ValueError": "ack",
        "json.decoder:JSONDecodeError": {"dead_letter": "bad"},
        "builtins:OSError": {"attempts": 2, "delay": 1},
        TimeoutError: RetryPolicy(9),
    }
    from json import JSONDecodeError

    assert consume(errors=rules) == {
        "errors": {
            ValueError: Ack(),
            JSONDecodeError: DeadLetter("bad"),
            OSError: RetryPolicy(2, delay=1.0),
            TimeoutError: RetryPolicy(9),
        }
    }


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("ValueError", 'expected module:Class, got "ValueError". Hint: builtins:TimeoutError'),
        ("builtins:ValuError", 'builtins has no exception class ValuError. Hint: did you mean "ValueError"?'),
        ("builtins:print", "builtins has no exception class print"),
        ("no_such_module:Error", "cannot be imported: No module named 'no_such_module'"),
    ],
)
def test_an_error_class_that_is_not_there_is_told(name: str, what: str) -> None:
    assert problem(errors={name: "ack"}) == f"kafka.consumers.Orders.placed.errors.{name}: {what}"


def test_a_misspelled_policy_of_an_error_rule_is_told_with_its_path() -> None:
    assert problem(errors={"builtins:OSError": {"atempts": 2}}) == (
        'kafka.consumers.Orders.placed.errors.builtins:OSError.atempts: unknown option. Hint: did you mean "attempts"?'
    )


@pytest.mark.parametrize("option", ["codec", "middlewares"])
def test_codecs_and_middlewares_belong_to_the_code(option: str) -> None:
    assert problem(**{option: ["x"]}) == (
        f"kafka.consumers.Orders.placed.{option}: cannot be set here. "
        "Hint: codecs and middlewares are named in the code"
    )


def test_a_dead_letter_address_is_its_name() -> None:
    assert consume(dead_letter="orders.dlq") == {"dead_letter": "orders.dlq"}


def test_an_option_of_a_later_version_is_an_unknown_one() -> None:
    assert problem(rate={"limit": 5}) == "kafka.consumers.Orders.placed.rate: unknown option"
    assert problem(concurency=5).endswith('unknown option. Hint: did you mean "concurrency"?')


def test_a_whole_broker_is_read() -> None:
    settings = structure(
        KafkaSettings,
        {
            "driver": "memory",
            "servers": "a:9092,b:9092",
            "acks": "1",
            "idempotence": "false",
            "compression": "zstd",
            "topology": "off",
            "defaults": {"concurrency": 4},
            "consumers": {"Orders": {"enabled": "false"}, "Orders.placed": {"address": "orders.v2"}},
            "producers": {"Payments.requested": {"confirm_timeout": 10}},
            "config": {"socket.keepalive.enable": True, "retry.backoff.ms": 100},
        },
        "kafka",
    )
    assert settings == KafkaSettings(
        driver="memory",
        servers=("a:9092", "b:9092"),
        acks=1,
        idempotence=False,
        compression="zstd",
        topology="off",
        defaults={"concurrency": 4},
        consumers={"Orders": {"enabled": False}, "Orders.placed": {"address": "orders.v2"}},
        producers={"Payments.requested": {"confirm_timeout": 10.0}},
        config={"socket.keepalive.enable": True, "retry.backoff.ms": 100},
    )
