"""The broker of a Kafka cluster."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeVar, cast

from attrs import evolve

from faststream_oo.address import Address
from faststream_oo.broker import Broker, Options
from faststream_oo.codec import Codec, reader_of
from faststream_oo.deadletters import DeadLetterWriter
from faststream_oo.errors import Problem, SetupError
from faststream_oo.kafka.address import (
    DeadLetterTopic,
    Partitions,
    Topic,
    TopicPartition,
    TopicPattern,
    Topics,
    instance_problem,
    topic_problem,
)
from faststream_oo.kafka.message import KafkaMessage, KafkaOutgoing, KafkaReceipt, KafkaSubscription, PartitionInfo
from faststream_oo.kafka.options import KafkaClassOptions, KafkaProduceOptions, KafkaRouteOptions, KafkaSettings
from faststream_oo.kafka.running import KafkaIntake
from faststream_oo.kafka.transport import KafkaTransport, client_problems, make_transport, source_problems
from faststream_oo.message import Message, Outgoing
from faststream_oo.middleware import Middleware
from faststream_oo.publishing import placeholders
from faststream_oo.pulling import PREFETCH, Reader
from faststream_oo.transport import Frame, Transport
from faststream_oo.values import expect

R = TypeVar("R")
T = TypeVar("T")

_REBALANCE_MARGIN = 30.0
_READER_SECONDS = 20.0  # that whoever reads has to settle what it holds when a partition goes away

_SERVER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?")


class KafkaBroker(Broker):
    """Sends and receives records of one cluster.

    Args:
        settings: Connection and defaults.
        transport: Takes the place of the one that `settings.driver` names.
        codec: Default `JsonCodec()`.
        middlewares: Around everything this broker sends and handles, the first outermost.
    """

    message_type: ClassVar[type[Message]] = KafkaMessage
    outgoing_type: ClassVar[type[Outgoing[Any]]] = KafkaOutgoing
    produce_names: ClassVar[frozenset[str]] = frozenset(KafkaProduceOptions.__annotations__)
    consume_names: ClassVar[frozenset[str]] = frozenset(
        {*KafkaClassOptions.__annotations__, *KafkaRouteOptions.__annotations__}
    )
    running_type: ClassVar[type[Any]] = KafkaIntake
    consume_defaults: ClassVar[Mapping[str, Any]] = {"prefetch": 500, "ordered_by": "partition"}

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        transport: KafkaTransport | None = None,
        codec: Codec | None = None,
        middlewares: Sequence[Middleware] = (),
    ) -> None:
        expect(settings, KafkaSettings)
        options = Options(
            protocol="kafka",
            servers=", ".join(settings.servers),
            prefix=settings.prefix,
            topology=settings.topology,
            defaults=cast(Mapping[str, Any], settings.defaults),
            consumers=cast(Mapping[str, Mapping[str, Any]], settings.consumers),
            producers=cast(Mapping[str, Mapping[str, Any]], settings.producers),
            embedded=settings.driver == "memory",
        )
        super().__init__(options, codec=codec, middlewares=middlewares)
        self._settings = settings
        self._transport = transport

    @property
    def settings(self) -> KafkaSettings:
        """Connection and defaults."""
        return self._settings

    @property
    def subscriptions(self) -> Sequence[KafkaSubscription]:
        """The running subscriptions."""
        return cast(Sequence[KafkaSubscription], tuple(self.running))

    async def publish(self, address: str | Topic, body: object, /) -> None:
        """Publish a body, a `KafkaOutgoing`, or a `Batch` of either, as a Producer would.

        While a message is being handled it is held until the handler succeeds; elsewhere it returns when confirmed.

        Raises:
            PublishError: Not confirmed within 30 seconds.
        """
        await self.publish_to(address, body)

    async def send_now(self, address: str | Topic, body: object, /) -> KafkaReceipt:
        """Send one message past the outbox, and return where it was written. Raises PublishError."""
        return cast(KafkaReceipt, await self.send_past_outbox(address, body))

    async def request(
        self,
        address: str | Topic,
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
            PublishError: The cluster refused the request.
        """
        return cast(R, await self.request_by_hand(address, body, reply, timeout))

    def reader(
        self,
        address: str | Topic | Topics | Partitions,
        of: type[T],
        /,
        *,
        group: str | None = None,
        start: Literal["earliest", "latest"] = "latest",
    ) -> Reader[KafkaMessage[T]]:
        """Open a reader; without a group it sees every record from `start` on and commits nothing.

        Raises:
            SetupError: Kafka would refuse the address.
        """
        if problems := self.address_problems(self.native(address), consuming=True):
            raise SetupError([Problem(str(address), what, hint) for what, hint in problems])
        whole = None if group is None else self.options.prefix + group
        options = {**self.options.defaults, "start": start, "prefetch": PREFETCH, "delivery": "at_least_once"}
        place, terms = self.locate(address), self.source_options(options, whole, _READER_SECONDS)
        letters = DeadLetterWriter(self, "reader", whole, None)
        return Reader(self, lambda: self.source(place, terms), letters, reader_of(self.codec.decoder(of)))

    async def partitions(self, topic: str | Topic, /) -> Sequence[PartitionInfo]:
        """Ask the cluster about a topic; none when it does not exist."""
        return await cast(KafkaTransport, self.transport).partitions(self.locate(topic).name)

    def connect(self) -> KafkaTransport:
        """Return the transport to open; no I/O."""
        return self._transport or make_transport(self._placed)

    @property
    def _placed(self) -> KafkaSettings:
        """The settings with the prefix that the embedding adds."""
        return evolve(self._settings, prefix=self.options.prefix)

    def reply_addresses(self) -> Sequence[Address]:
        """Return the topic of replies."""
        return [self._placed.replies()]

    def asking(self, reply_to: str, /) -> Mapping[str, str]:
        """Return topic and partition of this instance's replies as headers."""
        topic, _, partition = reply_to.rpartition("/")
        return {"fsoo-reply-to": topic, "fsoo-reply-partition": partition}

    def answering(self, message: Message, /) -> tuple[Address, Mapping[str, object]]:
        """Return topic and partition that a request names; one without a partition takes any."""
        partition = message.headers.get("fsoo-reply-partition", "")
        place = {"partition": int(partition)} if partition.isdecimal() else {}
        return Topic(message.reply_to or "", external=True), place

    def native(self, address: str | Address, /) -> Address:
        """Return a Topic for text."""
        return Topic(address) if isinstance(address, str) else address

    def renamed(self, address: Address, name: str, /) -> Address:
        """Return the same topic under another name."""
        return evolve(cast(Topic, address), name=name)

    def prefixed(self, address: Address, prefix: str, /) -> Address:
        """Return an address with a prefix before every topic that is not external."""
        if not prefix:
            return address
        match address:
            case Topics():
                return Topics(*(cast(Topic, self.prefixed(topic, prefix)) for topic in address.topics))
            case TopicPattern():
                return TopicPattern("".join(f"\\{c}" if c in ".-" else c for c in prefix) + f"(?:{address.name})")
            case Partitions():
                places = [TopicPartition(prefix + one.topic, one.partition) for one in address.partitions]
                return Partitions(*places, start=address.start)
            case Topic():
                return address if address.external else evolve(address, name=prefix + address.name)
            case _:
                return address

    def frame_options(self, outgoing: Outgoing[Any], options: Mapping[str, Any], /) -> Mapping[str, object]:
        """Return partition and timestamp of one record, `@produces(partition=…)` below."""
        if not isinstance(outgoing, KafkaOutgoing) or (outgoing.partition is None and outgoing.timestamp is None):
            return options
        own = {"partition": outgoing.partition, "timestamp": outgoing.timestamp}
        return {**options, **{name: value for name, value in own.items() if value is not None}}

    async def undeclare(self, transport: Transport[Any], addresses: Sequence[Address], /) -> None:
        """Delete topics over an open transport that can. Raises TransportError."""
        if (delete := getattr(transport, "delete", None)) is not None:
            await delete([name for address in addresses for name in self.shares(address)])

    def dead_letter(self, source: str, group: str | None, /) -> Address | None:
        """Return `<topic>.<group>.dlq`, whole; without a group `<topic>.dlq`."""
        prefix = self.options.prefix
        name = f"{source}.{group.removeprefix(prefix)}.dlq" if group else f"{source}.dlq"
        return self.concrete(DeadLetterTopic(name, source=source), name)

    def source_options(self, options: Mapping[str, Any], group: str | None, drain_timeout: float, /) -> dict[str, Any]:
        """Return the fields of `KafkaSourceOptions` from the resolved options of a subscription."""
        names = (
            "isolation", "commit_interval", "group_instance_id", "session_timeout", "max_poll_interval", "client_rack", "config", "prefetch",
        )  # fmt: skip
        return {
            **{name: options[name] for name in names if name in options},
            "group": group,
            "settles": options["delivery"] != "at_most_once",
            "start": options.get("start", "earliest" if group else "latest"),
            "rebalance_timeout": drain_timeout + _REBALANCE_MARGIN,
        }

    def message_of(self, address: Address, frame: Frame, /) -> Message:
        """Return a frame as the record that it will be, for a test."""
        prefix = self.options.prefix
        return KafkaMessage(
            value=frame.value,
            body=frame.body or b"",
            headers=dict(frame.headers),
            key=frame.key,
            id=frame.headers.get("fsoo-id", ""),
            reply_to=frame.headers.get("fsoo-reply-to"),
            topic=address.name.removeprefix(prefix),
        )

    def problems(self) -> Sequence[Problem]:
        """Return what is wrong with the settings, as far as that is known without connecting."""
        found = [
            Problem(f"kafka.servers[{place}]", "is no host:port", "localhost:9092, without a scheme or a password")
            for place, server in enumerate(self._settings.servers)
            if not _SERVER.fullmatch(server)
        ]
        if self._settings.idempotence and self._settings.acks != "all":
            found.append(Problem("kafka.acks", f"{self._settings.acks} needs idempotence: false"))
        if self._transport is None:
            found += client_problems(self._settings)
        return found

    def address_problems(self, address: Address, /, *, consuming: bool) -> Sequence[tuple[str, str]]:
        """Return why Kafka would refuse an address."""
        found: list[tuple[str, str]] = []
        match address:
            case TopicPattern() | Topics() | Partitions() if not consuming:
                found.append((f'"{address.name}" is consumed only: what is sent goes to one topic', "Topic"))
            case TopicPattern():
                try:
                    address.regex()
                except Exception as error:  # noqa: BLE001 - whatever `re` says is the answer
                    found.append((f"{address.name!r} is no regular expression: {error}", ""))
            case Topics():
                for topic in address.topics:
                    found.extend(self.address_problems(topic, consuming=consuming))
            case Partitions():
                found.extend(self._partition_problems(address))
            case Topic() if consuming and any(c in address.name for c in "{}*"):
                found.append(("topics have no wildcards", r'TopicPattern(r"orders\.(?P<region>\w+)")'))
            case Topic():
                bare = address.name
                for name in placeholders(bare):
                    bare = bare.replace("{" + name + "}", "x")
                if (problem := topic_problem(self.options.prefix + bare)) is not None:
                    found.append((problem, ""))
            case _:
                found.append((f"{address!r} is no address of Kafka", "Topic, Topics, TopicPattern or Partitions"))
        return found

    def _partition_problems(self, address: Partitions) -> Iterator[tuple[str, str]]:
        for topic in dict.fromkeys(one.topic for one in address.partitions):
            if (problem := topic_problem(self.options.prefix + topic)) is not None:
                yield problem, ""
        if len(set(address.partitions)) < len(address.partitions):
            yield f"{address.name} names a partition twice", ""
        if any(one.partition < 0 for one in address.partitions) or (
            isinstance(address.start, int) and address.start < 0
        ):
            yield (
                f"{address.name} from {address.start}: partitions and offsets begin at 0",
                'start="earliest" or "latest"',
            )

    def option_problems(self, options: Mapping[str, Any], address: Address, /) -> Sequence[tuple[str, str]]:
        """Return what is wrong with the resolved options of a subscription."""
        found: list[tuple[str, str]] = []
        delivery = options["delivery"]
        if options.get("group") is None and delivery != "at_most_once":
            hint = 'class Orders(KafkaConsumer, group="…"), or kafka.defaults.group'
            found.append((f"{delivery} needs a group", hint))
        if "group_instance_id" in options and (options.get("group") is None or isinstance(address, Partitions)):
            found.append(("group_instance_id needs the membership of a group", "a group, and no Partitions"))
        if (problem := instance_problem(options.get("group_instance_id"))) is not None:
            found.append(problem)
        if isinstance(address, Partitions) and "start" in options:
            found.append(("start= is of groups", "Partitions(…, start=…)"))
        if options.get("start") == "fail" and options.get("group") is None:
            found.append(('start="fail" needs a group', 'a group, or start="earliest" or "latest"'))
        waits, lease = options["retry"].longest_wait, options.get("max_poll_interval", 300.0)
        if waits >= lease:
            found.append(
                (
                    f"attempts in place may wait {waits:.0f} s, max_poll_interval is {lease:.0f} s",
                    "fewer attempts or shorter delays",
                )
            )
        if (timeout := options.get("timeout")) is not None and timeout >= lease:
            found.append((f"timeout={timeout:g} is not below max_poll_interval={lease:g}", "a shorter timeout"))
        if self._transport is None:
            found += [(f"{one.path}: {one.what}", one.hint) for one in source_problems(self._settings, options)]
        return found

    def part_hint(self, address: Address, part: str, /) -> str:
        """Return the named group of a TopicPattern."""
        return f"name it in the pattern, (?P<{part}>…)"

    def shares(self, address: Address, /) -> Sequence[str]:
        """Return the topics of an address, or its partitions."""
        match address:
            case Topics():
                return [topic.name for topic in address.topics]
            case Partitions():
                return [f"{one.topic}/{one.partition}" for one in address.partitions]
            case _:
                return [address.name]

    def parts(self, address: Address, /) -> Sequence[str]:
        """Return the named groups of a TopicPattern."""
        return list(address.regex().groupindex) if isinstance(address, TopicPattern) else []
