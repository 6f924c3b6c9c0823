"""The compiled way out of one address: encode, headers, middleware, then the outbox or the sender."""

import itertools
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import UnionType
from typing import (
    Any,
    Protocol,
    TypeGuard,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from attrs import evolve, frozen

from faststream_oo.address import Address
from faststream_oo.codec import Codec
from faststream_oo.current import CURRENT, Attempt
from faststream_oo.errors import LifecycleError
from faststream_oo.framing import Make, Way, body_maker, check_texts, field_getter, key_bytes, outgoing_maker
from faststream_oo.message import Batch, Outgoing
from faststream_oo.middleware import PublishMiddleware, PublishNext
from faststream_oo.outbox import Confirmations, Held
from faststream_oo.outcome import Outcome
from faststream_oo.transport import Frame, Sender

_PLACEHOLDER = re.compile(r"\{(\w+(?:\.\w+)*)\}")


def identities() -> Callable[[], str]:
    """Return a source of identities that are new in the world: a random part for all of them, and a number."""
    node = secrets.token_hex(6)
    count = itertools.count(1).__next__
    return lambda: f"{node}-{count():x}"


def placeholders(name: str, /) -> Sequence[str]:
    """Return the `{field}` names in a producing address."""
    return _PLACEHOLDER.findall(name)


def produced_body(function: Callable[..., object], /) -> object:
    """Return the annotated body of a producing method: inside Outgoing, Batch and Optional; None when it tells nothing."""
    try:
        annotation = get_type_hints(function, include_extras=True).get("return")
    except NameError:
        return None
    return _unwrapped(annotation)


def _unwrapped(annotation: Any) -> Any:
    whole: Any = annotation
    origin: Any = get_origin(annotation)
    arguments: tuple[Any, ...] = get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, (Outgoing, Batch)):
        return _unwrapped(arguments[0])
    if isinstance(annotation, type) and issubclass(annotation, (Outgoing, Batch, Outcome)):
        return None
    if origin in {Union, UnionType}:
        bodies = [body for body in map(_unwrapped, arguments) if body is not None and body is not type(None)]
        return bodies[0] if len(bodies) == 1 else (whole if len(bodies) == len(arguments) else None)
    return None if annotation is type(None) or isinstance(annotation, TypeVar) else whole


class Outlet(Protocol):
    """What a publication needs of its broker."""

    @property
    def confirmations(self) -> Confirmations:
        """What gives up on publishes that are not confirmed in time."""
        ...

    @property
    def new_id(self) -> Callable[[], str]:
        """Source of identities."""
        ...

    def sender(self, address: Address, /) -> Sender[Any]:
        """Return the sender to a whole address."""
        ...

    def watched(self, address: Address, sender: Sender[Any], /) -> Sender[Any]:
        """Return the sender, or one that tells who watches the application."""
        ...

    def locate(self, address: str | Address, prefix: str = "", /) -> Address:
        """Return the whole native address; one that is whole already is returned as it is."""
        ...

    def concrete(self, address: Address, name: str, /) -> Address:
        """Return a whole address under another whole name."""
        ...

    async def ensure(self, address: Address, /) -> None:
        """Declare a whole address once, by the broker's topology mode."""

    def outgoing(self, body: object, /) -> Outgoing[Any]:
        """Return a body as the protocol's Outgoing."""
        ...

    def frame_options(self, outgoing: Outgoing[Any], options: Mapping[str, Any], /) -> Mapping[str, object]:
        """Return the protocol's own options of one message, `@produces` options below."""
        ...


@frozen
class Terms:
    """How the messages of one publication are made: the resolved options of a `@produces` or `publish`.

    Attributes:
        codec: Makes the bytes.
        middlewares: Outermost first.
        key: Field path of the key, or None.
        headers: Of every message.
        held: Whether a publish during an attempt waits for its end.
        timeout: Seconds to wait for the confirm.
        options: The protocol's own.
        prefix: Of the class, for addresses given with a message.
        annotation: Declared type of the body, or None for the type of each body.
    """

    codec: Codec
    middlewares: Sequence[PublishMiddleware] = ()
    key: str | None = None
    headers: Mapping[str, str] = {}
    held: bool = True
    timeout: float = 30.0
    options: Mapping[str, object] = {}
    prefix: str = ""
    annotation: object = None


