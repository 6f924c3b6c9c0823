"""Which parts of the configuration the providers of a container read."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from dependency_injector import providers

from faststream_oo.errors import Problem, SetupError
from faststream_oo.settings.names import nearest

_log = logging.getLogger("faststream_oo")


def check_sections(container: Any, config: Any, settings: Mapping[str, object], /) -> None:
    """Refuse a misspelled section; one that nothing is near to may be read by the user's own code.

    Args:
        container: An instance.
        config: Its Configuration.
        settings: What is to be put into that.

    Raises:
        SetupError: Sections that no provider reads, and whose names are near to those of others.
    """
    used = set(_sections(container, config.get_name()))
    problems: list[Problem] = []
    for name in settings.keys() - used:
        if close := nearest(name, used):
            problems.append(Problem(name, "unknown section", f'did you mean "{close}"?'))
        else:
            _log.warning("no provider uses the section %s of the settings", name)
    if problems:
        raise SetupError(problems)


def _sections(container: Any, config: str) -> Iterator[str]:
    """Iterate over the first names of the configuration's options that the container refers to."""
    for provider in container.__class__.traverse(container):  # not by an attribute of the user's that hides it
        # By its class: any attribute of `settings.provided` is another provider, which would be called here.
        if isinstance(provider, providers.ConfigurationOption):
            first, _, rest = provider.get_name().partition(".")
            if first == config and rest:
                yield rest.partition(".")[0]
