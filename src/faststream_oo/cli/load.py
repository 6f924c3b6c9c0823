"""From `module:Name` and settings to an Application."""

import inspect
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import field, frozen

from faststream_oo.application import Application
from faststream_oo.cli.panel import LoadError
from faststream_oo.errors import MessagingError, Problem, SetupError
from faststream_oo.settings.files import merge, read_assignments, read_config
from faststream_oo.settings.names import nearest

ENV_PREFIX = "FASTSTREAM_OO_"

_log = logging.getLogger("faststream_oo")


@frozen
class Source:
    """Where an application comes from.

    Attributes:
        target: `module:Name`, or `module` when it holds one application only.
        config: Settings files, later ones win.
        assignments: `key=value`, over the files and the environment.
    """

    target: str
    config: Sequence[Path] = field(default=(), kw_only=True)
    assignments: Sequence[str] = field(default=(), kw_only=True)


def load(source: Source) -> Application:
    """Import, build and configure an application.

    Raises:
        SetupError: There is no such module or name, it is no application, or the settings are wrong.
        LoadError: The user's code raised.
    """
    found = _find(source.target)
    settings = merge(read_config(*source.config, env_prefix=ENV_PREFIX), read_assignments(source.assignments))
    if inspect.isfunction(found) or (isinstance(found, type) and _is_container(found)):
        found = _call(found)
    if isinstance(found, Application):
        if source.config or source.assignments:
            what = "is built already, so settings would have no effect"
            raise SetupError([Problem(source.target, what, "name its container class")])
        return found
    if not _is_container(found):
        raise SetupError([Problem(source.target, f"is {_named(found)}, no application and no container")])
    if settings:
        _configure(found, settings, source)
    application: Application = _call(lambda: Application.of(found))
    return application


def _call(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except MessagingError:
        raise
    except Exception as error:
        raise LoadError from error


def _find(target: str) -> Any:
    """Return what a target names."""
    path, _, names = target.partition(":")
    module = _import(path, names)
    if not names:
        return _only_application(module)
    found: Any = module
    for name in names.split("."):
        if not hasattr(found, name):
            known = list(_applications(module)) or [key for key in vars(found) if not key.startswith("_")]
            what = f"{module.__name__} has no {names}"
            raise SetupError([Problem(target, what, _did_you_mean(module.__name__, nearest(names, known), known))])
        found = getattr(found, name)
    return found


def _import(path: str, names: str) -> ModuleType:
    """Import the user's module, which may be written as a file of the current directory."""
    if (here := os.getcwd()) not in sys.path:  # noqa: PTH109 - sys.path holds text
        sys.path.insert(0, here)
    name = ".".join(Path(path).with_suffix("").parts) if path.endswith(".py") else path
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise LoadError from error
        close = nearest(name, (file.stem for file in Path(here).iterdir() if _is_module(file)))
        hint = f"did you mean {close}:{names}?" if close and names else f"did you mean {close}?" if close else ""
        raise SetupError([Problem(path, f"no module of this name under {here}", hint)]) from error
    except MessagingError:
        raise
    except Exception as error:
        raise LoadError from error


def _is_module(file: Path) -> bool:
    return file.suffix == ".py" or (file / "__init__.py").exists()


def _only_application(module: ModuleType) -> Any:
    found = _applications(module)
    if len(found) != 1:
        what = f"holds {len(found) or 'no'} applications" if found else "holds no application and no container"
        raise SetupError([Problem(module.__name__, what, _did_you_mean(module.__name__, None, list(found)))])
    return next(iter(found.values()))


def _applications(module: ModuleType) -> Mapping[str, object]:
    """Return the applications and containers of a module by name; those that it imports from others do not count."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        if isinstance(value, Application)
        or (_is_container(value) and getattr(value, "__module__", module.__name__) in {module.__name__, *_FOREIGN})
    }


_FOREIGN = frozenset({"dependency_injector.containers"})


def _is_container(found: object) -> bool:
    """Whether it is a container of dependency-injector, a class or an instance; told by shape, as only few may import it."""
    return all(hasattr(found, name) for name in ("providers", "traverse", "override"))


def _named(found: object) -> str:
    return f"the class {found.__name__}" if isinstance(found, type) else f"of {type(found).__name__}"


def _did_you_mean(module: str, close: str | None, known: Sequence[str]) -> str:
    if close:
        return f"did you mean {module}:{close}?"
    return f"name one: {', '.join(f'{module}:{name}' for name in known[:5])}" if known else ""


def _configure(container: Any, settings: Mapping[str, object], source: Source) -> None:
    config = getattr(container, "config", None)
    if config is None:
        if source.config or source.assignments:
            what = "has no `config`, so settings would have no effect"
            raise SetupError([Problem(source.target, what, "config = providers.Configuration(strict=True)")])
        return
    used = set(_sections(container))
    problems: list[Problem] = []
    for name in settings.keys() - used:
        close = nearest(name, used)
        if close:
            problems.append(Problem(name, "unknown section", f'did you mean "{close}"?'))
        else:
            _log.warning("settings: no provider uses the section %s", name)
    if problems:
        raise SetupError(problems)
    config.from_dict(settings)


def _sections(container: Any) -> Iterator[str]:
    """Iterate over the first names of the configuration options that providers use."""
    for provider in container.traverse():
        name = getattr(provider, "get_name", str)()
        if name.startswith("config."):
            yield name.split(".")[1]
