"""Mistakes in public values that a type checker finds, told to those who use none, where they are made."""

from collections.abc import Sequence
from typing import Any

import pytest

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
