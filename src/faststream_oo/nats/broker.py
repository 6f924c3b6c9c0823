"""The broker of a NATS system."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, ClassVar, TypeVar, cast
from urllib.parse import urlsplit

from faststream_oo.address import Address
from faststream_oo.broker import Broker, Options
from faststream_oo.codec import Codec
from faststream_oo.errors import Problem
from faststream_oo.message import Message, Outgoing
from faststream_oo.middleware import Middleware
from faststream_oo.nats.address import (
    Subject,
    Subjects,
    concrete_problem,
    group_problem,
    matches,
    overlap,
    pattern_problem,
    subjects_of,
    template_problem,
)
from faststream_oo.nats.message import NatsMessage, NatsOutgoing, NatsSubscription
from faststream_oo.nats.options import (
    NatsClassOptions,
    NatsProduceOptions,
    NatsRouteOptions,
    NatsSettings,
    shown,
)
from faststream_oo.nats.running import NatsIntake
from faststream_oo.nats.transport import NatsTransport, client_problems, make_transport
from faststream_oo.transport import Frame

R = TypeVar("R")


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
    consume_defaults: ClassVar[Mapping[str, Any]] = {"prefetch": 100, "delivery": "at_most_once"}

    def __init__(
        self,
        settings: NatsSettings,
        *,
        transport: NatsTransport | None = None,
        codec: Codec | None = None,
        middlewares: Sequence[Middleware] = (),
    ) -> None:
        options = Options(
            protocol="nats",
            servers=settings.shown_servers,
            prefix=settings.prefix,
            topology="off",
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

        While a message is being handled it is held until the handler succeeds; elsewhere it returns when the client has
        it in its buffer. That is no promise: whoever does not listen at that moment never gets it.

        Raises:
            PublishError: The server would refuse it, or was away for 30 seconds.
        """
        await self.publish_to(address, body)

    async def send_now(self, address: str | Subject, body: object, /) -> None:
        """Send one message past the outbox. Raises PublishError."""
        await self.send_past_outbox(address, body)

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

    def connect(self) -> NatsTransport:
        """Return the transport to open; no I/O."""
        return self._transport or make_transport(self._settings)

    def native(self, address: str | Address, /) -> Address:
        """Return a Subject for text."""
        return Subject(address) if isinstance(address, str) else address

    def renamed(self, address: Address, name: str, /) -> Address:
        """Return a subject under another name."""
        return cast(Subject, address).named(name)

    def prefixed(self, address: Address, prefix: str, /) -> Address:
        """Return an address with a prefix before every subject."""
        if not prefix:
            return address
        match address:
            case Subjects():
                return Subjects(*(prefix + subject.name for subject in address.subjects))
            case Subject():
                return address.named(prefix + address.name)
            case _:
                return address

    def frame_options(self, outgoing: Outgoing[Any], options: Mapping[str, Any], /) -> Mapping[str, object]:
        """Return none: a message has no options of its own on core NATS."""
        return options

    def dead_letter(self, source: str, group: str | None, /) -> Address | None:
        """Return None: core NATS keeps nothing, so no address is derived."""
        return None

    def source_options(self, options: Mapping[str, Any], group: str | None, drain_timeout: float, /) -> dict[str, Any]:
        """Return the fields of `NatsSourceOptions` from the resolved options of a subscription."""
        return {"group": group}

    def message_of(self, address: Address, frame: Frame, /) -> Message:
        """Return a frame as the message that it will be, for a test."""
        return NatsMessage(
            value=frame.value,
            body=frame.body or b"",
            headers=dict(frame.headers),
            key=frame.key,
            id=frame.headers.get("fsoo-id", ""),
            subject=address.name.removeprefix(self.options.prefix),
        )

    def problems(self) -> Sequence[Problem]:
        """Return what is wrong with the settings, as far as that is known without connecting."""
        found = [
            Problem(f"nats.servers[{place}]", what, "nats://localhost:4222")
            for place, server in enumerate(self._settings.servers)
            if (what := _server_problem(server)) is not None
        ]
        for name, subject in (("prefix", f"{self._settings.prefix}x"), ("inbox_prefix", self._settings.inbox_prefix)):
            if (what := concrete_problem(subject)) is not None:
                found.append(Problem(f"nats.{name}", what))
        if self._transport is None:
            found += client_problems(self._settings)
        return found

    def address_problems(self, address: Address, /, *, consuming: bool) -> Sequence[tuple[str, str]]:
        """Return why NATS would refuse an address, or take it and deliver nothing."""
        match address:
            case Subjects() if consuming:
                return _several_problems(address)
            case Subject():
                what = pattern_problem(address.name) if consuming else template_problem(address.name)
                return [] if what is None else [(what, "")]
            case _:
                hint = "Subject or Subjects" if consuming else "Subject"
                return [(f"{address!r} is no address of NATS", hint)]

    def option_problems(self, options: Mapping[str, Any], address: Address, /) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the resolved options of a subscription."""
        found: list[tuple[str, str]] = []
        if options["delivery"] != "at_most_once":
            found.append(("core NATS is at most once", "leave delivery out"))
        if (group := options.get("group")) is not None and (what := group_problem(group)) is not None:
            found.append((what, ""))
        if (letter := options.get("dead_letter")) is not None:
            name = self.native(letter).name
            if (what := concrete_problem(name)) is not None:
                found.append((f"dead_letter: {what}", ""))
            elif any(matches(pattern, name) for pattern in self.shares(address)):
                found.append((f'dead_letter="{name}" falls under "{address.name}": it would consume its own', ""))
        return found

    def shares(self, address: Address, /) -> Sequence[str]:
        """Return the subjects of an address, as the server knows them."""
        return [subject.pattern for subject in subjects_of(address)]

    def part_hint(self, address: Address, part: str, /) -> str:
        """Return the subject with a name for its first wildcard."""
        return (
            f'consume "{address.name.replace("*", f"{{{part}}}", 1)}"'
            if "*" in address.name
            else f'"{{{part}}}" is a token'
        )

    def overlap(self, one: str, other: str, /) -> bool:
        """Whether a subject falls under both patterns: a queue group deals its messages out over both."""
        return overlap(one, other)

    def parts(self, address: Address, /) -> Sequence[str]:
        """Return the `{name}` tokens that every subject of an address has."""
        first, *others = subjects_of(address) or [Subject("")]
        return [name for name in first.parts if all(name in subject.parts for subject in others)]


def _server_problem(server: str) -> str | None:
    url = server if "://" in server else f"nats://{server}"
    try:
        parsed = urlsplit(url)
        if parsed.scheme != "nats":
            return f"{parsed.scheme}:// is not served, nats:// is"
        if not parsed.hostname or parsed.path.strip("/") or parsed.port == 0:
            return f"{shown(server)} is no address of a server"
    except ValueError:
        return f"{shown(server)} is no address of a server"
    return None


def _several_problems(address: Subjects) -> Sequence[tuple[str, str]]:
    found = [(what, "") for subject in address.subjects if (what := pattern_problem(subject.name)) is not None]
    if not found:
        found = [
            (f'"{one.name}" and "{other.name}" overlap: a message of both would come twice', "")
            for one, other in combinations(address.subjects, 2)
            if overlap(one.pattern, other.pattern)
        ]
    return found
