"""Sending to one queue or exchange."""

import itertools

from pamqp.commands import Basic

from faststream_oo.errors import PublishError
from faststream_oo.rabbit.address import Exchange, Queue
from faststream_oo.rabbit.properties import native_properties, routing_of
from faststream_oo.rabbit.transports.aio_pika.publisher import Confirm, Publisher
from faststream_oo.transport import Frame


class RabbitSender:
    """Sends to one address.

    Args:
        address: A whole Queue or Exchange.
        publisher: What publishes.
    """

    def __init__(self, address: Queue | Exchange, publisher: Publisher) -> None:
        self._exchange = address.name if isinstance(address, Exchange) else ""
        self._key_of = routing_of(address)
        self._publisher = publisher
        self._unnamed = itertools.count(1).__next__

    def send(self, frame: Frame, /) -> Confirm:
        """Accept a message; the future tells that the server has it in a queue. Raises PublishError."""
        mandatory = frame.options.get("mandatory") is not False
        publish = Basic.Publish(exchange=self._exchange, routing_key=self._key_of(frame), mandatory=mandatory)
        try:
            properties = Basic.Properties(**native_properties(frame))
        except (TypeError, ValueError) as error:
            raise PublishError(f"the message cannot be written in AMQP: {error}") from error
        if properties.message_id is None:
            # An id that is too long for the property is a header; the client tells returned messages by the property.
            properties.message_id = f"long-{self._unnamed()}"
        body = frame.body if frame.copy_of is None else frame.copy_of.body
        return self._publisher.send(publish, properties, body or b"")
