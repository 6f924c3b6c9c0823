"""Configuration from files and from the environment, merged into one mapping."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from faststream_oo.errors import Problem, SetupError
from faststream_oo.settings.documents import PARSERS, MalformedError, parse_yaml
from faststream_oo.settings.names import suggestion

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*)(?::(?P<default>[^}]*))?\}")
_PART = r'(?:"[^"]+"|[^."]+)'
_KEY = re.compile(rf"{_PART}(?:\.{_PART})*")


def read_config(*files: str | os.PathLike[str], env_prefix: str | None = None) -> dict[str, object]:
    """Merge YAML, TOML and JSON files, later ones winning, and environment variables over them.

    `${NAME}` and `${NAME:default}` in a file are filled from the environment. `APP_KAFKA__SERVERS=a,b` sets
    `kafka.servers` when `env_prefix` is `APP_`: names in lower case, `__` between levels. What comes from the
    environment stays text until it is structured; it then takes the type of its field.

    Args:
        files: Read in this order; mappings are merged, everything else is replaced.
        env_prefix: Beginning of the variables that are taken; None takes none.

    Raises:
        SetupError: A file is missing, unreadable or malformed, or a variable has no value.
    """
    problems: list[Problem] = []
    config: dict[str, object] = {}
    for file in files:
        try:
            config = merge(config, _read(Path(file)))
        except SetupError as error:
            problems += error.problems
    if env_prefix is not None:
        config = merge(config, _read_environment(env_prefix, problems))
    if problems:
        raise SetupError(problems)
    return config


def read_assignments(assignments: Iterable[str]) -> dict[str, object]:
    """Merge assignments as `kafka.consumers."Orders.placed".concurrency=4`; values are YAML, later ones win.

    Raises:
        SetupError: One is not `KEY=VALUE`, or its value is no YAML.
    """
    problems: list[Problem] = []
    config: dict[str, object] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not _KEY.fullmatch(key):
            problems.append(Problem(f"--set {key}", "is not KEY=VALUE", "kafka.servers=localhost:9092"))
            continue
        try:
            value = parse_yaml(text)
        except MalformedError as error:
            problems.append(Problem(f"--set {key}", error.what, "put text into quotes"))
            continue
        for part in reversed(re.findall(_PART, key)):
            value = {part.strip('"'): value}
        config = merge(config, cast("dict[str, object]", value))
    if problems:
        raise SetupError(problems)
    return config


def merge(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """Return `base` with `over` laid over it: mappings are merged at every level, everything else is replaced."""
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[name] = merge(cast("Mapping[str, object]", below), cast("Mapping[str, object]", value))
        else:
            merged[name] = value
    return merged


def _read(file: Path) -> dict[str, object]:
    parse = PARSERS.get(file.suffix.lower())
    if parse is None:
        raise SetupError([Problem(str(file), f'unknown suffix "{file.suffix}"', ".yaml, .yml, .toml or .json")])
    try:
        document = parse(file.read_bytes())
    except OSError as error:
        beside = (str(other) for other in file.parent.glob("*") if other.suffix.lower() in PARSERS)
        raise SetupError(
            [Problem(str(file), f"cannot be read: {error.strerror}", suggestion(str(file), beside))]
        ) from error
    except MalformedError as error:
        place = str(file) if error.line is None else f"{file}, line {error.line}"
        raise SetupError([Problem(place, error.what)]) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise SetupError([Problem(str(file), "is no mapping of names to settings")])
    problems: list[Problem] = []
    filled = _fill(cast("object", document), f"{file}: ", problems)
    if problems:
        raise SetupError(problems)
    return cast("dict[str, object]", filled)


def _fill(value: object, place: str, problems: list[Problem]) -> object:
    """Return a part of a document with its variables filled in; `place` ends where the next name goes."""
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return {str(name): _fill(item, f"{place}{name}.", problems) for name, item in items}
    if isinstance(value, list):
        stem = place.removesuffix(".")
        return [_fill(item, f"{stem}[{i}].", problems) for i, item in enumerate(cast("list[object]", value))]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        default: str | None = match["default"]
        found = os.environ.get(match["name"], default)
        if found is None:
            hint = f"export {match['name']}, or give a default: ${{{match['name']}:…}}"
            problems.append(Problem(place.removesuffix("."), f"variable {match['name']} is not set", hint))
            return ""
        return found

    return _VARIABLE.sub(variable, value)


def _read_environment(prefix: str, problems: list[Problem]) -> dict[str, object]:
    config: dict[str, object] = {}
    for variable in sorted(os.environ):
        if not variable.startswith(prefix):
            continue
        *parents, name = variable.removeprefix(prefix).lower().split("__")
        if not all((*parents, name)):
            problems.append(Problem(variable, "names no setting", f"{prefix}KAFKA__SERVERS sets kafka.servers"))
            continue
        section = config
        for parent in parents:
            below = section.setdefault(parent, {})
            if not isinstance(below, dict):
                problems.append(Problem(variable, f"is a part of {parent}, which another variable sets as a whole"))
                break
            section = cast("dict[str, object]", below)
        else:
            section[name] = os.environ[variable]
    return config
