"""The broker of a NATS system."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, TypeVar, cast

from attrs import evolve

from faststream_oo.address import Address
from faststream_oo.broker import Broker, Options
from faststream_oo.codec import Codec, reader_of
from faststream_oo.deadletters import DeadLetterWriter
from faststream_oo.errors import Problem, SetupError, TransportError
from faststream_oo.message import Message, Outgoing
from faststream_oo.middleware import Middleware
from faststream_oo.nats.address import (
    DEAD,
    JetStream,
    Subject,
    Subjects,
    concrete_problem,
    overlap,
    stream_of,
    subjects_of,
    word,
)
from faststream_oo.nats.buckets import Bucket, KeyValue, ObjectStore, bucket_problem, watched, whole_bucket
from faststream_oo.nats.message import NatsMessage, NatsOutgoing, NatsReceipt, NatsSubscription
from faststream_oo.nats.misuse import (
    OBJECTS,
    consumed_problems,
    core_option_problems,
    produced_problems,
    reader_problems,
    server_problem,
    stream_option_problems,
    watch_option_problems,
)
from faststream_oo.nats.options import (
    NatsClassOptions,
    NatsProduceOptions,
    NatsRouteOptions,
    NatsSettings,
    Pull,
    Push,
    Start,
)
from faststream_oo.nats.running import NatsIntake
from faststream_oo.nats.stores import KeyValueStore, ObjectBucket
from faststream_oo.nats.transport import NatsTransport, client_problems, make_transport
from faststream_oo.pulling import PREFETCH, Reader
from faststream_oo.transport import Frame, Transport
from faststream_oo.values import expect

T = TypeVar("T")
R = TypeVar("R")
B = TypeVar("B", bound=Bucket)
C = TypeVar("C")

_OF_STREAM: Final = " of stream "
_PER_MESSAGE: Final = ("expected_sequence", "ttl")


class NatsBroker(Broker):
    """Sends and receives messages of one NATS system.

    Args:
        settings: Connection and defaults.
        transport: Takes the place of the one that `settings.driver` names.
        codec: Default `JsonCodec()`.
        middlewares: Around everything this broker sends and handles, the first outermost.
    """

    message_type: ClassVar[type[Message]] = NatsMessage
    outgoing_type: ClassVar[type[Outgoing[Any]]] = NatsOutgoing
    produce_names: ClassVar[frozenset[str]] = frozenset(NatsProduceOptions.__annotations__)
    consume_names: ClassVar[frozenset[str]] = frozenset(
        {*NatsClassOptions.__annotations__, *NatsRouteOptions.__annotations__}
    )
    running_type: ClassVar[type[Any]] = NatsIntake
    consume_defaults: ClassVar[Mapping[str, Any]] = {"prefetch": 100}

    def __init__(
        self,
        settings: NatsSettings,
        *,
        transport: NatsTransport | None = None,
        codec: Codec | None = None,
        middlewares: Sequence[Middleware] = (),
    ) -> None:
        expect(settings, NatsSettings)
        options = Options(
            protocol="nats",
            servers=settings.shown_servers,
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
    def settings(self) -> NatsSettings:
        """Connection and defaults."""
        return self._settings

    @property
    def subscriptions(self) -> Sequence[NatsSubscription]:
        """The running subscriptions."""
        return cast(Sequence[NatsSubscription], tuple(self.running))

    async def publish(self, address: str | Subject, body: object, /) -> None:
        """Publish a body, a `NatsOutgoing`, or a `Batch` of either, as a Producer would.

        While a message is being handled it is held until the handler succeeds; elsewhere it returns when the stream has
        stored it. On core NATS, when the client has it in its buffer; that is no promise: whoever does not listen at
        that moment never gets it.

        Raises:
            PublishError: No stream stored it, the server would refuse it, or was away for 30 seconds.
        """
        await self.publish_to(address, body)

    async def send_now(self, address: str | Subject, body: object, /) -> NatsReceipt | None:
        """Send one message past the outbox; return where its stream stored it, None without a stream.

        Raises:
            PublishError: As `publish`.
        """
        return cast("NatsReceipt | None", await self.send_past_outbox(address, body))

    async def request(
        self,
        address: str | Subject,
        body: object,
        /,
        *,
        reply: type[R],
        timeout: float = 30.0,  # noqa: ASYNC109 - seconds, as everywhere in this API
    ) -> R:
        """Send a request and return its decoded reply.

        Raises:
            PublishError: Nobody listens on the subject, or the server would refuse the request.
            RequestTimeoutError: No reply in `timeout` seconds.
            RemoteError: The other side failed.
        """
        return cast(R, await self.request_by_hand(address, body, reply, timeout))

    def reader(
        self, address: str | Subject | Subjects, of: type[T], /, *, group: str | None = None, start: Start = "latest"
    ) -> Reader[NatsMessage[T]]:
        """Open a reader: on a stream a durable consumer, or without a group an ordered one that acknowledges nothing.

        On core NATS it sees what arrives from then on, and shares that with others of its group.

        Raises:
            SetupError: NATS would refuse the address or the group.
        """
        native = self.native(address)
        if problems := [*reader_problems(native, group, start)]:
            raise SetupError([Problem(native.name, what, hint) for what, hint in problems])
        place = self.locate(address)
        via = Push(ordered=True) if group is None else Pull()
        options = {"start": start, "via": via, "prefetch": PREFETCH, "delivery": "at_least_once"}
        whole = None if group is None else self.whole_group(group, place)
        terms = self.source_options(options, whole, 0.0)
        letters = DeadLetterWriter(self, "reader", whole, None, place)
        return Reader(self, lambda: self.source(place, terms), letters, reader_of(self.codec.decoder(of)))

    def key_value(self, bucket: str | KeyValue, of: type[T], /) -> KeyValueStore[T]:
        """Return a bucket's client; text is short for `KeyValue`. It connects and declares the bucket at first use.

        Raises:
            SetupError: No bucket can have that name, or the codec knows no such values.
        """
        address = KeyValue(bucket) if isinstance(bucket, str) else bucket
        return KeyValueStore(self._opening(address, lambda at, one: at.open_bucket(one)), self.codec, of)

    def object_store(self, bucket: str | ObjectStore, /) -> ObjectBucket:
        """Return an object store's client; text is short for `ObjectStore`. It connects and declares it at first use.

        Raises:
            SetupError: No bucket can have that name.
        """
        address = ObjectStore(bucket) if isinstance(bucket, str) else bucket
        return ObjectBucket(self._opening(address, lambda at, one: at.open_objects(one)))

    def _opening(self, bucket: B, client: Callable[[NatsTransport, B], Awaitable[C]], /) -> Callable[[], Awaitable[C]]:
        """Return what gives a bucket's client, made once for each connection."""
        if (what := bucket_problem(bucket)) is not None:
            raise SetupError([Problem(bucket.name, what)])
        made: dict[NatsTransport, C] = {}

        async def opened() -> C:
            transport = cast(NatsTransport, self.transport)
            if transport not in made:
                whole = self.locate(bucket)
                await self.ensure(whole)
                found = await client(transport, cast(B, whole))
                made.clear()
                made[transport] = found
            return made[transport]

        return opened

    async def declare(self, *addresses: JetStream | KeyValue | ObjectStore) -> None:
        """Create what is missing. Raises TransportError when it exists otherwise."""
        differences = await self.transport.declare([self.locate(address) for address in addresses], "create")
        if differences:
            raise TransportError("; ".join(differences))

    async def undeclare(self, transport: Transport[Any], addresses: Sequence[Address], /) -> None:
        """Delete the streams and buckets of addresses over an open transport, with all they hold. Raises TransportError."""
        streams = [stream for address in addresses if (stream := stream_of(address)) is not None]
        names = [stream.name for stream in streams if not stream.external]
        names += [one.stream for one in addresses if isinstance(one, KeyValue | ObjectStore) and not one.external]
        for name in dict.fromkeys(names):
            await cast(NatsTransport, transport).delete_stream(name)

    def connect(self) -> NatsTransport:
        """Return the transport to open; no I/O."""
        return self._transport or make_transport(evolve(self._settings, prefix=self.options.prefix))

    def native(self, address: str | Address, /) -> Address:
        """Return a Subject for text."""
        return Subject(address) if isinstance(address, str) else address

    def renamed(self, address: Address, name: str, /) -> Address:
        """Return a subject under another name, of the same stream."""
        return cast(Subject, address).named(name)

    def readdressed(self, address: Address, name: str, /) -> Address:
        """Return what the settings put in the place of an address: a subject of the same stream, a bucket of that name."""
        if isinstance(address, KeyValue | ObjectStore):
            return evolve(address, name=name)
        return Subject(name, stream=stream_of(address))

    def prefixed(self, address: Address, prefix: str, /) -> Address:
        """Return an address with a prefix before every subject and stream that is not external."""
        return self._whole_address(address, prefix, prefix)

    def class_prefixed(self, address: Address, prefix: str, /) -> Address:
        """Return an address with a class's prefix, which stands before subjects only."""
        return self._whole_address(address, prefix, "")

    def _whole_address(self, address: Address, prefix: str, of_streams: str) -> Address:
        stream = stream_of(address)
        if not prefix or (stream is not None and stream.external):
            return address
        whole = None if stream is None else stream.prefixed(of_streams)
        match address:
            case Subjects():
                return Subjects(*(prefix + subject.name for subject in address.subjects), stream=whole)
            case Subject():
                return Subject(prefix + address.name, stream=whole)
            case JetStream():
                return address.prefixed(of_streams)
            case KeyValue() | ObjectStore():
                return whole_bucket(address, of_streams)
            case _:
                return address

    def frame_options(self, outgoing: Outgoing[Any], options: Mapping[str, Any], /) -> Mapping[str, object]:
        """Return what a stream is told about one message."""
        if not isinstance(outgoing, NatsOutgoing) or (outgoing.expected_sequence is None and outgoing.ttl is None):
            return options
        return {name: value for name in _PER_MESSAGE if (value := getattr(outgoing, name)) is not None}

    def defaults_of(self, address: Address, /) -> Mapping[str, Any]:
        """Return the defaults of a subscription: core NATS and a watch promise less than a stream."""
        defaults = {"prefetch": 100, "delivery": "at_most_once" if stream_of(address) is None else "at_least_once"}
        return {**defaults, "codec": OBJECTS} if isinstance(address, ObjectStore) else defaults

    def dead_letter(self, source: str, group: str | None, /) -> Address | None:
        """Return None: core NATS keeps nothing, so no address is derived."""
        return None

    def dead_letter_of(self, address: Address, source: str, group: str | None, /) -> Address | None:
        """Return `dlq.<group>.<subject>` of a stream, whole, kept by `DLQ_<stream>`; None on core NATS."""
        stream, prefix = stream_of(address), self.options.prefix
        if stream is None or group is None:
            return None
        name = f"{prefix}{DEAD}.{group.removeprefix(word(prefix, ''))}.{source.removeprefix(prefix)}"
        return self.concrete(Subject("", stream=stream.letters(prefix)), name)

    def answering(self, message: Message, /) -> tuple[Address, Mapping[str, object]]:
        """Return where the answer to a request goes: to an inbox of core NATS, whichever way the request came."""
        return Subject(message.reply_to or ""), {}

    def source_options(self, options: Mapping[str, Any], group: str | None, drain_timeout: float, /) -> dict[str, Any]:
        """Return the fields of `NatsSourceOptions` from the resolved options of a subscription."""
        return {
            "group": group,
            "settles": options["delivery"] != "at_most_once",
            "prefetch": options["prefetch"],
            **{name: options[name] for name in ("start", "via") if name in options},
        }

    def whole_group(self, group: str, address: Address, /) -> str:
        """Return a group with the prefix; durables have no dots."""
        return (self.options.prefix if stream_of(address) is None else word(self.options.prefix, "")) + group

    def message_of(self, address: Address, frame: Frame, /) -> Message:
        """Return a frame as the message that it will be, for a test."""
        stream, prefix = stream_of(address), self.options.prefix
        return NatsMessage(
            value=frame.value,
            body=frame.body or b"",
            headers=dict(frame.headers),
            key=frame.key,
            id=frame.headers.get("fsoo-id", ""),
            subject=address.name.removeprefix(prefix),
            stream=None if stream is None else stream.name.removeprefix(word(prefix, "")),
        )

    def problems(self) -> Sequence[Problem]:
        """Return what is wrong with the settings, as far as that is known without connecting."""
        found = [
            Problem(f"nats.servers[{place}]", what, "nats://localhost:4222")
            for place, server in enumerate(self._settings.servers)
            if (what := server_problem(server)) is not None
        ]
        for name, subject in (("prefix", f"{self._settings.prefix}x"), ("inbox_prefix", self._settings.inbox_prefix)):
            if (what := concrete_problem(subject)) is not None:
                found.append(Problem(f"nats.{name}", what))
        if self._transport is None:
            found += client_problems(self._settings)
        return found

    def address_problems(self, address: Address, /, *, consuming: bool) -> Sequence[tuple[str, str]]:
        """Return why NATS would refuse an address, or take it and deliver nothing."""
        return [*(consumed_problems(address) if consuming else produced_problems(address))]

    def option_problems(self, options: Mapping[str, Any], address: Address, /) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the resolved options of a subscription."""
        if isinstance(address, KeyValue | ObjectStore):
            return [*watch_option_problems(options, address)]
        given = options.get("dead_letter")
        letter = None if given is None else cast(Subject, self.native(given))
        stream = stream_of(address)
        if stream is None:
            return [*core_option_problems(options, address, letter)]
        return [*stream_option_problems(options, address, stream, letter)]

    def sources(self, address: Address, /) -> Sequence[str]:
        """Return the subjects of an address, as the server knows them."""
        return [subject.pattern for subject in (*subjects_of(address), *watched(address))]

    def shares(self, address: Address, /) -> Sequence[str]:
        """Return the subjects of an address, as the server knows them, with their stream; of a bucket that one alone."""
        if isinstance(address, KeyValue | ObjectStore):
            return [f"{'' if address.external else self.options.prefix}{_OF_STREAM}{address.stream}"]
        stream = stream_of(address)
        place = "" if stream is None else f"{_OF_STREAM}{stream.name}"
        return [f"{subject}{place}" for subject in self.sources(address)]

    def part_hint(self, address: Address, part: str, /) -> str:
        """Return the subject, or the keys, with a name for the first wildcard."""
        name = address.keys if isinstance(address, KeyValue) else address.name
        return f'consume "{name.replace("*", f"{{{part}}}", 1)}"' if "*" in name else f'"{{{part}}}" is a token'

    def overlap(self, one: str, other: str, /) -> bool:
        """Whether a message may come from both: a queue group deals out over its subjects, a durable has one set of them."""
        ours, theirs = one.partition(_OF_STREAM), other.partition(_OF_STREAM)
        return ours[2] == theirs[2] and (bool(ours[2]) or overlap(one, other))

    def parts(self, address: Address, /) -> Sequence[str]:
        """Return the `{name}` tokens that every subject of an address has."""
        first, *others = subjects_of(address) or watched(address) or [Subject("")]
        return [name for name in first.parts if all(name in subject.parts for subject in others)]
