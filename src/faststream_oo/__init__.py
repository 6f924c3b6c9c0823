"""Class-based messaging on Kafka, and on brokers embedded in the process.

Every name is loaded at first use: those that need dependency-injector for its cost, the others so that the command
line can show its help without them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faststream_oo.application import Application as Application
    from faststream_oo.container.providers import MessageScoped as MessageScoped
    from faststream_oo.container.providers import Settings as Settings
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
    from faststream_oo.settings.files import read_config as read_config

    __version__: str

_HOMES = {
    "Ack": "faststream_oo.outcome",
    "Application": "faststream_oo.application",
    "Batch": "faststream_oo.message",
    "DeadLetter": "faststream_oo.outcome",
    "Drop": "faststream_oo.outcome",
    "ErrorRules": "faststream_oo.options",
    "Exponential": "faststream_oo.options",
    "Field": "faststream_oo.markers",
    "Header": "faststream_oo.markers",
    "Key": "faststream_oo.markers",
    "Message": "faststream_oo.message",
    "MessageScoped": "faststream_oo.container.providers",
    "Middleware": "faststream_oo.middleware",
    "Outcome": "faststream_oo.outcome",
    "Outgoing": "faststream_oo.message",
    "Path": "faststream_oo.markers",
    "Retry": "faststream_oo.outcome",
    "RetryPolicy": "faststream_oo.options",
    "Settings": "faststream_oo.container.providers",
    "contract": "faststream_oo.markers",
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
