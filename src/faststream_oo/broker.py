"""What the brokers of all protocols have in common."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Self

from attrs import evolve, frozen

from faststream_oo.address import Address
from faststream_oo.answers import Answers
from faststream_oo.clock import Clock
from faststream_oo.codec import Codec, reader_of
from faststream_oo.codecs.json import JsonCodec
from faststream_oo.current import EMBEDDING, Observer, clock
from faststream_oo.endpoint import Endpoint
from faststream_oo.errors import LifecycleError, Problem, PublishError
from faststream_oo.message import Batch, Message, Outgoing
from faststream_oo.middleware import Middleware, PublishMiddleware
from faststream_oo.options import Topology
from faststream_oo.outbox import Confirmations
from faststream_oo.publishing import Publication, Terms, identities, produced_body
from faststream_oo.requests import Request, Requests
from faststream_oo.routes import Mark, class_options, class_prefix, marks_of, merge, requests_of
from faststream_oo.subscription import State, Subscription
from faststream_oo.transport import Frame, Sender, Sink, Source, Transport
from faststream_oo.watched import WatchedSender

_DOCS = frozenset({"title", "description", "tags"})


@frozen
class Options:
    """What a protocol tells the core about its settings.

    Attributes:
        protocol: First part of paths in the settings and of origins, as `kafka`.
        servers: Where it connects, without credentials.
        prefix: Put before every address and group.
        topology: What is done with declared addresses.
        defaults: Options of every consumer, below the code.
        consumers: Options by `Class` or `Class.method`, above the code.
        producers: The same for producers.
        embedded: Whether the settings ask for the embedded broker.
    """

    protocol: str
    servers: str
    prefix: str
    topology: Topology
    defaults: Mapping[str, Any]
    consumers: Mapping[str, Mapping[str, Any]]
    producers: Mapping[str, Mapping[str, Any]]
    embedded: bool = False


class Broker(ABC):
    """Moves messages of one protocol; use it as an async context manager where no Application owns it.

    Args:
        options: What the protocol's settings say.
        codec: Default `JsonCodec()`.
        middlewares: Around everything this broker sends and handles, the first outermost.
    """

    message_type: ClassVar[type[Message]]
    """What handlers may annotate as the message."""
    outgoing_type: ClassVar[type[Outgoing[Any]]]
    """What carries per-message options."""
    produce_names: ClassVar[frozenset[str]]
    """Names of the options of `@produces`."""
    consume_names: ClassVar[frozenset[str]]
    """Names of the options of `@consumes`, class keywords and settings."""
    running_type: ClassVar[type[Any]]
    """What runs a subscription: the core's Intake, with the protocol's own controls."""
    consume_defaults: ClassVar[Mapping[str, Any]]
    """The protocol's defaults, where they are not the core's."""
    absent_options: ClassVar[Mapping[str, str]] = {}
    """What to do instead of options that other protocols have."""
    letters_declared: ClassVar[bool] = True
    """Whether a dead-letter address has to be there before the first letter."""

    def __init__(self, options: Options, *, codec: Codec | None = None, middlewares: Sequence[Middleware] = ()) -> None:
        self.options = options
        self.endpoint = Endpoint(options.protocol, options.servers)
        self.codec: Codec = JsonCodec() if codec is None else codec
        self.middlewares: tuple[Middleware, ...] = tuple(middlewares)
        self.outer_middlewares: tuple[Middleware, ...] = ()
        """Those of the application that owns it, outside its own."""
        self.new_id = identities()
        self.running: list[Subscription] = []
        self.given: dict[type[object], object] = {}
        """Objects of the codec and middleware classes that options name, as the container provides them."""
        self._state: State = "new"
        self._opened: Transport[Any] | None = None
        self._clock: Clock | None = None
        self._confirmations: Confirmations | None = None
        self._methods: dict[tuple[type[object], str], Sequence[Publication]] = {}
        self._adhoc: dict[str | Address, Publication] = {}
        self._asked: dict[tuple[type[object], str], Request] = {}
        self._readers: dict[object, Callable[[Message], Any]] = {}
        self._requests: Requests | None = None
        self._senders: dict[Address, Sender[Any]] = {}
        self._whole: dict[Address, Address] = {}
        self._whole_ids: dict[int, Address] = {}
        self._ensured: set[Address] = set()

    # What a protocol adds -----------------------------------------------------------------------------------------

    @abstractmethod
    def connect(self) -> Transport[Any]:
        """Return the transport to open; no I/O."""

    @abstractmethod
    def native(self, address: str | Address, /) -> Address:
        """Return a native address; `str` is short for the usual kind."""

    @abstractmethod
    def renamed(self, address: Address, name: str, /) -> Address:
        """Return an address of the same kind under another name."""

    @abstractmethod
    def prefixed(self, address: Address, prefix: str, /) -> Address:
        """Return an address with a prefix before its name; an external one as it is."""

    def class_prefixed(self, address: Address, prefix: str, /) -> Address:
        """Return an address with the prefix of a class, which stands behind the broker's."""
        return self.prefixed(address, prefix)

    def readdressed(self, address: Address, name: str, /) -> Address:
        """Return what the settings put in the place of an address."""
        return self.native(name)

    @abstractmethod
    def frame_options(self, outgoing: Outgoing[Any], options: Mapping[str, Any], /) -> Mapping[str, object]:
        """Return the protocol's own options of one message, `@produces` options below."""

    @abstractmethod
    def dead_letter(self, source: str, group: str | None, /) -> Address | None:
        """Return the derived dead-letter address of a whole address, whole; None where there is none."""

    def dead_letter_of(self, address: Address, source: str, group: str | None, /) -> Address | None:
        """Return the derived dead-letter address of what a subscription's whole address gave from `source`, whole."""
        return self.dead_letter(source, group)

    def whole_group(self, group: str, address: Address, /) -> str:
        """Return the name of a group at an address as the broker knows it: with the prefix."""
        return self.options.prefix + group

    def defaults_of(self, address: Address, /) -> Mapping[str, Any]:
        """Return the protocol's defaults of a subscription to an address, where they are not the core's."""
        return self.consume_defaults

    @abstractmethod
    def source_options(self, options: Mapping[str, Any], group: str | None, drain_timeout: float, /) -> dict[str, Any]:
        """Return what a transport's source is made with, from the resolved options of a subscription."""

    @abstractmethod
    def message_of(self, address: Address, frame: Frame, /) -> Message:
        """Return a frame as the message that it will be at an address, for a test."""

    @abstractmethod
    def problems(self) -> Sequence[Problem]:
        """Return what is wrong with the settings, as far as that is known without connecting."""

    @abstractmethod
    def address_problems(self, address: Address, /, *, consuming: bool) -> Sequence[tuple[str, str]]:
        """Return what is wrong with an address, as pairs of what and hint."""

    @abstractmethod
    def option_problems(self, options: Mapping[str, Any], address: Address, /) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the resolved options of a subscription, as pairs of what and hint."""

    def produce_problems(self, options: Mapping[str, Any], address: Address, /) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the resolved options of a `@produces`, as pairs of what and hint."""
        return ()

    def named_fields(self, options: Mapping[str, Any], /) -> Sequence[tuple[str, str]]:
        """Return fields of the body that options of a `@produces` name, `key` apart: where, and which."""
        return ()

    @abstractmethod
    def shares(self, address: Address, /) -> Sequence[str]:
        """Return the names that workers of one group share: those of an address."""

    def sources(self, address: Address, /) -> Sequence[str]:
        """Return the names that messages of an address come from, as far as they are known."""
        return self.shares(address)

    def sharing(self, options: Mapping[str, Any], address: Address, /) -> str | None:
        """Return what makes workers share an address: their group; None when each gets everything, "" when they always do."""
        return options.get("group")

    def overlap(self, one: str, other: str, /) -> bool:
        """Whether a message may come from both of two names that workers share."""
        return one == other

    @abstractmethod
    def parts(self, address: Address, /) -> Sequence[str]:
        """Return the names of the captured parts of an address."""

    async def undeclare(  # noqa: B027 - not every broker keeps addresses
        self, transport: Transport[Any], addresses: Sequence[Address], /
    ) -> None:
        """Delete whole addresses over an open transport, after a test; nothing where the broker keeps no addresses."""

    def part_hint(self, address: Address, part: str, /) -> str:
        """Return how a part of an address would be captured."""
        return f"name it in the address, {{{part}}}"

    def reply_addresses(self) -> Sequence[Address]:
        """Return what is declared before the inbox of replies is opened, whole; nothing where it makes itself."""
        return ()

    def asking(self, reply_to: str, /) -> Mapping[str, str]:
        """Return the headers that say where an answer is wanted, of what the transport's inbox returned."""
        return {"fsoo-reply-to": reply_to}

    def expiring(self, _timeout: float, /) -> Mapping[str, object]:
        """Return the options of a frame that nobody needs after so many seconds, where the protocol has such."""
        return {}

    def answering(self, message: Message, /) -> tuple[Address, Mapping[str, object]]:
        """Return where the answer to a request goes, never prefixed, and the frame's options there."""
        return self.native(message.reply_to or ""), {}

    # Life ---------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Connect, without serving any consumer. Raises ConnectError."""
        await self.open(30.0)
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Send what was accepted and disconnect."""
        await self.close()

    async def open(self, connect_timeout: float, /) -> None:
        """Connect, trying again until the time is over or the broker refuses us. Raises ConnectError."""
        if self._state not in {"new", "stopped"}:
            raise LifecycleError(f"this {type(self).__name__} is {self._state}; it can be entered once at a time")
        self._state = "starting"
        embedding = EMBEDDING.get()
        if embedding is not None and embedding.prefix:
            self.options = evolve(self.options, prefix=embedding.prefix + self.options.prefix)
            self._whole.clear()
        self._clock = clock()
        self._confirmations = Confirmations(self._clock)
        self._requests = Requests(self)
        transport = self.connect()
        try:
            await self.endpoint.reach(transport, connect_timeout)
        except BaseException:
            self._state = "failed"
            raise
        self._opened = transport
        self._state = "running"

    async def close(self) -> None:
        """Send what was accepted and disconnect; a broker that is not open stays as it is."""
        transport, self._opened = self._opened, None
        if transport is None:
            return
        self._state = "draining"
        self.requests.close()
        try:
            await transport.close()
        finally:
            if self._confirmations is not None:
                self._confirmations.close()
            for cache in (self._methods, self._adhoc, self._asked, self._senders, self._ensured):
                cache.clear()
            self._state = "stopped"

    @property
    def state(self) -> State:
        """Where it stands in its life; `degraded` while a subscription has lost the broker."""
        if self._state == "running" and any(subscription.state == "degraded" for subscription in self.running):
            return "degraded"
        return self._state

    @property
    def place(self) -> str:
        """What it is connected to, for people: `kafka at localhost:9092`, `kafka in memory`."""
        embedding = EMBEDDING.get()
        if self.options.embedded or (embedding is not None and embedding.memory):
            return f"{self.options.protocol} in memory"
        return f"{self.options.protocol} at {self.options.servers}"

    @property
    def transport(self) -> Transport[Any]:
        """The open transport. Raises LifecycleError before it is open."""
        if self._opened is None:
            raise LifecycleError(f"this {type(self).__name__} is not open; enter it, or the Application that owns it")
        return self._opened

    @property
    def clock(self) -> Clock:
        """Where its time comes from."""
        return self._clock or clock()

    async def ping(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 - seconds, as everywhere in this API
        """Return when the broker answers. Raises TransportError."""
        try:
            async with asyncio.timeout(timeout):
                await self.transport.ping()
        except TimeoutError as error:
            raise self.endpoint.silent(timeout) from error

    # Addresses ----------------------------------------------------------------------------------------------------

    def locate(self, address: str | Address, prefix: str = "", /) -> Address:
        """Return the whole native address; one that is whole already is returned as it is."""
        if id(address) in self._whole_ids:
            return address  # type: ignore[return-value]  # only addresses are in the table
        native = self.native(address)
        if prefix:
            native = self.class_prefixed(native, prefix)
        whole = self._whole.get(native)
        if whole is None:
            whole = self._whole[native] = self.prefixed(native, self.options.prefix)
            self._whole_ids[id(whole)] = whole
        return whole

    def concrete(self, address: Address, name: str, /) -> Address:
        """Return a whole address under another whole name."""
        whole = self.renamed(address, name)
        self._whole_ids[id(whole)] = whole
        return whole

    async def ensure(self, address: Address, /) -> None:
        """Declare a whole address once, by the topology mode."""
        if address not in self._ensured:
            await self.declare_whole([address])

    @property
    def declared(self) -> Mapping[str, Address]:
        """What was declared since it is open, by the whole names that workers share."""
        return {name: address for address in self._ensured for name in self.shares(address)}

    async def declare_whole(self, addresses: Sequence[Address], /) -> Sequence[str]:
        """Apply the topology mode to whole addresses and return the differences found."""
        embedding = EMBEDDING.get()
        # Embedded brokers begin empty: whatever operators made beforehand is made here.
        topology = "create" if embedding is not None and embedding.memory else self.options.topology
        found: Sequence[str] = () if topology == "off" else await self.transport.declare(addresses, topology)
        self._ensured.update(addresses)
        return found

    # Intake and sending -------------------------------------------------------------------------------------------

    def source(self, address: Address, options: Mapping[str, object], /) -> Source:
        """Return the intake of one subscription, not started."""
        return self.transport.source(address, options)

    def sender(self, address: Address, /) -> Sender[Any]:
        """Return the sender to a whole address."""
        sender = self._senders.get(address)
        if sender is None:
            sender = self._senders[address] = self.transport.sender(address)
        return sender

    def watched(self, address: Address, sender: Sender[Any], /) -> Sender[Any]:
        """Return the sender, or one that tells who watches the application."""
        return sender if self.observer is None else WatchedSender(address, sender, self.observer)

    @property
    def observer(self) -> Observer | None:
        """Who watches the application, a test say."""
        embedding = EMBEDDING.get()
        return None if embedding is None else embedding.observer

    @property
    def confirmations(self) -> Confirmations:
        """What gives up on publishes that are not confirmed in time."""
        if self._confirmations is None:
            raise LifecycleError(f"this {type(self).__name__} is not open; enter it, or the Application that owns it")
        return self._confirmations

    @property
    def requests(self) -> Requests:
        """The asking side. Raises LifecycleError before it is open."""
        if self._requests is None:
            raise LifecycleError(f"this {type(self).__name__} is not open; enter it, or the Application that owns it")
        return self._requests

    async def open_inbox(self, sink: Sink, /) -> str:
        """Begin to receive replies, and return the address to put into `reply_to`. Raises TransportError."""
        for address in self.reply_addresses():
            await self.ensure(address)
        return await self.transport.inbox(sink)

    def replying(self, address: Address, /) -> Sender[Any]:
        """Return a sender to a requester's address, which is kept nowhere."""
        return self.watched(address, self.transport.sender(address))

    def outgoing(self, body: object, /) -> Outgoing[Any]:
        """Return a body as the protocol's Outgoing."""
        return self.outgoing_type(body)

    def publications_of(self, cls: type[object], method: str, /) -> Sequence[Publication]:
        """Return the publications of a method with `@produces`, top to bottom, compiled at the first call."""
        found = self._methods.get((cls, method))
        if found is None:
            found = [self._publication(cls, method, mark) for mark in marks_of(cls, method)]
            self._methods[cls, method] = found
        return found

    async def publish_to(self, address: str | Address, body: object, /) -> None:
        """Publish a body, an Outgoing, or a Batch of either, as a Producer would."""
        confirm = await self._by_hand(address).begin(body)
        if confirm is not None:
            await confirm

    async def send_past_outbox(self, address: str | Address, body: object, /) -> Any:
        """Send one message past the outbox, and return the client's receipt. Raises PublishError."""
        if isinstance(body, Batch):
            raise LifecycleError("send_now sends one message; publish a Batch")
        return await self._by_hand(address).send_now(body)

    async def request_by_hand(self, address: str | Address, body: object, reply: object, seconds: float, /) -> Any:
        """Send a request and return its decoded reply. Raises RequestTimeoutError and RemoteError."""
        decode = self._readers.get(reply)
        if decode is None:
            decode = self._readers[reply] = reader_of(self.codec.decoder(reply))
        return await self.requests.ask(Request(self._by_hand(address), decode, seconds), body)

    def request_of(self, cls: type[object], method: str, /) -> Request:
        """Return what a method with `@requests` sends and wants back, compiled at the first call."""
        request = self._asked.get((cls, method))
        if request is None:
            mark = requests_of(cls, method)[0]
            publication = self._publication(cls, method, mark)
            decode = reader_of(publication.terms.codec.decoder(mark.reply))
            request = self._asked[cls, method] = Request(publication, decode, mark.timeout)
        return request

    def answers(self, codec: Codec, middlewares: Sequence[object], annotation: object, /) -> Answers:
        """Return the way out of a handler's answers."""
        return Answers(self, Terms(codec, self._outward(middlewares), annotation=annotation))

    def _by_hand(self, address: str | Address) -> Publication:
        publication = self._adhoc.get(address)
        if publication is None:
            for what, hint in self.address_problems(self.native(address), consuming=False):
                raise PublishError(what, hint=hint)
            terms = Terms(self.codec, self._outward(()))
            publication = self._adhoc[address] = Publication(self, self.locate(address), terms)
        return publication

    def produce_options(self, cls: type[object], method: str, mark: Mark, /) -> dict[str, Any]:
        """Return the resolved options of one `@produces` or `@requests`: class, method, settings."""
        of_class = {name: value for name, value in class_options(cls).items() if name in self.produce_names}
        settings = self.options.producers
        return merge(
            of_class, mark.options, settings.get(cls.__name__, {}), settings.get(f"{cls.__name__}.{method}", {})
        )

    def address_of(self, mark: Mark, options: dict[str, Any], /) -> Address:
        """Return the address of a mark, or what its resolved options put in its place, and take that from them."""
        name = options.pop("address", None)
        return mark.address if name is None else self.readdressed(mark.address, name)

    def _publication(self, cls: type[object], method: str, mark: Mark) -> Publication:
        options = self.produce_options(cls, method, mark)
        prefix = class_prefix(cls)
        address = self.locate(self.address_of(mark, options), prefix)
        terms = Terms(
            codec=self.object_of(options.pop("codec", self.codec)),
            middlewares=self._outward(options.pop("middlewares", ())),
            key=options.pop("key", None),
            headers=options.pop("headers", {}),
            held=options.pop("outbox", True),
            timeout=options.pop("confirm_timeout", 30.0),
            options={name: value for name, value in options.items() if name not in _DOCS},
            prefix=prefix,
            annotation=produced_body(getattr(cls, method)),
        )
        return Publication(self, address, terms)

    def _outward(self, own: Sequence[object]) -> Sequence[PublishMiddleware]:
        everything = [self.object_of(one) for one in (*self.outer_middlewares, *self.middlewares, *own)]
        return [one for one in everything if hasattr(one, "publish") and not isinstance(one, type)]

    def object_of(self, given: Any, /) -> Any:
        """Return the object that an option means: itself, or what the container provides for a class."""
        return self.given.get(given, given) if isinstance(given, type) else given
