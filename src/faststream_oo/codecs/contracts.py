"""Which class a message is decoded into, by the contract that its header names; and from which version."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from attrs import frozen

from faststream_oo.codec import Decoder
from faststream_oo.codecs.kinds import class_of, is_record, natural
from faststream_oo.codecs.reader import Reader, document_of
from faststream_oo.errors import DecodeError
from faststream_oo.markers import ContractInfo, declared_contract, parse_wire

_SHOWN = 100
"""Characters of a header that a message shows."""


@frozen
class Target:
    """A class that a message may be decoded into.

    Attributes:
        annotation: The class, or the generic of it that was annotated.
        contract: Its contract.
    """

    annotation: Any
    contract: ContractInfo


class ContractDecoder:
    """Decodes into the class whose contract the header names, among some classes and their subclasses.

    Args:
        kinds: The annotated classes.
        default: Decodes a message that names no contract; None when one is needed.
        read: Returns the reader of a class.

    Raises:
        TypeError: One of the classes cannot be decoded.
    """

    def __init__(self, kinds: Sequence[Any], default: Decoder | None, read: Callable[[Any], Reader]) -> None:
        self._kinds = kinds
        self._default = default
        self._read = read
        # Of equal ones the last counts: attrs replaces a class by its slotted one, and the old one lives on for a while.
        known = {target.contract.wire: target.annotation for target in targets(kinds)}
        self._exact = {wire: read(annotation).decoder() for wire, annotation in known.items()}

    def __call__(self, body: bytes, headers: Mapping[str, str], /) -> object:
        """Return the object; raise DecodeError."""
        wire = headers.get("fsoo-type") or headers.get("ce_type") or headers.get("ce-type")
        decode = self._default if wire is None else self._exact.get(wire)
        if decode is None:
            decode = self._other(wire)
        return decode(body, headers)

    def _other(self, wire: str | None) -> Decoder:
        """Return the decoder of an older version, or of a subclass that did not exist at the start."""
        among = targets(self._kinds)
        if not among and self._default is not None:
            return self._default  # without contracts the header says nothing
        names = " or ".join(sorted({target.contract.wire for target in among}))
        if wire is None:
            raise DecodeError(f"expected {names}, got no fsoo-type header")
        target = nearest(wire, among)
        if target is None:
            raise DecodeError(f"expected {names}, got {wire[:_SHOWN]}")
        try:
            reader = self._read(target.annotation)
        except TypeError as error:
            raise DecodeError(str(error)) from error
        version = parse_wire(wire).version
        return lambda body, _: reader.structure(upcast(document_of(body), version, target.contract))


def targets(kinds: Sequence[Any], /) -> Sequence[Target]:
    """Return the contracts among annotated classes and all of their subclasses that exist now."""
    return [
        Target(kind if cls is class_of(kind) else cls, found)
        for kind in kinds
        for cls in _family(kind)
        if (found := declared_contract(cls)) is not None
    ]


def may_have_contracts(kind: Any, /) -> bool:
    """Return whether it is a class of the user's, whose subclasses may be contracts."""
    cls = class_of(kind)
    return isinstance(cls, type) and cls is not object and (is_record(cls) or not natural(cls))


def _family(kind: Any) -> Iterator[Any]:
    cls = class_of(kind)
    yield cls
    if may_have_contracts(cls):
        for subclass in type.__subclasses__(cls):
            yield from _family(subclass)


def nearest(wire: str, among: Sequence[Target], /) -> Target | None:
    """Return the target of the named version, else the next newer one; None when there is neither.

    Raises:
        DecodeError: The version is no number of sane length.
    """
    try:
        named = parse_wire(wire)
    except ValueError as error:  # more digits than Python reads
        raise DecodeError(f"unreadable contract {wire[:_SHOWN]}") from error
    fitting = [one for one in among if one.contract.name == named.name and one.contract.version >= named.version]
    return min(reversed(fitting), key=lambda one: one.contract.version, default=None)


def upcast(document: Any, version: int, target: ContractInfo, /) -> Any:
    """Turn the document of an older version into the target's, one version at a time.

    Raises:
        DecodeError: A step is missing or failed, or the document is no object.
    """
    for older in range(version, target.version):
        step = target.upcasts.get(older)
        if step is None:
            raise DecodeError(f"expected {target.wire}, got {target.name}.v{version}: no upcast of version {older}")
        if not isinstance(document, dict):
            raise DecodeError(f"expected object, got a document of {target.name}.v{older} that is none")
        try:
            document = step(cast(dict[str, object], document))
        except Exception as error:
            raise DecodeError(f"upcast of {target.name}.v{older} failed: {error!r}") from error
    return document
