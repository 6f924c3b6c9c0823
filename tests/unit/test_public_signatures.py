"""The public signatures beside those that were designed: parameters, fields and defaults, and a reason for every difference."""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from textwrap import dedent

SIGNATURES = Path(__file__).parent.parent / "typing" / "public_signatures.txt"

REASONS: Mapping[str, Sequence[str]] = {
    "comes with the AsyncAPI document": ["application:Application.__init__(*"],
    "a copy of a provider is made without arguments and filled afterwards": ["container:Settings.__init__(*"],
    "an empty mapping, from a function of its type": ["rabbit:*.arguments*"],
    "is a field, in code a property all the same": ["kafka:Topics.topics(*"],
    "what is settled without a gap is committed, and nothing else": ["kafka.transport:KafkaSource.commit(*"],
    "several subjects of core NATS are one subscription too": ["nats:Subjects.__init__(*"],
    "one parameter, whichever is given": ["testing:Harness.__init__(*"],
}
"""Reasons of differences, by patterns of the designed lines. A member that is not there has its reason with the names."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def signature(node: Function) -> str:
    """Return `(self, address, /, *, timeout=30.0)`: names, kinds and defaults."""
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return f"({ast.unparse(node.args)})"


def members(node: ast.ClassDef) -> Iterator[str]:
    """Return the fields of a class with their defaults, and the signatures of its methods; of overloads the last."""
    methods: dict[str, str] = {}
    overloaded: set[str] = set()
    for one in node.body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            if not one.target.id.startswith("_"):
                yield one.target.id + _default(one.value)
        elif isinstance(one, Function) and (one.name == "__init__" or not one.name.startswith("_")):
            overload = any(ast.unparse(decorator) == "overload" for decorator in one.decorator_list)
            if overload or one.name not in overloaded:  # what follows overloads is their implementation
                methods[one.name] = one.name + signature(one)
            overloaded |= {one.name} if overload else set()
    yield from methods.values()


def _default(value: ast.expr | None) -> str:
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Name) or value.func.id != "field":
        return "" if value is None else f" = {ast.unparse(value)}"
    given = {one.arg: ast.unparse(one.value) for one in value.keywords if one.arg in {"default", "factory"}}
    by_keyword = any(one.arg == "kw_only" for one in value.keywords)
    if "factory" in given:
        given = {"default": given["factory"].partition("[")[0] + "()"}
    return f"{', by keyword' if by_keyword else ''}{''.join(f' = {one}' for one in given.values())}"


def designed() -> Iterator[tuple[str, str]]:
    """Return module and line, as designed."""
    module = ""
    for line in filter(None, SIGNATURES.read_text().splitlines()):
        if line.startswith("["):
            module = line.strip("[]")
        else:
            yield module, line


def there(module: str, name: str) -> Mapping[str, str]:
    """Return the lines of a public class or function by the names of its members, those of its bases too."""
    found = getattr(import_module(f"faststream_oo.{module}"), name, None)
    if inspect.isfunction(found):
        return {name: name + signature(_source(found))}  # type: ignore[arg-type]  # that of a function
    ours = [base for base in getattr(found, "__mro__", ()) if base.__module__.startswith("faststream_oo")]
    lines = [one for base in reversed(ours) for one in members(_source(base))]  # type: ignore[arg-type]  # of a class
    return {f"{name}.{_name(one)}": f"{name}.{one}" for one in lines}


def _source(found: object) -> ast.stmt:
    return ast.parse(dedent(inspect.getsource(found))).body[0]  # type: ignore[arg-type]  # a class or function


def _name(line: str) -> str:
    return next(part for part in re.split(r"[(,= ]", line) if part)


def differences() -> Iterator[str]:
    for module, line in designed():
        head = _name(line)
        mine = there(module, head.partition(".")[0]).get(head)
        if mine is not None and not fnmatchcase(mine, re.sub(r"=\.\.\.", "=*", line.replace("*", "[*]"))):
            yield f"{module}:{line} | {mine}"


def test_every_signature_is_as_designed_or_has_its_reason() -> None:
    patterns = [pattern for several in REASONS.values() for pattern in several]
    found = list(differences())
    assert [one for one in found if not any(fnmatchcase(one, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(fnmatchcase(one, pattern) for one in found)] == []
