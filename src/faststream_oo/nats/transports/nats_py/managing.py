"""Streams and their consumers, asked of the server: what is there, what is missing, and what is made."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, cast

from attrs import evolve
from nats import errors
from nats.aio.client import Client
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError

from faststream_oo.address import Address
from faststream_oo.errors import TransportError
from faststream_oo.nats.address import JetStream
from faststream_oo.nats.options import Pull, Push, Start
from faststream_oo.nats.transports.nats_py.refusals import describe
from faststream_oo.nats.wanted import Wanted, wanted
from faststream_oo.options import Topology

ANSWER_SECONDS: Final = 5.0
_TURNS: Final = 3
"""How often a stream is asked to store more, while another worker may overwrite what it stores."""

_POLICIES: Final = {
    "earliest": api.DeliverPolicy.ALL,
    "latest": api.DeliverPolicy.NEW,
    "last_per_subject": api.DeliverPolicy.LAST_PER_SUBJECT,
}


@asynccontextmanager
async def asking(what: str, /) -> AsyncGenerator[None]:
    """Turn errors of the client and refusals of the server into TransportError."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except APIError as error:
        code = f" ({error.err_code})" if error.err_code else ""
        said = error.description or "JetStream does not answer; is it enabled?"
        raise TransportError(f"{what}: {said}{code}") from error
    except (errors.Error, OSError, ValueError) as error:
        raise TransportError(f"{what}: {describe(error)}") from error


class Manager:
    """Asks about streams and consumers, and makes what is missing.

    Args:
        client: Connected.
    """

    def __init__(self, client: Client) -> None:
        self.context: JetStreamContext = client.jetstream(timeout=ANSWER_SECONDS)  # pyright: ignore[reportUnknownMemberType] - `opts`
        """The client's own way to ask."""
        self._one = asyncio.Lock()
        self._known: dict[str, tuple[JetStream, Sequence[str]]] = {}  # as declared, and what they store

    # Streams --------------------------------------------------------------------------------------------------------

    async def declare(self, addresses: Sequence[Address], topology: Topology, /) -> Sequence[str]:
        """Apply the mode to the streams of addresses, and return the differences. Raises TransportError."""
        found: list[str] = []
        async with self._one:  # whoever else asks for the same stream then knows it
            for one in wanted(addresses):
                if not self._is_known(one):
                    found += await self._declare(one, topology)
        return found

    def _is_known(self, wanted: Wanted) -> bool:
        """Whether a stream was declared like this before, so that nothing is asked for each subject of it."""
        stream = wanted.stream
        known, stores = self._known.get(stream.name, (None, ()))
        told = known is not None and (known == stream or not stream.described)
        return told and not wanted.missing(evolve(stream, subjects=stores))

    async def _declare(self, one: Wanted, topology: Topology) -> Sequence[str]:
        name = one.stream.name
        there = await self._stream(name)
        if there is None:
            if topology != "create" or one.stream.external:
                return [f'stream "{name}" does not exist']
            there = one.made
            await self._make(there)
        for _ in range(_TURNS):  # until no other worker has overwritten what it stores
            if not (one.grows and topology == "create" and one.missing(there)):
                break
            await self._grow(one.grown(there))
            there = await self._stream(name) or there
        found = [*one.differences(there), *(f'stream "{name}" does not store "{lost}"' for lost in one.missing(there))]
        if not found:
            self._known[name] = one.stream, there.subjects
        return found

    async def _stream(self, name: str) -> JetStream | None:
        async with asking(f'stream "{name}" cannot be looked up'):
            try:
                return _described((await self.context.stream_info(name)).config)
            except NotFoundError:
                return None

    async def _make(self, stream: JetStream) -> None:
        async with asking(f'stream "{stream.name}" cannot be created'):
            await self.context.add_stream(_config(stream))  # pyright: ignore[reportUnknownMemberType] - `params`

    async def _grow(self, stream: JetStream) -> None:
        async with asking(f'stream "{stream.name}" cannot be made to store {", ".join(stream.subjects)}'):
            config = (await self.context.stream_info(stream.name)).config
            grown = replace(config, subjects=[*stream.subjects])
            await self.context.update_stream(grown)  # pyright: ignore[reportUnknownMemberType] - `params`

    async def last(self, name: str, /) -> int:
        """Return the sequence of the last message in a stream. Raises TransportError."""
        async with asking(f'stream "{name}" cannot be looked up'):
            return (await self.context.stream_info(name)).state.last_seq

    async def delete(self, name: str, /) -> None:
        """Delete a stream; one that is not there is no error. Raises TransportError."""
        self.forget(name)
        async with asking(f'stream "{name}" cannot be deleted'):
            try:
                await self.context.delete_stream(name)
            except NotFoundError:
                return

    def forget(self, name: str, /) -> None:
        """Look a stream up again when it is declared next."""
        self._known.pop(name, None)

    # Consumers ------------------------------------------------------------------------------------------------------

    async def consumer(self, stream: str, name: str, /) -> api.ConsumerInfo | None:
        """Return a consumer that is there, None when it or its stream is not. Raises TransportError."""
        async with asking(f'consumer "{name}" of stream "{stream}" cannot be looked up'):
            try:
                found: api.ConsumerInfo = await self.context.consumer_info(stream, name)
                return found
            except NotFoundError:
                return None

    async def make_consumer(self, stream: str, config: api.ConsumerConfig, /) -> api.ConsumerInfo:
        """Create a consumer and return how the server has it. Raises TransportError."""
        name = config.durable_name or config.name
        async with asking(f'consumer "{name}" of stream "{stream}" cannot be created'):
            return await self.context.add_consumer(stream, config)  # pyright: ignore[reportUnknownMemberType] - `params`

    async def delete_consumer(self, stream: str, name: str, /) -> None:
        """Delete a consumer; one that is not there is no error. Raises TransportError."""
        async with asking(f'consumer "{name}" of stream "{stream}" cannot be deleted'):
            try:
                await self.context.delete_consumer(stream, name)
            except NotFoundError:
                return


