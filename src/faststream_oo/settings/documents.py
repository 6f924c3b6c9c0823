"""The file formats of settings, each a function from bytes to a document."""

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import yaml


class MalformedError(ValueError):
    """A document that is not of its format.

    Args:
        what: What is wrong, without any of the document's values.
        line: Where, counted from 1; None when it is not known.
    """

    def __init__(self, what: str, line: int | None = None) -> None:
        super().__init__(what, line)
        self.what = what
        self.line = line


class _Loader(yaml.SafeLoader):
    """YAML with the scalars of its version 1.2: `off`, `no`, `1:30`, `0123` and dates are text.

    Otherwise `topology: off` would be False. A key that is given twice is refused, not taken from its last place.
    """

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's way to start without those of YAML 1.1

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(None, None, f'"{key.value}" is given twice', key.start_mark)
                seen.add(key.value)
        return node


for _tag, _pattern, _first in (
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)\Z", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?\Z", "-+.0123456789"),
    ("null", r"(?:null|Null|NULL|~|)\Z", ["n", "N", "~", ""]),
    ("merge", r"<<\Z", "<"),
):
    _Loader.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType] - its stub has no annotations
        f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first)
    )


def parse_yaml(text: bytes | str, /) -> object:
    """Parse YAML. Raises MalformedError."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a subclass of SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise MalformedError(error.problem or "is no YAML", mark.line + 1 if mark else None) from None
    except yaml.YAMLError:
        raise MalformedError("is no YAML text") from None


def _parse_toml(text: bytes) -> object:
    try:
        return tomllib.loads(text.decode())
    except tomllib.TOMLDecodeError as error:
        what, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        raise MalformedError(what, int(line[1]) if line else None) from None
    except UnicodeDecodeError:
        raise MalformedError("is no UTF-8 text") from None


def _parse_json(text: bytes) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedError(error.msg, error.lineno) from None


PARSERS: Mapping[str, Callable[[bytes], object]] = {
    ".yaml": parse_yaml,
    ".yml": parse_yaml,
    ".toml": _parse_toml,
    ".json": _parse_json,
}
"""Parsers by suffix; each raises MalformedError."""
