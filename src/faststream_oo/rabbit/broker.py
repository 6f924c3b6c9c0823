"""The broker of a RabbitMQ server."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, cast

from attrs import evolve

from faststream_oo.address import Address
from faststream_oo.broker import Broker, Options
from faststream_oo.codec import Codec
from faststream_oo.errors import Problem, TransportError
from faststream_oo.framing import field_getter
from faststream_oo.intake import Intake
from faststream_oo.message import Message, Outgoing
from faststream_oo.middleware import Middleware
from faststream_oo.publishing import placeholders
from faststream_oo.rabbit.address import (
    Binding,
    Exchange,
    KeyedExchange,
    Queue,
    answer_place,
    exchange_problems,
    parts_of,
    queue_problems,
)
from faststream_oo.rabbit.message import RabbitMessage, RabbitOutgoing
from faststream_oo.rabbit.options import RabbitClassOptions, RabbitProduceOptions, RabbitRouteOptions, RabbitSettings
from faststream_oo.rabbit.properties import routing_of
from faststream_oo.rabbit.transport import RabbitTransport, client_problems, make_transport
from faststream_oo.subscription import Subscription
from faststream_oo.transport import Frame, Transport
from faststream_oo.values import expect

R = TypeVar("R")

_CONSUMER_TIMEOUT = 1800.0
"""Seconds the server lets a delivery be unacknowledged, as it is configured by default."""

_PER_MESSAGE = ("routing_key", "priority", "persistent", "mandatory", "expiration", "timestamp", "app_type", "user_id")


class RabbitBroker(Broker):
    """Sends and receives messages of one server or cluster.

    Args:
        settings: Connection and defaults.
        transport: Takes the place of the one that `settings.driver` names.
        codec: Default `JsonCodec()`.
        middlewares: Around everything this broker sends and handles, the first outermost.
    """

    message_type: ClassVar[type[Message]] = RabbitMessage
    outgoing_type: ClassVar[type[Outgoing[Any]]] = RabbitOutgoing
    produce_names: ClassVar[frozenset[str]] = frozenset(RabbitProduceOptions.__annotations__)
    consume_names: ClassVar[frozenset[str]] = frozenset(
        {*RabbitClassOptions.__annotations__, *RabbitRouteOptions.__annotations__}
    )
    running_type: ClassVar[type[Any]] = Intake
    consume_defaults: ClassVar[Mapping[str, Any]] = {"prefetch": 100}
    absent_options: ClassVar[Mapping[str, str]] = {
        "group": "workers share a queue by its name; who shall see all has a queue of its own"
    }

    def __init__(
        self,
        settings: RabbitSettings,
        *,
        transport: RabbitTransport | None = None,
        codec: Codec | None = None,
        middlewares: Sequence[Middleware] = (),
    ) -> None:
        expect(settings, RabbitSettings)
        options = Options(
            protocol="rabbit",
            servers=settings.servers,
            prefix=settings.prefix,
            topology=settings.topology,
            defaults=cast(Mapping[str, Any], settings.defaults),
            consumers=cast(Mapping[str, Mapping[str, Any]], settings.consumers),
            producers=cast(Mapping[str, Mapping[str, Any]], settings.producers),
        )
        super().__init__(options, codec=codec, middlewares=middlewares)
        self._settings = settings
        self._transport = transport
        self._keys: dict[str, Callable[[object], str]] = {}

    @property
    def settings(self) -> RabbitSettings:
        """Connection and defaults."""
        return self._settings

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        """The running subscriptions."""
        return tuple(self.running)

    async def publish(self, address: str | Queue | Exchange, body: object, /) -> None:
        """Publish a body, a `RabbitOutgoing`, or a `Batch` of either; `str` is short for `Queue`.

        While a message is being handled it is held until the handler succeeds; elsewhere it returns when confirmed.

        Raises:
            PublishError: Not confirmed within 30 seconds, or taken by no queue.
        """
        await self.publish_to(address, body)

    async def send_now(self, address: str | Queue | Exchange, body: object, /) -> None:
        """Send one message past the outbox; return when confirmed. Raises PublishError."""
        await self.send_past_outbox(address, body)

    async def request(
        self,
        address: str | Queue | Exchange,
        body: object,
        /,
        *,
        reply: type[R],
        timeout: float = 30.0,  # noqa: ASYNC109 - seconds, as everywhere in this API
    ) -> R:
        """Send a request and return its decoded reply, by direct reply-to.

        Raises:
            RequestTimeoutError: No reply in `timeout` seconds.
            RemoteError: The other side failed.
            PublishError: The request was not confirmed, or taken by no queue.
        """
        return cast(R, await self.request_by_hand(address, body, reply, timeout))

    async def declare(self, *addresses: Queue | Exchange) -> None:
        """Create what is missing, with its bindings. Raises TransportError when it exists otherwise."""
        differences = await self.transport.declare([self.locate(address) for address in addresses], "create")
        if differences:
            raise TransportError("; ".join(differences))

    async def bind(self, to: Queue | Exchange, binding: Binding, /) -> None:
        """Make a binding. Raises TransportError."""
        await self._rabbit.bind(*self._bound(to, binding))

    async def unbind(self, to: Queue | Exchange, binding: Binding, /) -> None:
        """Remove a binding; one that is not there is no error. Raises TransportError."""
        await self._rabbit.unbind(*self._bound(to, binding))

    async def delete(self, address: Queue | Exchange, /, *, if_unused: bool = False) -> None:
        """Delete a queue with its messages, or an exchange; one that is not there is no error. Raises TransportError."""
        await self._rabbit.delete(cast("Queue | Exchange", self.locate(address)), if_unused=if_unused)

    async def purge(self, queue: str | Queue, /) -> int:
        """Delete the waiting messages of a queue; returns how many. Raises TransportError."""
        return await self._rabbit.purge(cast(Queue, self.locate(queue)))

    @property
    def _rabbit(self) -> RabbitTransport:
        return cast(RabbitTransport, self.transport)

    def _bound(self, to: Queue | Exchange, binding: Binding) -> "tuple[Queue | Exchange, Binding]":
        prefix = self.options.prefix
        return cast("Queue | Exchange", self.locate(to)), self._whole_binding(binding, prefix, prefix)

    def connect(self) -> RabbitTransport:
        """Return the transport to open; no I/O."""
        return self._transport or make_transport(self._settings)

    def native(self, address: str | Address, /) -> Address:
        """Return a Queue for text."""
        return Queue(address) if isinstance(address, str) else address

    def renamed(self, address: Address, name: str, /) -> Address:
        """Return the same address under another name."""
        return evolve(cast("Queue | Exchange", address), name=name)

    def readdressed(self, address: Address, name: str, /) -> Address:
        """Return the same queue or exchange under the name that the settings give it."""
        return self.renamed(address, name)

    def prefixed(self, address: Address, prefix: str, /) -> Address:
        """Return an address with a prefix before its name and its keys, and before those it is bound to."""
        return self._whole_address(address, prefix, prefix)

    def class_prefixed(self, address: Address, prefix: str, /) -> Address:
        """Return an address with a class's prefix: before queues and routing keys, not before exchanges."""
        return self._whole_address(address, prefix, "")

    def _whole_address(self, address: Address, prefix: str, of_exchanges: str) -> Address:
        match address:
            case Queue() | Exchange() if address.external or not prefix:
                return address
            case Queue():
                bind = [self._whole_binding(one, prefix, of_exchanges) for one in address.bind]
                return evolve(address, name=prefix + address.name, bind=bind)
            case Exchange():
                return _keyed(
                    evolve(
                        address,
                        name=of_exchanges + address.name,
                        bind=[self._whole_binding(one, prefix, of_exchanges) for one in address.bind],
                    ),
                    prefix,
                )
            case _:
                return address

    def _whole_binding(self, binding: Binding, prefix: str, of_exchanges: str) -> Binding:
        """Return a binding to the whole exchange; nobody puts our prefix before the keys of a foreign one."""
        source = cast(Exchange, self._whole_address(binding.source, prefix, of_exchanges))
        key = binding.routing_key if source.external else prefix + binding.routing_key
        return evolve(binding, exchange=source, routing_key=key)

    def frame_options(self, outgoing: Outgoing[Any], options: Mapping[str, Any], /) -> Mapping[str, object]:
        """Return the properties of one message, those of `@produces` below; the routing key is filled in."""
        chosen = dict(options)
        if isinstance(outgoing, RabbitOutgoing):
            own = {name: value for name in _PER_MESSAGE if (value := getattr(outgoing, name)) is not None}
            chosen.update(own)
        if (key := chosen.get("routing_key")) and "{" in key:
            chosen["routing_key"] = self._filled(key)(outgoing.body)
        return chosen

    def _filled(self, key: str) -> Callable[[object], str]:
        """Return what fills a routing key from a body, compiled once."""
        if key not in self._keys:
            getters = [("{" + part + "}", field_getter(part)) for part in placeholders(key)]

            def fill(body: object) -> str:
                filled = key
                for part, get in getters:
                    filled = filled.replace(part, str(get(body)))
                return filled

            self._keys[key] = fill
        return self._keys[key]

    def named_fields(self, options: Mapping[str, Any], /) -> Sequence[tuple[str, str]]:
        """Return the fields of the body in the routing key."""
        return [("routing_key=", part) for part in placeholders(options.get("routing_key", ""))]

    async def undeclare(self, transport: Transport[Any], addresses: Sequence[Address], /) -> None:
        """Delete queues and exchanges over an open transport. Raises TransportError."""
        for address in addresses:
            await cast(RabbitTransport, transport).delete(cast("Queue | Exchange", address), if_unused=False)

    def dead_letter(self, source: str, group: str | None, /) -> Address | None:
        """Return `<queue>.dlq`, whole."""
        prefix = self.options.prefix
        name = f"{prefix}{source.removeprefix(prefix)}.dlq"
        return self.concrete(Queue(name), name)

    def source_options(self, options: Mapping[str, Any], group: str | None, drain_timeout: float, /) -> dict[str, Any]:
        """Return the fields of `RabbitSourceOptions` from the resolved options of a subscription."""
        return {
            "settles": options["delivery"] != "at_most_once",
            "prefetch": options["prefetch"],
            "exclusive": options.get("exclusive", False),
        }

    def expiring(self, timeout: float, /) -> Mapping[str, object]:
        """Return the expiry of a request that nobody needs after so many seconds."""
        return {"expiration": timeout}

    def answering(self, message: Message, /) -> tuple[Address, Mapping[str, object]]:
        """Return queue or exchange that a request names. The server says of direct replies that no queue takes them."""
        place, key = answer_place(message.reply_to or "")
        return place, {"routing_key": key} if isinstance(place, Exchange) else {"mandatory": False}

    def message_of(self, address: Address, frame: Frame, /) -> Message:
        """Return a frame as the message that it will be, for a test; its queue is that of a Queue alone."""
        prefix = self.options.prefix
        name = address.name.removeprefix(prefix)
        key = routing_of(cast("Queue | Exchange", address))(frame)
        return RabbitMessage(
            value=frame.value,
            body=frame.body or b"",
            headers=dict(frame.headers),
            key=frame.key,
            id=frame.headers.get("fsoo-id", ""),
            reply_to=frame.headers.get("fsoo-reply-to"),
            queue=name if isinstance(address, Queue) else "",
            exchange=name if isinstance(address, Exchange) else "",
            routing_key=key.removeprefix(prefix),
            priority=cast("int | None", frame.options.get("priority")) or 0,
        )

    def problems(self) -> Sequence[Problem]:
        """Return what is wrong with the settings, as far as that is known without connecting."""
        problem = Problem("rabbit.url", "is no amqp:// or amqps:// URL", "amqp://user:password@host:5672/")
        wrong = [problem for url in self._settings.urls if not url.startswith(("amqp://", "amqps://"))]
        return wrong if self._transport is not None else [*wrong, *client_problems(self._settings)]

    def address_problems(self, address: Address, /, *, consuming: bool) -> Sequence[tuple[str, str]]:
        """Return why RabbitMQ would refuse an address."""
        found: list[tuple[str, str]] = []
        match address:
            case Queue():
                found += queue_problems(address)
                if consuming and any(c in address.name for c in "{}"):
                    hint = 'Queue("orders", bind=[Binding(Exchange("events", type="topic"), "orders.{region}")])'
                    found.append(("queues have no captured parts, their bindings have", hint))
                found += self._prefix_problems(address.bind)
            case Exchange() if consuming:
                hint = f'Queue("…", bind=[Binding("{address.name}", "…")])'
                found.append(("an exchange keeps nothing, so it cannot be consumed", hint))
            case Exchange():
                found += exchange_problems(address)
                found += self._prefix_problems(address.bind)
            case _:
                found.append((f"{address!r} is no address of RabbitMQ", "Queue or Exchange"))
        return found

    def _prefix_problems(self, bindings: Sequence[Binding]) -> Sequence[tuple[str, str]]:
        """Wildcards are whole words: one must not grow together with a prefix."""
        prefix = self.options.prefix
        if not prefix or prefix.endswith("."):
            return []
        return [
            (f'"{prefix}{one.routing_key}": a wildcard is a whole word', f'rabbit.prefix: "{prefix}."')
            for one in bindings
            if not one.source.external and one.native_key.partition(".")[0] in {"*", "#"}
        ]

    def option_problems(self, options: Mapping[str, Any], address: Address, /) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the resolved options of a subscription."""
        found: list[tuple[str, str]] = []
        if options.get("exclusive") and isinstance(address, Queue) and address.type == "quorum":
            hint = 'Queue(…, single_active=True), or type="classic"'
            found.append((f'exclusive= is refused on "{address.name}": quorum queues take every consumer', hint))
        waits = options["retry"].longest_wait
        if waits >= _CONSUMER_TIMEOUT:
            what = (
                f"attempts in place may wait {waits:.0f} s, the server's consumer_timeout is {_CONSUMER_TIMEOUT:.0f} s"
            )
            found.append((what, "fewer attempts or shorter delays"))
        if (timeout := options.get("timeout")) is not None and timeout >= _CONSUMER_TIMEOUT:
            what = f"timeout={timeout:g} is not below the server's consumer_timeout of {_CONSUMER_TIMEOUT:.0f} s"
            found.append((what, "a shorter timeout"))
        return found

    def produce_problems(self, options: Mapping[str, Any], address: Address, /) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the resolved options of a `@produces`."""
        found: list[tuple[str, str]] = []
        if isinstance(address, Queue) and "routing_key" in options:
            found.append((f'routing_key= is for an exchange, and "{address.name}" is a queue', "an Exchange"))
        if not 0 <= options.get("priority", 0) <= 255:
            found.append((f"priority={options['priority']} is not from 0 to 255", ""))
        if options.get("expiration", 0.0) < 0:
            found.append((f"expiration={options['expiration']:g}: seconds are 0 or more", ""))
        return found

    def shares(self, address: Address, /) -> Sequence[str]:
        """Return the queue."""
        return [address.name]

    def sharing(self, options: Mapping[str, Any], address: Address, /) -> str | None:
        """Workers always share a queue."""
        return ""

    def parts(self, address: Address, /) -> Sequence[str]:
        """Return the captured parts of a queue's bindings."""
        return parts_of(address) if isinstance(address, Queue) else []


def _keyed(exchange: Exchange, prefix: str) -> KeyedExchange:
    """Return an exchange whose keys have a prefix, before the one they have already."""
    inner = exchange.key_prefix if isinstance(exchange, KeyedExchange) else ""
    fields = {name: getattr(exchange, name) for name in ("name", "type", "durable", "auto_delete", "bind", "arguments")}
    return KeyedExchange(**fields, key_prefix=prefix + inner)
