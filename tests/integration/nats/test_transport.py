"""What the transports themselves refuse, whoever uses them."""

import pytest

from faststream_oo.errors import PublishError, TransportError
from faststream_oo.nats import Subject, Subjects
from faststream_oo.nats.claim import Limits
from faststream_oo.transport import Frame
from tests.integration.kinds import of
from tests.integration.nats.worlds import NatsWorld

pytestmark = of("nats")


async def test_what_cannot_be_subscribed_or_published_to_is_refused(world: NatsWorld) -> None:
    with world.below():
        transport = world.transport(Limits())
        await transport.open()
        for name in ("a..b", "a b", "", "a\r\nb", "a.>.b"):
            with pytest.raises(TransportError):
                transport.source(Subject(name), {"group": None})
            with pytest.raises(PublishError):
                transport.sender(Subject(name)).send(Frame(b""))
        with pytest.raises(TransportError):
            transport.source(Subjects("a", "b "), {"group": None})
        with pytest.raises(TransportError):
            transport.source(Subject("a"), {"group": "a b"})
        await transport.ping()
        await transport.close()


async def test_a_transport_that_is_not_open_says_so(world: NatsWorld) -> None:
    with world.below():
        transport = world.transport(Limits())
        with pytest.raises(TransportError, match="is not open"):
            await transport.ping()
        with pytest.raises(TransportError, match="is not open"):
            transport.sender(Subject("a"))
        await transport.open()
        sender = transport.sender(Subject("a"))
        await transport.close()
        with pytest.raises(PublishError):
            sender.send(Frame(b""))


async def test_there_is_nothing_to_declare(world: NatsWorld) -> None:
    with world.below():
        transport = world.transport(Limits())
        await transport.open()
        assert await transport.declare([Subject("a")], "create") == []
        await transport.close()
