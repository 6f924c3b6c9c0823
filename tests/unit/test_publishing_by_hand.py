"""Where nothing can be published to is said at the call, as it is when an application is checked."""

from typing import Any

import pytest

from faststream_oo.errors import PublishError
from faststream_oo.kafka import KafkaBroker, KafkaSettings, TopicPattern
from faststream_oo.nats import NatsBroker, NatsSettings
from faststream_oo.rabbit import Exchange, RabbitBroker, RabbitSettings
from faststream_oo.redis import Channel, RedisBroker, RedisSettings


@pytest.mark.parametrize(
    ("broker", "address", "told"),
    [
        (KafkaBroker(KafkaSettings(driver="memory")), "a b", '"a b" is no topic name'),
        (KafkaBroker(KafkaSettings(driver="memory")), TopicPattern("a.*"), r'"a\.\*" is consumed only'),
        (
            RabbitBroker(RabbitSettings(driver="memory")),
            Exchange(""),
            "the default exchange is not addressed by its name",
        ),
        (NatsBroker(NatsSettings(driver="memory")), "a.*", r'"a\.\*" is a wildcard'),
        (RedisBroker(RedisSettings(driver="memory")), Channel("a.*"), r'"a\.\*" is a pattern'),
        (RedisBroker(RedisSettings(driver="memory")), "", "an empty name is refused"),
    ],
)
async def test_an_address_that_takes_nothing_is_refused(broker: Any, address: object, told: str) -> None:
    async with broker:
        for send in (broker.publish, broker.send_now):
            with pytest.raises(PublishError, match=told):
                await send(address, b"")
