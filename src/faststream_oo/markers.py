"""Markers for handler parameters (`Annotated[str, Header("x")]`), also taken by `ordered_by`; names of contracts."""

from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

from attrs import field, frozen

T = TypeVar("T")

Upcast: TypeAlias = Callable[[dict[str, object]], dict[str, object]]
"""Turns the document of one version of a contract into the next version's."""


@frozen
class Header:
    """A header, converted to the annotated type; the parameter's default stands in for a missing one.

    Attributes:
        name: Header name; None takes the parameter's name with `-` for `_`.
    """

    name: str | None = None


@frozen
class Key:
    """The message's key: the record key on Kafka."""


@frozen
class Path:
    r"""A named part of the address, as `region` of `TopicPattern(r"orders\.(?P<region>\w+)")`.

    Attributes:
        name: Name of the part; None takes the parameter's name.
    """

    name: str | None = None


@frozen
class Field:
    """One field of the body, nested ones with dots: `customer.id`.

    Attributes:
        name: Path of the field.
    """

    name: str


@frozen
class ContractInfo:
    """What `contract` recorded about a class.

    Attributes:
        name: Name on the wire, without the version.
        version: Major version.
        upcasts: For each older version the function that turns its document into the next version's.
    """

    name: str
    version: int = field(default=1)
    upcasts: Mapping[int, Upcast] = field(factory=dict[int, Upcast], kw_only=True, eq=False, repr=False)

    @property
    def wire(self) -> str:
        """The value of `fsoo-type`: `name.v<version>`."""
        return f"{self.name}.v{self.version}"


def contract(
    name: str, /, *, version: int = 1, upcasts: Mapping[int, Upcast] | None = None
) -> Callable[[type[T]], type[T]]:
    """Give a message class its name on the wire, independent of its module, and its version.

    Args:
        name: Stable name, sent as `fsoo-type: name.v<version>`.
        version: Major version of this class, 1 or more.
        upcasts: For each older version the function that turns its document into the next version's.

    Raises:
        ValueError: The version is below 1, or an upcast is for a version that is not older.
    """
    if version < 1:
        raise ValueError(f"contract({name!r}): version {version} is below 1")
    steps = dict(upcasts or {})
    if wrong := [step for step in steps if not 1 <= step < version]:
        raise ValueError(f"contract({name!r}, version={version}): upcasts for {wrong} are not of older versions")

    def mark(cls: type[T]) -> type[T]:
        setattr(cls, _CONTRACT, ContractInfo(name, version, upcasts=steps))
        return cls

    return mark


_CONTRACT = "__faststream_oo_contract__"


def declared_contract(cls: object, /) -> ContractInfo | None:
    """Return what `contract` recorded on this very class, None for an undecorated one."""
    found = vars(cls).get(_CONTRACT) if isinstance(cls, type) else None
    return found if isinstance(found, ContractInfo) else None


def contract_of(cls: type[object], /) -> ContractInfo:
    """Return the contract of a class; an undecorated class has its own name and version 1."""
    return declared_contract(cls) or ContractInfo(cls.__name__)


def parse_wire(wire: str, /) -> ContractInfo:
    """Split `name.v2` into name and version; a value without a version has version 1."""
    name, dot, version = wire.rpartition(".v")
    if dot and version.isdecimal():
        return ContractInfo(name, int(version))
    return ContractInfo(wire)
