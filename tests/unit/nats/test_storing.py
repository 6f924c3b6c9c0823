"""What a server is too old for is refused, as it would be taken and ignored."""

from typing import cast

import pytest
from nats.aio.client import ServerVersion

from faststream_oo.errors import PublishError
from faststream_oo.nats.packets import Shapes
from faststream_oo.nats.transports.nats_py.connection import NatsConnection
from faststream_oo.nats.transports.nats_py.sending import Publisher
from faststream_oo.nats.transports.nats_py.storing import Confirmations, StreamSender
from faststream_oo.transport import Frame


class Server:
    """Stands for a connection, its client and its publisher."""

    def __init__(self, version: str) -> None:
        self.client = self
        self.connected_server_version = ServerVersion(version)
        self.largest = 1024
        self.shapes: Shapes = {}
        self.denied: list[object] = []

    def new_inbox(self) -> str:
        return "_INBOX.x"

    def tell(self, _listener: object) -> None: ...

    def first(self, _call: object) -> None: ...


def sender(version: str) -> StreamSender:
    server = Server(version)
    return StreamSender(Confirmations(cast(NatsConnection, server), cast(Publisher, server)), "orders")


async def test_an_old_server_does_not_know_how_long_to_keep_a_message() -> None:
    with pytest.raises(PublishError, match=r"ttl= needs server 2\.11, this is 2\.10"):
        sender("2.10.29").send(Frame(b"1", {"fsoo-id": "x"}, options={"ttl": 1.0}))


@pytest.mark.parametrize(("version", "options"), [("2.11.0", {"ttl": 1.0}), ("2.10.29", {"expected_sequence": 1})])
async def test_what_a_server_knows_is_sent(version: str, options: dict[str, object]) -> None:
    assert not sender(version).send(Frame(b"1", {"fsoo-id": "x"}, options=options)).done()