def _config(stream: JetStream) -> api.StreamConfig:
    return api.StreamConfig(
        name=stream.name,
        subjects=[*stream.subjects],
        retention=api.RetentionPolicy(stream.retention),
        storage=api.StorageType(stream.storage),
        num_replicas=stream.replicas,
        discard=api.DiscardPolicy(stream.discard),
        max_msgs=stream.max_messages or -1,
        max_bytes=stream.max_bytes or -1,
        max_age=stream.max_age or 0.0,
        max_msg_size=stream.max_message_size or -1,
        duplicate_window=stream.window,
        allow_msg_ttl=True,
    )


def _described(config: api.StreamConfig) -> JetStream:
    def limit(value: Any) -> Any:
        return value if value is not None and value > 0 else None

    return JetStream(
        config.name or "",
        subjects=config.subjects or (),
        retention=cast(Any, config.retention),
        storage=cast(Any, config.storage),
        replicas=config.num_replicas or 1,
        discard=cast(Any, config.discard),
        max_messages=limit(config.max_msgs),
        max_bytes=limit(config.max_bytes),
        max_age=limit(config.max_age),
        max_message_size=limit(config.max_msg_size),
        duplicate_window=config.duplicate_window or 0.0,
    )


def place_to_start(start: Start, /) -> dict[str, Any]:
    """Return where a new consumer begins, as its configuration says it."""
    match start:
        case int():
            return {"deliver_policy": api.DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": start}
        case datetime():
            return {"deliver_policy": api.DeliverPolicy.BY_START_TIME, "opt_start_time": start}
        case _:
            return {"deliver_policy": _POLICIES[start]}


def filtered(patterns: Sequence[str], /) -> dict[str, Any]:
    """Return what a consumer reads, as its configuration says it."""
    return {"filter_subject": patterns[0]} if len(patterns) == 1 else {"filter_subjects": [*patterns]}


def durable(name: str, patterns: Sequence[str], start: Start, via: Pull | Push, deliver: str, /) -> api.ConsumerConfig:
    """Return the configuration of a durable consumer that workers share.

    Args:
        name: Its name.
        patterns: What it reads.
        start: Where it begins.
        via: How.
        deliver: Where it pushes to.
    """
    config = api.ConsumerConfig(
        durable_name=name,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=via.ack_wait,
        max_ack_pending=via.max_ack_pending,
        **filtered(patterns),
        **place_to_start(start),
    )
    if isinstance(via, Pull):
        return replace(config, inactive_threshold=via.inactive_threshold)
    return replace(
        config,
        deliver_subject=deliver,
        deliver_group=name,
        idle_heartbeat=via.heartbeat,
        flow_control=via.flow_control,
        headers_only=via.headers_only or None,
    )


def durable_differences(there: api.ConsumerConfig, ours: api.ConsumerConfig, /) -> Sequence[str]:
    """Return how a durable that is there differs in what may differ: it goes on as it is."""
    names = ("ack_wait", "max_ack_pending", "inactive_threshold", "idle_heartbeat", "flow_control", "headers_only")
    return [
        f"{name} is {getattr(there, name)}, not {getattr(ours, name)}"
        for name in names
        if (getattr(there, name) or None) != (getattr(ours, name) or None)
    ]


def durable_refusal(there: api.ConsumerConfig, ours: api.ConsumerConfig, /) -> str | None:
    """Say why a durable that is there cannot be read as ours, None when it can."""
    if _read(there) != _read(ours):
        return f"it reads {', '.join(sorted(_read(there)))}, not {', '.join(sorted(_read(ours)))}"
    if (there.deliver_subject is None) != (ours.deliver_subject is None):
        return "it is pulled from" if there.deliver_subject is None else "it pushes"
    if there.ack_policy != api.AckPolicy.EXPLICIT:
        return f"its ack policy is {there.ack_policy}, not explicit"
    return None


def _read(config: api.ConsumerConfig) -> set[str]:
    return set(config.filter_subjects or ([config.filter_subject] if config.filter_subject else [">"]))