class Publication:
    """One way out: everything that does not depend on the single message is bound here once."""

    __slots__ = (
        "_chain",
        "_concrete",
        "_makes",
        "_new_id",
        "_outlet",
        "_parts",
        "_sender",
        "_senders",
        "_ways",
        "address",
        "terms",
    )

    def __init__(self, outlet: Outlet, address: Address, terms: Terms) -> None:
        self._outlet = outlet
        self._new_id = outlet.new_id
        self.address = address
        self.terms = terms
        self._parts = [(name, field_getter(name)) for name in placeholders(address.name)]
        self._ways: dict[type, Way] = {}
        self._makes: dict[type, Make] = {}
        self._concrete: dict[str, Address] = {}
        self._senders: dict[Address, Sender[Any]] = {}
        self._sender: Sender[Any] | None = None
        self._chain = _chained(terms.middlewares, self._last) if terms.middlewares else None

    @property
    def prompt(self) -> bool:
        """Whether nothing stands between a message and its sender: no middleware, and the address is known."""
        return self._sender is not None and self._chain is None

    async def publish(self, body: object, /) -> None:
        """Publish a body, an Outgoing, or a Batch of either; None publishes nothing."""
        confirm = await self.begin(body)
        if confirm is not None:
            await confirm

    async def begin(self, body: object, /) -> Awaitable[Any] | None:
        """Hold or send what is given; return the confirm to wait for, None when it is held or confirmed."""
        attempt = CURRENT.get()
        made = self._made(body, None if attempt is None else _correlation(attempt))
        if made is None:
            if body is None:
                return None
            if is_batch(body):
                confirms: list[Awaitable[Any]] = []
                await self._begin_all(body, attempt, confirms)
                return self._outlet.confirmations.watch_all(confirms, self.terms.timeout) if confirms else None
            outgoing = self._outgoing(body)
            if self._chain is not None:
                await self._chain(evolve(outgoing, to=self._address(outgoing)))
                return None
            made = await self.prepare(outgoing)
        confirm = self._dispatch(*made, attempt)
        return None if confirm is None else self._outlet.confirmations.watch(confirm, self.terms.timeout)

    async def _begin_all(self, bodies: Batch[object], attempt: Attempt | None, confirms: list[Awaitable[Any]]) -> None:
        """Hold or send several in order, and add the confirms to wait for."""
        makes, correlation = self._makes, _correlation(attempt)
        now = attempt is None or not (attempt.held and self.terms.held)
        send = self._sender.send if now and self._sender is not None else None
        for body in bodies:
            make = None if send is None else makes.get(type(body))
            frame = None if make is None else make(body, correlation)
            if frame is not None and send is not None:
                confirm = send(frame)
            elif (made := self._made(body, correlation)) is not None:
                confirm = self._dispatch(*made, attempt)
            elif is_batch(body):
                await self._begin_all(body, attempt, confirms)
                continue
            else:  # as a single one: nothing was sent to its address yet, or there is a middleware
                confirm = await self.begin(body)
            if confirm is not None:
                confirms.append(confirm)

    async def send_now(self, body: object, /) -> Any:
        """Send one message past any outbox and return the client's receipt."""
        receipts: list[Any] = []

        async def last(outgoing: Outgoing[Any]) -> None:
            sender, frame = await self.prepare(outgoing)
            frame.receipt = True
            confirm = sender.send(frame)
            if confirm is not None:
                confirm = await self._outlet.confirmations.watch(confirm, self.terms.timeout)
            receipts.append(confirm)

        await self.through(self._outgoing(body), last)
        return receipts[-1] if receipts else None

    async def through(self, outgoing: Outgoing[Any], last: PublishNext, /) -> None:
        """Pass one message through the middlewares to what is done with it in the end."""
        if self.terms.middlewares:
            await _chained(self.terms.middlewares, last)(evolve(outgoing, to=self._address(outgoing)))
        else:
            await last(outgoing)

    def _outgoing(self, body: object) -> Outgoing[Any]:
        return body if is_outgoing(body) else self._outlet.outgoing(body)

    async def _last(self, outgoing: Outgoing[Any]) -> None:
        """End the chain of middlewares."""
        confirm = self._dispatch(*await self.prepare(outgoing), CURRENT.get())
        if confirm is not None:
            await self._outlet.confirmations.watch(confirm, self.terms.timeout)

    def _dispatch(self, sender: Sender[Any], frame: Frame, attempt: Attempt | None) -> Awaitable[Any] | None:
        """Send a frame, or hold it until the attempt ends; return the confirm."""
        if attempt is None or not (attempt.held and self.terms.held):
            return sender.send(frame)
        if not attempt.open:
            raise LifecycleError(
                f"publish to {self.address.name!r} after the message it belongs to was handled; await it in the handler"
            )
        attempt.hold(Held(sender, frame, self.terms.timeout, self._outlet.confirmations))
        return None

    def _made(self, body: object, correlation: str | None) -> tuple[Sender[Any], Frame] | None:
        """Return what is sent, and by what; None where there is more to do, as for the first message of an address."""
        make, sender = self._makes.get(type(body)) or self._compiled(body), self._sender
        if make is not None and sender is not None:
            frame = make(body, correlation)
            if frame is not None:
                return sender, frame
        if self._chain is not None or not is_outgoing(body):
            return None
        sender = self._senders.get(self._address(body))
        return None if sender is None else (sender, self._frame(body, correlation))

    def _compiled(self, body: object) -> Make | None:
        """Return what makes frames of bodies of a class, once one went to the address; None where each needs more."""
        if self._sender is None or self._chain is not None or self._parts:
            return None
        cls, plain = type(body), not self.terms.options
        if is_outgoing(body):
            whole = self._frame_here
            self._makes[cls] = outgoing_maker(type(body), self._of_body, whole) if plain else whole
        elif plain and cls in self._ways:
            self._makes[cls] = self._of_body(body)
        return self._makes.get(cls)

    def _of_body(self, body: object) -> Make:
        """Return what makes frames of bodies of a class that has no options."""
        way = self._ways.get(type(body)) or self._way(body)
        return body_maker(way, self._new_id, self.terms.headers)

    def _frame_here(self, outgoing: Outgoing[Any], correlation: str | None, _key: object = None, /) -> Frame | None:
        """Return the frame of a message that goes to the publication's own address."""
        return self._frame(outgoing, correlation) if outgoing.to is None else None

    async def prepare(self, outgoing: Outgoing[Any], /) -> tuple[Sender[Any], Frame]:
        """Return the encoded message, and what sends it."""
        sender = await self._sender_to(self._address(outgoing))
        return sender, self._frame(outgoing, _correlation(CURRENT.get()))

    async def framed(self, outgoing: Outgoing[Any], /) -> tuple[Address, Frame]:
        """Return the encoded message and its whole address, for who sends it in another way."""
        address = self._address(outgoing)
        await self._outlet.ensure(address)
        return address, self._frame(outgoing, _correlation(CURRENT.get()))

    def _frame(self, outgoing: Outgoing[Any], correlation: str | None) -> Frame:
        """Encode a body with what goes with it."""
        key, terms, own = outgoing.key, self.terms, outgoing.headers
        body: object = outgoing.body
        data: bytes | None = None
        extra: Mapping[str, str] | None = None
        if body is not None:
            encode, key_of = self._ways.get(type(body)) or self._way(body)
            data, extra = encode(body)
            if key is None and key_of is not None:
                key = key_of(body)
        id_ = outgoing.id or self._new_id()
        plain = not (own or extra or terms.headers)
        headers = {"fsoo-id": id_} if plain else {**terms.headers, **(extra or {}), **own, "fsoo-id": id_}
        correlation = outgoing.correlation_id or correlation
        if correlation and correlation != id_:
            headers["fsoo-correlation-id"] = correlation
        if own or outgoing.id or outgoing.correlation_id:
            check_texts(headers)
        options = self._outlet.frame_options(outgoing, terms.options)
        frame = Frame(data, headers, key.encode() if type(key) is str else key_bytes(key), options, None, body)
        frame.receipt = False
        return frame

    def _address(self, outgoing: Outgoing[Any]) -> Address:
        """Return the whole address of one message; a middleware may have changed it."""
        if outgoing.to is not None:
            return self._outlet.locate(outgoing.to, self.terms.prefix)
        if not self._parts:
            return self.address
        name = self.address.name
        for part, get in self._parts:
            name = name.replace("{" + part + "}", str(get(outgoing.body)))
        concrete = self._concrete.get(name)
        if concrete is None:
            concrete = self._concrete[name] = self._outlet.concrete(self.address, name)
        return concrete

    async def _sender_to(self, address: Address) -> Sender[Any]:
        sender = self._senders.get(address)
        if sender is None:
            await self._outlet.ensure(address)
            sender = self._senders[address] = self._outlet.watched(address, self._outlet.sender(address))
            if address == self.address:
                self._sender = sender
        return sender

    def _way(self, body: object) -> Way:
        """Compile how bodies of a class are encoded, and how their key is read."""
        cls = type(body)
        annotation = self.terms.annotation
        declared = annotation is not None and (is_typeddict(annotation) or not isinstance(annotation, type))
        encoder = self.terms.codec.encoder(annotation if declared else cls)
        way = self._ways[cls] = encoder, field_getter(self.terms.key, cls) if self.terms.key else None
        return way


def is_batch(body: object, /) -> TypeGuard[Batch[object]]:
    """Whether several bodies are given at once."""
    return isinstance(body, Batch)


def is_outgoing(body: object, /) -> TypeGuard[Outgoing[Any]]:
    """Whether a body comes with options of its own."""
    return isinstance(body, Outgoing)


def _correlation(attempt: Attempt | None) -> str | None:
    return None if attempt is None or attempt.message is None else attempt.message.correlation_id


def _chained(middlewares: Sequence[PublishMiddleware], last: PublishNext) -> PublishNext:
    chain = last
    for middleware in reversed(middlewares):
        chain = _around(middleware, chain)
    return chain


def _around(middleware: PublishMiddleware, call_next: PublishNext) -> PublishNext:
    async def call(outgoing: Outgoing[Any]) -> None:
        await middleware.publish(outgoing, call_next)

    return call
