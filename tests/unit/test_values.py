"""Mistakes in public values that a type checker finds, told to those who use none, where they are made."""

from collections.abc import Sequence
from typing import Any

import pytest

import faststream_oo
from faststream_oo import kafka, nats, rabbit, redis, security


@pytest.mark.parametrize(
    ("cls", "given", "name", "word", "told"),
    [
        (kafka.KafkaSettings, [], "driver", "kafka", "driver='kafka' is none of 'aiokafka', 'confluent', 'memory'"),
        (kafka.KafkaSettings, [], "acks", 2, "acks=2 is none of 'all', 1, 0"),
        (kafka.KafkaSettings, [], "compression", "zip", "is none of 'gzip', 'snappy', 'lz4', 'zstd', None"),
        (rabbit.RabbitSettings, [], "topology", "verfy", "topology='verfy' is none of 'off', 'verify', 'create'"),
        (redis.RedisSettings, [], "envelope", "text", "envelope='text' is none of 'binary', 'json', 'none'"),
        (
            nats.JetStream,
            ["S"],
            "retention",
            "work",
            "retention='work' is none of 'limits', 'interest', 'workqueue'",
        ),
        (nats.KeyValue, ["b"], "watch", "all", "watch='all' is none of 'current', 'history', 'changes'"),
        (rabbit.Queue, ["q"], "type", "stream", "type='stream' is none of 'quorum', 'classic'"),
        (rabbit.Exchange, ["e"], "type", "topc", "type='topc' is none of 'direct', 'fanout', 'topic', 'headers'"),
        (
            security.Scram,
            ["u", "p"],
            "mechanism",
            "SHA",
            "mechanism='SHA' is none of 'SCRAM-SHA-256', 'SCRAM-SHA-512'",
        ),
    ],
)
def test_a_word_that_is_not_known_is_told_with_those_that_are(
    cls: Any, given: Sequence[str], name: str, word: object, told: str
) -> None:
    with pytest.raises(ValueError) as refused:
        cls(*given, **{name: word})
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("cls", "given", "name", "value", "error", "told"),
    [
        (
            rabbit.Queue,
            ["q"],
            "message_ttl",
            "3",
            TypeError,
            "Queue.message_ttl must be a number of at least 0, not '3'",
        ),
        (
            rabbit.Queue,
            ["q"],
            "max_priority",
            256,
            ValueError,
            "Queue.max_priority must be a whole number of at least 1 and of at most 255, not 256",
        ),
        (redis.Stream, ["s"], "max_length", "10", TypeError, "Stream.max_length must be a whole number of at least 1"),
        (redis.Stream, ["s"], "max_length", 1.5, TypeError, "Stream.max_length must be a whole number of at least 1"),
        (nats.Pull, [], "ack_wait", "20", TypeError, "Pull.ack_wait must be a number above 0, not '20'"),
        (nats.Pull, [], "ack_wait", None, TypeError, "Pull.ack_wait must be a number above 0, not None"),
        (nats.Pull, [], "ack_wait", float("nan"), ValueError, "Pull.ack_wait must be a number above 0, not nan"),
        (nats.JetStream, ["s"], "max_bytes", True, TypeError, "JetStream.max_bytes must be a whole number above 0"),
        (nats.KeyValue, ["b"], "ttl", 0.01, ValueError, "KeyValue.ttl must be a number of at least 0.1, not 0.01"),
        (kafka.Topic, ["t"], "partitions", "4", TypeError, "Topic.partitions must be a whole number of at least 1"),
        (
            kafka.TopicPartition,
            ["t"],
            "partition",
            "0",
            TypeError,
            "TopicPartition.partition must be a whole number of at least 0, not '0'",
        ),
        (
            faststream_oo.RetryPolicy,
            [],
            "attempts",
            "3",
            TypeError,
            "RetryPolicy.attempts must be a whole number of at",
        ),
        (faststream_oo.RetryPolicy, [], "delay", "0.5", TypeError, "RetryPolicy.delay must be a number, a list of"),
    ],
)
def test_what_is_no_such_number_is_told_with_its_field(
    cls: Any, given: Sequence[str], name: str, value: object, error: type[Exception], told: str
) -> None:
    with pytest.raises(error) as refused:
        cls(*given, **{name: value})
    assert told in str(refused.value)


def test_a_whole_number_is_a_number_and_none_is_none_where_it_may_be() -> None:
    assert nats.Pull(ack_wait=20).ack_wait == 20
    assert rabbit.Queue("q", message_ttl=None, max_length=0).max_length == 0


def test_one_text_is_not_its_letters() -> None:
    assert kafka.KafkaSettings(servers="one:9092").servers == ("one:9092",)
    assert nats.NatsSettings(servers="nats://one:4222").servers == ("nats://one:4222",)
    assert nats.JetStream("S", subjects="orders.>").subjects == ("orders.>",)


def test_a_binding_is_more_than_the_name_of_an_exchange() -> None:
    wrong: Any = ["events"]
    with pytest.raises(TypeError, match=r"bind= takes Binding\(exchange, routing_key\), not 'events'"):
        rabbit.Queue("q", bind=wrong)


@pytest.mark.parametrize("protocol", [kafka, nats, rabbit, redis])
@pytest.mark.parametrize("decorator", ["consumes", "produces"])
def test_a_decorator_without_an_address_is_refused_where_it_stands(protocol: Any, decorator: str) -> None:
    mark: Any = getattr(protocol, decorator)

    async def placed(self: Any, order: bytes) -> None: ...

    with pytest.raises(TypeError, match=rf'placed: @{decorator} needs an address: @{decorator}\("…"\)'):
        mark(placed)


@pytest.mark.parametrize(
    ("broker", "wanted"),
    [
        (kafka.KafkaBroker, "KafkaSettings"),
        (nats.NatsBroker, "NatsSettings"),
        (rabbit.RabbitBroker, "RabbitSettings"),
        (redis.RedisBroker, "RedisSettings"),
    ],
)
def test_a_broker_wants_its_settings_and_shows_no_url(broker: Any, wanted: str) -> None:
    with pytest.raises(TypeError) as refused:
        broker("redis://user:password@host")
    assert str(refused.value) == f"{wanted}(…) is wanted here, not str"
