"""A transport of one's own counts what goes through it, and hands it on."""

from typing import Any, cast

from dependency_injector import providers

from faststream_oo.kafka import KafkaSettings
from tests.api.a15_custom_transport import Counted, CountingTransport


async def test_sends_through_the_own_transport_are_counted() -> None:
    container = Counted()
    cast(Any, container.settings).override(providers.Object(KafkaSettings(driver="memory")))
    async with container.kafka.broker() as broker:
        await broker.publish("orders", {"id": 1})
        receipt = await broker.send_now("orders", {"id": 2})

    transport = container.transport()
    assert isinstance(transport, CountingTransport)
    assert transport.sent == 2
    assert receipt.offset == 1
