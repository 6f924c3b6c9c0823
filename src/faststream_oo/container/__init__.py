"""What the framework adds to dependency-injector: message scope and typed settings.

Its names are loaded at first use, so that importing a protocol does not import dependency-injector.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faststream_oo.container.providers import Config as Config
    from faststream_oo.container.providers import MessageScoped as MessageScoped
    from faststream_oo.container.providers import ProviderOf as ProviderOf
    from faststream_oo.container.providers import Settings as Settings
    from faststream_oo.settings.files import read_config as read_config

_HOMES = {
    "Config": "faststream_oo.container.providers",
    "MessageScoped": "faststream_oo.container.providers",
    "ProviderOf": "faststream_oo.container.providers",
    "Settings": "faststream_oo.container.providers",
    "read_config": "faststream_oo.settings.files",
}

__all__ = ["Config", "MessageScoped", "ProviderOf", "Settings", "read_config"]


def __getattr__(name: str) -> object:
    """Load a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
