"""The compiled making of frames: what depends on the class of a body, or of an `Outgoing`, is bound once."""

from collections.abc import Callable, Mapping
from operator import attrgetter, itemgetter
from typing import Any, Final, Protocol, TypeAlias, TypeGuard

from attrs import fields

from faststream_oo.codec import Encoder
from faststream_oo.errors import PublishError
from faststream_oo.message import Outgoing
from faststream_oo.transport import Frame

Way: TypeAlias = tuple[Encoder, Callable[[Any], Any] | None]
"""How bodies of one class are encoded, and how their key is read."""

_COMMON: Final = {one.name for one in fields(Outgoing)}
_NO_OPTIONS: Mapping[str, object] = {}


class Make(Protocol):
    """Makes frames of bodies, or of messages, of one class."""

    def __call__(self, body: Any, correlation: str | None, key: object = None, /) -> Frame | None:
        """Return the frame, None where it goes to another address.

        Args:
            body: What is encoded, or the `Outgoing` around it.
            correlation: Correlation id of what is handled.
            key: Wins over that of the body.
        """
        ...


def field_getter(path: str, of: type[object] = object, /) -> Callable[[Any], Any]:
    """Return a function that reads a nested field (`customer.id`) of an object or a mapping.

    Args:
        path: Names of the fields.
        of: Class of what it reads, if that is known.
    """
    names = path.split(".")
    if len(names) == 1 and of is not object:
        return itemgetter(path) if issubclass(of, Mapping) else attrgetter(path)

    def get(body: Any) -> Any:
        for name in names:
            body = body[name] if _is_mapping(body) else getattr(body, name)
        return body

    return get


def _is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def key_bytes(key: object, /) -> bytes | None:
    """Return a key as bytes: text in UTF-8, other values as their text."""
    if key is None or isinstance(key, bytes):
        return key
    return (key if isinstance(key, str) else str(key)).encode()


def check_texts(headers: Mapping[Any, Any], /) -> None:
    """Raise PublishError for headers that are no text: while they are published, as they cannot be sent later either."""
    for name, text in headers.items():
        if not (isinstance(name, str) and isinstance(text, str)):
            raise PublishError(f"names and values of headers are text, which {name!r}: {text!r} is not")


def body_maker(way: Way, new_id: Callable[[], str], common: Mapping[str, str], /) -> Make:
    """Return what makes frames of bodies of one class.

    Args:
        way: How they are encoded, and how their key is read.
        new_id: Source of identities.
        common: Headers of every frame.
    """
    encode, key_of = way
    new = Frame.__new__

    def make(body: Any, correlation: str | None, key: object = None, /) -> Frame:
        data, extra = encode(body)
        id_ = new_id()
        headers = {**common, **extra, "fsoo-id": id_} if common or extra else {"fsoo-id": id_}
        if correlation and correlation != id_:
            headers["fsoo-correlation-id"] = correlation
        if key is None and key_of is not None:
            key = key_of(body)
        # One is made for every message: without a call of its constructor.
        frame = new(Frame)
        frame.body = data
        frame.headers = headers
        frame.key = None if key is None else key.encode() if type(key) is str else key_bytes(key)
        frame.options = _NO_OPTIONS
        frame.copy_of = None
        frame.value = body
        frame.receipt = False
        return frame

    return make


def outgoing_maker(cls: type[Outgoing[Any]], of_body: Callable[[object], Make], whole: Make, /) -> Make:
    """Return what makes frames of a class of `Outgoing`: one that says no more than body and key is made as its body.

    Args:
        cls: That class.
        of_body: Compiles what makes frames of the class of a body.
        whole: Makes the frame of one that says more.
    """
    names = [one.name for one in fields(cls) if one.name not in _COMMON]
    # One name alone would give its value, not a tuple.
    own = attrgetter(*names, names[0]) if names else None
    nothing = (None,) * (len(names) + 1)
    makes: dict[type, Make] = {}

    def make(outgoing: Any, correlation: str | None, _key: object = None, /) -> Frame | None:
        body: object = outgoing.body
        if (
            body is None
            or outgoing.to is not None
            or outgoing.id is not None
            or outgoing.correlation_id is not None
            or outgoing.headers
            or (own is not None and own(outgoing) != nothing)
        ):
            return whole(outgoing, correlation)
        of_class = makes.get(type(body))
        if of_class is None:
            of_class = makes[type(body)] = of_body(body)
        return of_class(body, correlation, outgoing.key)

    return make
