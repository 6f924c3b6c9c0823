"""Class-based messaging on Kafka, and on brokers embedded in the process.

Names that need dependency-injector are loaded at first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from faststream_oo.markers import Field as Field
from faststream_oo.markers import Header as Header
from faststream_oo.markers import Key as Key
from faststream_oo.markers import Path as Path
from faststream_oo.markers import contract as contract
from faststream_oo.message import Batch as Batch
from faststream_oo.message import Message as Message
from faststream_oo.message import Outgoing as Outgoing
from faststream_oo.middleware import Middleware as Middleware
from faststream_oo.options import ErrorRules as ErrorRules
from faststream_oo.options import Exponential as Exponential
from faststream_oo.options import RetryPolicy as RetryPolicy
from faststream_oo.outcome import Ack as Ack
from faststream_oo.outcome import DeadLetter as DeadLetter
from faststream_oo.outcome import Drop as Drop
from faststream_oo.outcome import Outcome as Outcome
from faststream_oo.outcome import Retry as Retry

if TYPE_CHECKING:
    from faststream_oo.application import Application as Application
    from faststream_oo.container.providers import MessageScoped as MessageScoped
    from faststream_oo.container.providers import Settings as Settings
    from faststream_oo.settings.files import read_config as read_config

    __version__: str

_HOMES = {
    "Application": "faststream_oo.application",
    "MessageScoped": "faststream_oo.container.providers",
    "Settings": "faststream_oo.container.providers",
    "read_config": "faststream_oo.settings.files",
}

__all__ = [
    "Ack",
    "Application",
    "Batch",
    "DeadLetter",
    "Drop",
    "ErrorRules",
    "Exponential",
    "Field",
    "Header",
    "Key",
    "Message",
    "MessageScoped",
    "Middleware",
    "Outcome",
    "Outgoing",
    "Path",
    "Retry",
    "RetryPolicy",
    "Settings",
    "contract",
    "read_config",
]


def __getattr__(name: str) -> object:
    """Load a public name from its home."""
    if name == "__version__":
        return import_module("importlib.metadata").version("faststream-oo")  # a sixth of what --help may cost
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
