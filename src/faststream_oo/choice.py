"""Which method of a subscription takes a message: by `when`, by contract, else the only one; never by trial."""

from collections.abc import Callable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, cast, get_args, get_origin

from attrs import frozen

from faststream_oo.binding import BindingError, body_decoder
from faststream_oo.codec import Codec
from faststream_oo.errors import DecodeError
from faststream_oo.markers import declared_contract, parse_wire
from faststream_oo.message import Message

H = TypeVar("H")

When = Callable[[Any], bool] | Mapping[str, str]
"""A predicate on the undecoded message, or headers that must be equal."""


@frozen
class Candidate(Generic[H]):
    """One method on an address.

    Attributes:
        handler: What is chosen.
        name: For messages about it.
        when: As written in the options, or None.
        annotation: Of the body, `UNSET` when it is not taken.
    """

    handler: H
    name: str
    when: When | None
    annotation: object


def compile_choice(
    candidates: Sequence[Candidate[H]], tag: str | None, codec: Codec, /
) -> Callable[[Message], H | None]:
    """Return what chooses among the methods of one subscription; None means unmatched.

    Raises:
        BindingError: Two methods take the same message.
    """
    conditional = [(_condition(one.when), one.handler) for one in candidates if one.when is not None]
    plain = [one for one in candidates if one.when is None]
    exact, wider = _contracts(plain)
    open_ = [one for one in plain if not _names(one.annotation)]
    if len(open_) > 1:
        raise _clash(open_[0], open_[1])
    if len(candidates) == 1 and open_:
        return _Constant(open_[0].handler)
    read_type = _type_reader(tag, codec)
    single = plain[0].handler if len(plain) == 1 else None

    def choose(message: Message) -> H | None:
        for holds, handler in conditional:
            if holds(message):
                return handler
        name = read_type(message)
        if name is None:
            return single if single is not None else (open_[0].handler if open_ else None)
        contract = parse_wire(name).name
        found = exact.get(contract) or wider.get(contract) or _subclass(plain, contract)
        if found is not None:
            return found
        return open_[0].handler if open_ else None

    return choose


class _Constant(Generic[H]):
    """Chooses the only handler there is; told apart so that the pipeline can leave the choice out."""

    constant = True

    def __init__(self, handler: H) -> None:
        self._handler = handler

    def __call__(self, message: Message) -> H:
        return self._handler


def _condition(when: When) -> Callable[[Message], bool]:
    if not callable(when):
        wanted = tuple(when.items())
        return lambda message: all(message.headers.get(name) == value for name, value in wanted)
    return when


def _type_reader(tag: str | None, codec: Codec) -> Callable[[Message], str | None]:
    if tag is None:
        return lambda message: message.type
    read = body_decoder(codec, dict[str, Any])

    def tagged(message: Message) -> str | None:
        if (name := message.type) is not None:
            return name
        document = cast("dict[str, Any]", read(message))
        name = document.get(tag)
        if name is None:
            return None
        if not isinstance(name, str):
            raise DecodeError(f"expected a contract's name, got {name!r}", f"$.{tag}")
        # The decoder chooses the member of a union by this header.
        message._headers = {**message.headers, "fsoo-type": name}  # noqa: SLF001 - the core's own field
        return name

    return tagged


def members(annotation: Any, /) -> Sequence[type[object]]:
    """Return the classes of an annotation: itself, or the members of a union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return members(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return [cls for argument in get_args(annotation) for cls in members(argument)]
    cls = origin or annotation
    return [cls] if isinstance(cls, type) else []


def _names(annotation: object) -> Sequence[str]:
    found = [declared_contract(cls) for cls in members(annotation)]
    return [contract.name for contract in found if contract is not None]


def _contracts(plain: Sequence[Candidate[H]]) -> tuple[Mapping[str, H], Mapping[str, H]]:
    """Return the handlers by contract: of methods annotated with that class alone, and of wider ones."""
    exact: dict[str, Candidate[H]] = {}
    wider: dict[str, Candidate[H]] = {}
    for one in plain:
        names = _names(one.annotation)
        table = exact if len(members(one.annotation)) == 1 else wider
        for name in names:
            if name in table:
                raise _clash(table[name], one)
            table[name] = one
    return {n: c.handler for n, c in exact.items()}, {n: c.handler for n, c in wider.items()}


def _subclass(plain: Sequence[Candidate[H]], contract: str) -> H | None:
    """Return the handler whose annotated class is a base of the contract's; subclasses may be made at any time."""
    for one in plain:
        for base in members(one.annotation):
            if any((info := declared_contract(cls)) and info.name == contract for cls in _descendants(base)):
                return one.handler
    return None


def _descendants(base: type[object]) -> Sequence[type[object]]:
    if base is object:
        return []
    return [cls for child in type.__subclasses__(base) for cls in (child, *_descendants(child))]


def _clash(first: Candidate[Any], second: Candidate[Any]) -> BindingError:
    taken = members(first.annotation)
    what = taken[0].__name__ if taken else "every message"
    return BindingError(
        f"{first.name} and {second.name} both take {what}", "when=, or an address or a group of its own"
    )
