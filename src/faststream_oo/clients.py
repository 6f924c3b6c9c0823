"""Which client a broker's settings name, and whether its library is there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from faststream_oo.current import EMBEDDING
from faststream_oo.errors import Problem, SetupError

ClientT = TypeVar("ClientT")
SettingsT = TypeVar("SettingsT")
SettingsT_contra = TypeVar("SettingsT_contra", contravariant=True)
TransportT_co = TypeVar("TransportT_co", covariant=True)

_LIBRARIES: Final[Mapping[str, str]] = {"confluent_kafka": "confluent-kafka", "aiormq": "aio-pika", "nats": "nats-py"}
"""Names to install by, of modules that are called otherwise."""


class Driven(Protocol):
    """Settings that name a client."""

    @property
    def driver(self) -> str:
        """Client library below; "memory" for the embedded broker."""
        ...


class Client(Protocol[SettingsT_contra, TransportT_co]):
    """What the package of a client library gives, below a protocol's `transports`."""

    def make(self, settings: SettingsT_contra, /) -> TransportT_co:
        """Return the transport; no I/O. Raises SetupError for settings that are wrong."""
        ...

    def check_config(self, settings: SettingsT_contra, /) -> Sequence[Problem]:
        """Return what is wrong with the settings for this client; no I/O."""
        ...


def embedded(settings: Driven, /) -> bool:
    """Whether the broker is the embedded one: by its settings, or inside a Harness or `--memory`."""
    embedding = EMBEDDING.get()
    return settings.driver == "memory" or (embedding is not None and embedding.memory)


def installed(load: Callable[[], ClientT], protocol: str, extra: str | None = None, /) -> ClientT:
    """Return a client's package.

    Args:
        load: Imports it.
        protocol: Whose setting `driver` names it.
        extra: What installs its library; None for the protocol's name.

    Raises:
        SetupError: The library is not installed.
    """
    try:
        return load()
    except ModuleNotFoundError as error:
        what = f"{_LIBRARIES.get(error.name or '', error.name)} is not installed"
        problem = Problem(f"{protocol}.driver", what, f'pip install "faststream-oo[{extra or protocol}]"')
        raise SetupError([problem]) from error


def refusals(
    settings: SettingsT, load: Callable[[], Client[SettingsT, object]], protocol: str, extra: str | None = None, /
) -> Sequence[Problem]:
    """Return what a client would refuse of the settings, that it is not installed too; the arguments are as above."""
    try:
        return installed(load, protocol, extra).check_config(settings)
    except SetupError as error:
        return error.problems
