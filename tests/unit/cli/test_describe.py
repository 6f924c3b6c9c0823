"""What `describe` and `check` tell about an application, on stdout and without connecting."""

import json

from tests.unit.cli.conftest import Run


def test_a_line_for_each_subscription_and_producer(run: Run) -> None:
    code, out, err = run("describe", "billing:Billing")
    assert (code, err) == (0, "")
    assert out == (
        "Billing 1.2.0\n"
        "\n"
        "subscriptions\n"
        "  Orders.placed  orders.placed  body=OrderPlaced group=billing delivery=at_least_once "
        "dead_letters=orders.placed.billing.dlq concurrency=4 ordered_by=partition retry=5 prefetch=500\n"
        "\n"
        "producers\n"
        "  Payments.requested  payments.requested  key=order_id body=PaymentRequested\n"
    )


def test_options_show_in_the_forms_of_the_settings(run: Run) -> None:
    settings = [
        "ordered_by=header:x-tenant",
        "retry={attempts: 2, delay: [0.1, 1]}",
        "timeout=5",
        "unmatched={drop: old}",
        "errors={'builtins:ValueError': ack, 'builtins:OSError': {retry: 3}, 'builtins:KeyError': {attempts: 2}}",
        "dead_letter=letters",
        "delivery=at_most_once",
    ]
    given = [part for one in settings for part in ("--set", f"kafka.defaults.{one}")]
    [subscription] = json.loads(run("describe", "billing:Billing", "--json", *given)[1])["subscriptions"]
    assert subscription["delivery"] == "at_most_once"
    assert subscription["dead_letters"] == ["letters"]
    told = {name: subscription["options"][name] for name in ("ordered_by", "retry", "timeout", "unmatched", "errors")}
    assert told == {
        "ordered_by": "header:x-tenant",
        "retry": {"attempts": 2, "delay": [0.1, 1.0], "deadline": None},
        "timeout": 5.0,
        "unmatched": {"drop": "old"},
        "errors": {
            "builtins:ValueError": "ack",
            "builtins:OSError": {"retry": 3},
            "builtins:KeyError": {
                "attempts": 2,
                "delay": {"first": 0.2, "cap": 10.0, "factor": 2.0, "jitter": 0.1},
                "deadline": None,
            },
        },
    }


def test_prefixes_show_in_every_name(run: Run) -> None:
    described = json.loads(run("describe", "plain", "--json")[1])
    [subscription], [producer] = described["subscriptions"], described["producers"]
    assert subscription["address"] == "test.errors,test.warnings"
    assert subscription["group"] == "test.logs"
    assert subscription["dead_letters"] == ["test.errors.logs.dlq", "test.warnings.logs.dlq"]
    assert producer["address"] == "test.lines.{level}"


def test_json_holds_everything(run: Run) -> None:
    code, out, err = run("describe", "billing:Billing", "--json")
    assert (code, err) == (0, "")
    described = json.loads(out)
    assert described["title"] == "Billing"
    assert described["producers"] == [
        {
            "name": "Payments.requested",
            "broker": "kafka at localhost:9092",
            "address": "payments.requested",
            "kind": None,
            "key": "order_id",
            "body": "PaymentRequested",
            "options": {},
        }
    ]
    [subscription] = described["subscriptions"]
    assert subscription["handlers"] == {"Orders.placed": "OrderPlaced"}


def test_an_embedded_broker_is_told_as_such(run: Run) -> None:
    [producer] = json.loads(run("describe", "billing:Billing", "--json", "--memory")[1])["producers"]
    assert producer["broker"] == "kafka in memory"
    [producer] = json.loads(run("describe", "billing:Billing", "--json", "--set", "kafka.driver=memory")[1])[
        "producers"
    ]
    assert producer["broker"] == "kafka in memory"


def test_check_counts(run: Run) -> None:
    assert run("check", "plain", "--memory") == (0, "ok: 1 subscription, 1 producer\n", "")
    disabled = ["--set", "kafka.consumers.Orders.enabled=false"]
    assert run("check", "billing:Billing", *disabled) == (0, "ok: 0 subscriptions, 1 producer\n", "")
