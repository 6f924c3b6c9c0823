"""From `module:Name` and settings to a checked Application."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar

from attrs import field, frozen

from faststream_oo.application import Application
from faststream_oo.cli.panel import LoadError
from faststream_oo.container.sections import check_sections
from faststream_oo.errors import MessagingError, Problem, SetupError
from faststream_oo.settings.files import merge, read_assignments, read_config
from faststream_oo.settings.names import nearest

T = TypeVar("T")

ENV_PREFIX = "FASTSTREAM_OO_"


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

    @property
    def has_settings(self) -> bool:
        """Whether the command line gives any; what it gives may not be without effect."""
        return bool(self.config or self.assignments)


def load(source: Source) -> Application:
    """Import, configure, build and check an application.

    Raises:
        SetupError: There is no such module or name, it is no application, or it or its settings are wrong.
        LoadError: The user's code raised.
    """
    module, found = _find(source.target)
    if inspect.isfunction(found):
        _check_arguments(found, source.target)
        found = _users(found)
    elif isinstance(found, type) and _is_container(found):
        found = _users(found)
    if isinstance(found, Application):
        application = found
        if source.has_settings:
            what = "is built already, so settings would have no effect"
            raise SetupError([Problem(source.target, what, "name its container class")])
    elif _is_container(found):
        container: Any = found
        _configure(container, source)
        application = _users(lambda: Application.of(container))
    else:
        what = f"is {_described(found)}, neither an application nor a container"
        hint = _hint(source.target, None, list(_applications(module)))
        raise SetupError([Problem(source.target, what, hint)])
    _users(application.check)
    return application


def _check_arguments(function: FunctionType, target: str) -> None:
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise SetupError([Problem(target, f"is called without arguments: {error}", "give it a default")]) from error


def _users(call: Callable[[], T]) -> T:
    """Call what runs the user's code; what it raises is told as theirs."""
    try:
        return call()
    except MessagingError:
        raise
    except Exception as error:
        raise LoadError from error


# The name --------------------------------------------------------------------------------------------------------


def _find(target: str) -> tuple[ModuleType, Any]:
    """Return a module, and what `module:Name` names in it, or its one application."""
    path, _, names = target.partition(":")
    module = _import(path, names)
    if not names:
        return module, _only_application(module)
    found: Any = module
    for name in names.split("."):
        if not hasattr(found, name):
            known = list(_applications(module)) or [key for key in vars(module) if not key.startswith("_")]
            problem = Problem(target, f"{module.__name__} has no {names}", _hint(target, nearest(names, known), known))
            raise SetupError([problem])
        found = getattr(found, name)
    return module, found


def _import(path: str, names: str) -> ModuleType:
    """Import the user's module, which may be written as a file of the current directory."""
    here = Path.cwd()
    if str(here) not in sys.path:
        sys.path.insert(0, str(here))
    name = ".".join(Path(path).with_suffix("").parts) if path.endswith(".py") else path
    if not all(part.isidentifier() for part in name.split(".")):
        raise SetupError([Problem(path, "is no name of a module", "module:Name, as billing:Billing")])
    try:
        return _users(lambda: import_module(name))
    except LoadError as error:
        missing = error.__cause__
        if not isinstance(missing, ModuleNotFoundError) or not f"{name}.".startswith(f"{missing.name}."):
            raise
        close = nearest(name, (file.stem for file in here.iterdir() if _is_module(file)))
        hint = f"did you mean {close}{names and f':{names}'}?" if close else ""
        raise SetupError([Problem(path, f"no such module under {here}", hint)]) from error


def _is_module(file: Path) -> bool:
    return file.suffix == ".py" or (file / "__init__.py").exists()


def _only_application(module: ModuleType) -> Any:
    found = _applications(module)
    if len(found) == 1:
        return next(iter(found.values()))
    what = f"holds {len(found)} applications and containers" if found else "holds no application and no container"
    raise SetupError([Problem(module.__name__, what, _hint(module.__name__, None, list(found)))])


def _applications(module: ModuleType) -> Mapping[str, object]:
    """Return the applications and containers that a module makes, by name; those it imports do not count."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        if isinstance(value, Application)
        or (_is_container(value) and (not isinstance(value, type) or value.__module__ == module.__name__))
    }


def _is_container(found: object) -> bool:
    """Whether it is a container class or instance, told by its shape: this layer does not know the injector."""
    return all(hasattr(found, name) for name in ("providers", "traverse", "override"))


def _described(found: object) -> str:
    return f"the class {found.__name__}" if isinstance(found, type) else f"of type {type(found).__name__}"


def _hint(target: str, close: str | None, known: Sequence[str]) -> str:
    module = target.partition(":")[0]
    if close:
        return f"did you mean {module}:{close}?"
    return f"name one: {', '.join(f'{module}:{name}' for name in known[:5])}" if known else ""


# Its settings ----------------------------------------------------------------------------------------------------


def _configure(container: Any, source: Source) -> None:
    """Put files, environment and assignments into the container's `config`, in this order."""
    settings = merge(read_config(*source.config, env_prefix=ENV_PREFIX), read_assignments(source.assignments))
    config = getattr(container, "config", None)
    if config is None:
        if source.has_settings:
            what = "has no config, so settings would have no effect"
            raise SetupError([Problem(source.target, what, "config = providers.Configuration(strict=True)")])
        return
    check_sections(container, config, settings)
    if settings:
        config.from_dict(settings)
