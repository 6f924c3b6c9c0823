"""The broker of one Redis."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, TypeVar, cast

from attrs import evolve

from faststream_oo.address import Address
from faststream_oo.broker import Broker, Options
from faststream_oo.codec import Codec, reader_of
from faststream_oo.deadletters import DeadLetterWriter
from faststream_oo.errors import Problem, SetupError
from faststream_oo.intake import Intake
from faststream_oo.message import Message, Outgoing
from faststream_oo.middleware import Middleware
from faststream_oo.publishing import is_batch, is_outgoing
from faststream_oo.pulling import PREFETCH, Reader
from faststream_oo.redis.address import (
    Channel,
    List,
    RedisAddress,
    ReplyStream,
    Stream,
    is_entry_id,
    renamed,
    source_problem,
    target_problem,
)
from faststream_oo.redis.message import RedisMessage, RedisOutgoing, RedisReceipt
from faststream_oo.redis.options import (
    CLAIM_AFTER,
    RedisClassOptions,
    RedisProduceOptions,
    RedisRouteOptions,
    RedisSettings,
)
from faststream_oo.redis.running import RedisPipeline
from faststream_oo.redis.transport import Piped, RedisTransport, client_problems, is_message, make_transport
from faststream_oo.subscription import Subscription
from faststream_oo.transport import Frame
from faststream_oo.values import expect

R = TypeVar("R")
T = TypeVar("T")

_NATIVE: Final = (Stream, List, Channel)
_ENDS: Final = frozenset({"earliest", "latest"})


class RedisBroker(Broker):
    """Sends and receives messages of one Redis.

    Args:
        settings: Connection and defaults.
        transport: Takes the place of the one that `settings.driver` names.
        codec: Default `JsonCodec()`.
        middlewares: Around everything this broker sends and handles, the first outermost.
    """

    message_type: ClassVar[type[Message]] = RedisMessage
    outgoing_type: ClassVar[type[Outgoing[Any]]] = RedisOutgoing
    produce_names: ClassVar[frozenset[str]] = frozenset(RedisProduceOptions.__annotations__)
    consume_names: ClassVar[frozenset[str]] = frozenset(
        {*RedisClassOptions.__annotations__, *RedisRouteOptions.__annotations__}
    )
    running_type: ClassVar[type[Any]] = Intake
    consume_defaults: ClassVar[Mapping[str, Any]] = {"prefetch": 100, "delivery": "at_least_once"}
    letters_declared: ClassVar[bool] = False

    def __init__(
        self,
        settings: RedisSettings,
        *,
        transport: RedisTransport | None = None,
        codec: Codec | None = None,
        middlewares: Sequence[Middleware] = (),
    ) -> None:
        expect(settings, RedisSettings)
        options = Options(
            protocol="redis",
            servers=settings.servers,
            prefix=settings.prefix,
            topology=settings.topology,
            embedded=settings.driver == "memory",
            defaults=cast(Mapping[str, Any], settings.defaults),
            consumers=cast(Mapping[str, Mapping[str, Any]], settings.consumers),
            producers=cast(Mapping[str, Mapping[str, Any]], settings.producers),
        )
        super().__init__(options, codec=codec, middlewares=middlewares)
        self._settings = settings
        self._transport = transport

    @property
    def settings(self) -> RedisSettings:
        """Connection and defaults."""
        return self._settings

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        """The running subscriptions."""
        return tuple(self.running)

    async def publish(self, address: str | RedisAddress, body: object, /) -> None:
        """Publish a body, a `RedisOutgoing`, or a `Batch` of either; `str` is short for `Stream`.

        While a message is being handled it is held until the handler succeeds; elsewhere it returns when the server has it.

        Raises:
            PublishError: The server refused it, or did not answer within 30 seconds.
        """
        await self.publish_to(address, body)

    async def send_now(self, address: str | RedisAddress, body: object, /) -> RedisReceipt:
        """Send one message past the outbox, and return what the server answered. Raises PublishError."""
        return cast(RedisReceipt, await self.send_past_outbox(address, body))

    async def request(
        self,
        address: str | RedisAddress,
        body: object,
        /,
        *,
        reply: type[R],
        timeout: float = 30.0,  # noqa: ASYNC109 - seconds, as everywhere in this API
    ) -> R:
        """Send a request and return its decoded reply.

        Raises:
            RequestTimeoutError: No reply in `timeout` seconds.
            RemoteError: The other side failed.
            PublishError: The server refused the request.
        """
        return cast(R, await self.request_by_hand(address, body, reply, timeout))

    def reader(
        self,
        address: str | RedisAddress,
        of: type[T],
        /,
        *,
        group: str | None = None,
        start: Literal["earliest", "latest"] | str = "latest",  # noqa: PYI051 - an editor offers the two words
    ) -> Reader[RedisMessage[T]]:
        """Open a reader; a stream without a group is read from `start` and acknowledges nothing.

        Raises:
            SetupError: Redis would refuse the address, or it has no groups.
        """
        native = self.native(address)
        options = {**self.options.defaults, **self.defaults_of(native), "prefetch": PREFETCH}
        if isinstance(native, Stream):
            options |= {"start": start, "delivery": "at_least_once" if group is not None else "at_most_once"}
        wrong = [
            *self.address_problems(native, consuming=True),
            *self.option_problems({**options, "group": group}, native),
        ]
        if wrong:
            raise SetupError([Problem(str(address), what, hint) for what, hint in wrong])
        whole = None if group is None else self.options.prefix + group
        place, terms = self.locate(native), self.source_options(options, whole, 0.0)
        letters = DeadLetterWriter(self, "reader", whole, None)
        return Reader(self, lambda: self.source(place, terms), letters, reader_of(self.codec.decoder(of)))

    def pipeline(self, *, transaction: bool = True) -> RedisPipeline:
        """Open a pipeline; without `transaction` others may come in between."""

        async def send(gathered: Sequence[Piped]) -> None:
            await cast(RedisTransport, self.transport).execute(gathered, transaction=transaction)
            if (observer := self.observer) is not None:
                for one in filter(is_message, gathered):
                    observer.sent(*one, None)

        return RedisPipeline(self._piped, send)

    async def _piped(self, address: str | Address, body: object) -> Sequence[Piped]:
        """Return the messages of a body, each with its whole address, as a Producer would make them."""
        if is_batch(body):
            return [one for item in body for one in await self._piped(address, item)]
        publication = self._by_hand(address)
        made: list[Piped] = []

        async def last(outgoing: Outgoing[Any]) -> None:
            made.append(await publication.framed(outgoing))

        outgoing = body if is_outgoing(body) else self.outgoing(body)
        await publication.through(outgoing, last)
        return made

    # What the core asks -------------------------------------------------------------------------------------------

    def connect(self) -> RedisTransport:
        """Return the transport to open; no I/O."""
        return self._transport or make_transport(evolve(self._settings, prefix=self.options.prefix))

    def native(self, address: str | Address, /) -> Address:
        """Return a Stream for text."""
        return Stream(address) if isinstance(address, str) else address

    def renamed(self, address: Address, name: str, /) -> Address:
        """Return the same kind of address under another name."""
        return renamed(cast(RedisAddress, address), name)

    def readdressed(self, address: Address, name: str, /) -> Address:
        """Return the same kind of address under the name that the settings give it."""
        return self.renamed(address, name)

    def prefixed(self, address: Address, prefix: str, /) -> Address:
        """Return an address with a prefix before its name; an external stream as it is."""
        if not prefix or not isinstance(address, _NATIVE) or (isinstance(address, Stream) and address.external):
            return address
        return renamed(address, prefix + address.name)

    def frame_options(self, outgoing: Outgoing[Any], options: Mapping[str, Any], /) -> Mapping[str, object]:
        """Return none: a message has no options of its own on Redis."""
        return options

    def defaults_of(self, address: Address, /) -> Mapping[str, Any]:
        """Return the defaults of a subscription: a channel promises less than a key."""
        defaults = self.consume_defaults
        return {**defaults, "delivery": "at_most_once"} if isinstance(address, Channel) else defaults

    async def undeclare(self, transport: Any, addresses: Sequence[Address], /) -> None:
        """Delete streams and lists over an open transport. Raises TransportError."""
        await cast(RedisTransport, transport).delete([one.name for one in addresses if not isinstance(one, Channel)])

    def dead_letter(self, source: str, group: str | None, /) -> Address | None:
        """Return the stream `<key>:<group>:dlq`, or `<key>:dlq` without a group, whole."""
        prefix = self.options.prefix
        parts = [source.removeprefix(prefix), *([] if group is None else [group.removeprefix(prefix)]), "dlq"]
        name = prefix + ":".join(parts)
        return self.concrete(Stream(name), name)

    def source_options(self, options: Mapping[str, Any], group: str | None, drain_timeout: float, /) -> dict[str, Any]:
        """Return the fields of `RedisSourceOptions` from the resolved options of a subscription."""
        return {
            "group": group,
            "settles": options["delivery"] != "at_most_once",
            "start": options.get("start"),
            "claim_after": options.get("claim_after", CLAIM_AFTER),
        }

    def answering(self, message: Message, /) -> tuple[Address, Mapping[str, object]]:
        """Return the stream that a request names; FastStream's requests name a channel."""
        ours = "fsoo-reply-to" in message.headers
        return (ReplyStream if ours else Channel)(message.reply_to or ""), {}

    def message_of(self, address: Address, frame: Frame, /) -> Message:
        """Return a frame as the message that it will be, for a test."""
        return RedisMessage(
            value=frame.value,
            body=frame.body or b"",
            headers=dict(frame.headers),
            key=frame.key,
            id=frame.headers.get("fsoo-id", ""),
            reply_to=frame.headers.get("fsoo-reply-to"),
        )

    def problems(self) -> Sequence[Problem]:
        """Return what is wrong with the settings, as far as that is known without connecting."""
        return client_problems(self._settings) if self._transport is None else ()

    def address_problems(self, address: Address, /, *, consuming: bool) -> Sequence[tuple[str, str]]:
        """Return why Redis would refuse an address."""
        if not isinstance(address, _NATIVE):
            return [(f"{address!r} is no address of Redis", "Stream, List or Channel")]
        found = source_problem(address) if consuming else target_problem(address)
        return [] if found is None else [found]

    def option_problems(self, options: Mapping[str, Any], address: Address, /) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the resolved options of a subscription."""
        found: list[tuple[str, str]] = []
        group, delivery = options.get("group"), options["delivery"]
        match address:
            case Stream():
                found += _stream_problems(options, group, delivery)
            case Channel():
                if delivery != "at_most_once":
                    found.append(("a channel is at most once", "Stream, or leave delivery out"))
                found += _foreign_problems(options, ("group", "start", "claim_after"), "Channel, which keeps nothing")
            case List():
                found += _foreign_problems(options, ("group", "start"), "List, which its workers share")
            case _:
                return []
        if "claim_after" in options and delivery == "at_most_once" and not isinstance(address, Channel):
            found.append(("claim_after is refused where nothing is acknowledged", "leave it out"))
        if (letter := options.get("dead_letter")) is not None:
            name = self.native(letter).name
            if name == address.name:
                found.append((f'dead_letter="{name}" is what it consumes', ""))
        return found

    def produce_problems(self, options: Mapping[str, Any], address: Address, /) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the resolved options of a `@produces`."""
        if self._settings.envelope != "none" or isinstance(address, Stream):
            return []
        hint = 'redis.envelope: "binary", or a Stream'
        wrong = [name for name in ("key", "headers") if options.get(name)]
        return [(f'{name}= is refused: "{address.name}" has no envelope that carries it', hint) for name in wrong]

    def shares(self, address: Address, /) -> Sequence[str]:
        """Return the key or channel."""
        return [address.name]

    def sharing(self, options: Mapping[str, Any], address: Address, /) -> str | None:
        """Return the group of a stream; workers always share a list, and each gets everything of a channel."""
        return "" if isinstance(address, List) else options.get("group")

    def parts(self, address: Address, /) -> Sequence[str]:
        """Return the captured parts of a channel."""
        return address.parts if isinstance(address, Channel) else []

    def part_hint(self, address: Address, part: str, /) -> str:
        """Return how a part would be captured."""
        return f'Channel("…{{{part}}}…")' if isinstance(address, Channel) else "only channels have captured parts"


def _stream_problems(options: Mapping[str, Any], group: object, delivery: object) -> Sequence[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if group is None and delivery != "at_most_once":
        found.append(("a stream is read by a group", 'group="billing", or delivery="at_most_once"'))
    if group == "":
        found.append(('group="" is no name', ""))
    start = options.get("start")
    if start is not None and start not in _ENDS and not is_entry_id(start):
        found.append((f'start="{start}" is no entry id', 'start="earliest", "latest" or "1700000000000-0"'))
    return found


def _foreign_problems(options: Mapping[str, Any], names: Sequence[str], kind: str) -> Sequence[tuple[str, str]]:
    return [(f"{name} is refused on {kind}", "Stream") for name in names if options.get(name) is not None]
