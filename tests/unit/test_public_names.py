"""The public names beside those that were designed: every difference has its reason, and no reason outlives it."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any, is_typeddict

NAMES = Path(__file__).parent.parent / "typing" / "public_names.txt"

REASONS: Mapping[str, Sequence[str]] = {
    "comes with batches of messages to one handler": [
        "- *:Batching", "- options:ConsumeOptions.batch", "- message:Batch.fail", "- message:Batch.messages",
    ],
    "comes with breakers and rates": [
        "- *:Breaker", "- *:Rate", "- options:ConsumeOptions.breaker", "- options:ConsumeOptions.rate",
    ],
    "comes with delayed delivery and retries outside the process": [
        "- message:Outgoing.delay", "- options:RetryPolicy.keep_order", "- options:RetryPolicy.later",
        "- transport:Capabilities.delay",
    ],
    "a source knows its lease, and renews it for what its sink holds": [
        "- transport:Capabilities.lease", "- transport:Source.extend", "+ transport:Sink.holding",
    ],
    "comes with the queue of dead letters, to look into, replay and purge": [
        "- application:Application.dead_letters", "- application:DeadLetterQueue",
    ],
    "stands below the application, with what writes dead letters": ["- application:DeadLettered"],
    "stands above the broker, with what pulls": ["- broker:Reader"],
    "comes with transactions": ["- kafka:KafkaSettings.transactional_id"],
    "comes with more codecs": [
        "- codecs:AvroCodec", "- codecs:ByContentType", "- codecs:CloudEvents", "- codecs:Compressed",
        "- codecs:MsgspecCodec", "- codecs:ProtobufCodec",
    ],
    "comes with the AsyncAPI document": ["- options:DocsOptions.include_in_schema"],
    "is on the brokers of each protocol, typed": ["- broker:Broker.subscriptions"],
    "requests are made by `@requests` and `broker.request`, which know where answers go": ["- message:Outgoing.reply_to"],
    "the topic of replies, as the broker declares it": ["+ kafka:KafkaSettings.replies"],
    "what a protocol and the core share of a broker: the second ring": ["+ broker:Broker.*"],
    "what the CLI and the harness read": ["+ application:Application.plan"],
    "what the core keeps on a message while it holds it, or a dead letter names": ["+ message:Message.*"],
    "what the core asks of an address, a contract or a policy": [
        "+ kafka:Topic.named", "+ kafka:TopicPattern.*", "+ kafka:Partitions.*", "+ markers:ContractInfo.*", "+ options:Exponential.*",
        "+ options:RetryPolicy.*", "+ consumer:Consumer.prefix",
    ],
    "what the core and the transports ask of an address of NATS": [
        "+ nats:JetStream.*", "+ nats:KeyValue.*", "+ nats:ObjectStore.*", "+ nats:Subject.*", "+ nats:Subjects.*",
    ],
    "servers without their credentials, for people": ["+ nats:NatsSettings.shown_servers"],
    "core NATS keeps nothing, and counts what is lost": ["+ nats:NatsSubscription"],
    "a harness removes what it made": ["+ nats.transport:NatsTransport.delete_stream"],
    "a publish whose receipt nobody reads is spared its making": ["+ transport:Frame.receipt"],
    "comes with stream queues and readers of queues": [
        "- rabbit:RabbitBroker.reader", "- rabbit:RabbitConsumeOptions.start", "- rabbit:RabbitMessage.offset",
    ],
    "comes with more of what RabbitMQ has of its own": [
        "- rabbit:Queue.expires", "- rabbit:RabbitConsumeOptions.consumer_priority", "- rabbit:RabbitSettings.confirms",
    ],
    "what transports ask of an address, and what is shown of the URLs": [
        "+ rabbit:Arguments", "+ rabbit:Binding.*", "+ rabbit:Queue.native_arguments", "+ rabbit:RabbitSettings.*",
    ],
    "what an address is, for `describe`": [
        "+ address:Address.kind", "+ kafka:Topic.kind", "+ kafka:Topics.kind", "+ rabbit:Exchange.kind",
        "+ rabbit:Queue.kind", "+ redis:List.kind", "+ redis:Stream.kind",
    ],
    "what Python's own TLS is set up with": ["+ security:Tls.context"],
    "what transports and the core ask of a subject, a stream or a bucket, and what a test undoes": [
        "+ nats:JetStream.*", "+ nats:KeyValue.*", "+ nats:ObjectStore.*", "+ nats:Subject.*", "+ nats:Subjects.*",
        "+ nats.transport:NatsTransport.delete_stream",
    ],
    "what is shown of the servers": ["+ nats:NatsSettings.shown_servers"],
    "tells how many messages are lost, where nothing keeps them": ["+ nats:NatsSubscription"],
    "comes with clusters and sentinels": ["- redis:Channel.sharded", "- redis:RedisSettings.master"],
    "all that does not block goes over one connection, so there is no pool": ["- redis:RedisSettings.max_connections"],
    "what sources and the core ask of a channel, what is shown of the URL, and what a test undoes": [
        "+ redis:Channel.*", "+ redis:RedisSettings.servers", "+ redis.transport:RedisTransport.delete",
    ],
    "what the core needs of a claim and tells who watches; a source says that it reconnects": [
        "+ transport:Claim.address", "+ transport:Frame.value", "+ transport:Sink.degrade", "+ transport:Sink.drop",
    ],
}  # fmt: skip
"""Reasons of differences: `-` is designed and missing, `+` is there and not designed."""


def designed() -> Iterator[tuple[str, str, list[str]]]:
    """Return module, name and members, as designed."""
    module = ""
    for line in filter(None, NAMES.read_text().splitlines()):
        if line.startswith("["):
            module = line.strip("[]")
        else:
            name, _, members = line.partition(": ")
            yield module, name, members.split()


def loaded(module: str) -> Any:
    """Return a module, None where there is none yet."""
    name = "faststream_oo" if module == "faststream_oo" else f"faststream_oo.{module}"
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return None


def public(cls: type[object]) -> set[str]:
    """Return the public members of a class, those of its bases in this package too."""
    ours = [base for base in cls.__mro__ if base.__module__.startswith("faststream_oo")]
    slots = {name for base in ours for name in vars(base).get("__slots__", ())}
    names = {name for base in ours for name in (*vars(base), *vars(base).get("__annotations__", {}))} | slots
    return {name for name in names if not name.startswith("_")}


def differences() -> set[str]:
    found: set[str] = set()
    known: dict[str, set[str]] = {}
    options = {one for _, _, members in designed() for one in members}
    for module, name, members in designed():
        known.setdefault(module, set()).add(name)
        there = loaded(module)
        if not hasattr(there, name):
            found.add(f"- {module}:{name}")
        elif isinstance(value := getattr(there, name), type):
            found |= {f"- {module}:{name}.{one}" for one in members if one not in public(value)}
            # The annotations of a TypedDict are those of its bases too.
            expected = options if is_typeddict(value) else {*members, *inherited(value)}
            found |= {f"+ {module}:{name}.{one}" for one in public(value) - expected if members}
    for module, names in known.items():
        found |= {f"+ {module}:{name}" for name in set(getattr(loaded(module), "__all__", ())) - names}
    return found


def inherited(cls: type[object]) -> set[str]:
    return {name for base in cls.__mro__[1:] if base.__module__.startswith("faststream_oo") for name in public(base)}


def test_every_difference_to_the_design_has_its_reason() -> None:
    patterns = [pattern for several in REASONS.values() for pattern in several]
    found = differences()
    assert sorted(one for one in found if not any(fnmatchcase(one, pattern) for pattern in patterns)) == []
    assert [pattern for pattern in patterns if not any(fnmatchcase(one, pattern) for one in found)] == []
