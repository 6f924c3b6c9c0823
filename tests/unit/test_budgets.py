"""What keeps the source small and in order, and that no tool holds: lengths, parameters, depth, names, state, imports."""

import ast
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
PACKAGE = "faststream_oo"

MAX_FILE = 600  # lines; from 400 on, ask which second concept lives in it
MAX_FUNCTION = 60  # lines, without its decorators and its docstring; the aim is 40
MAX_PARAMETERS = 8  # without self and cls
MAX_DEPTH = 2  # of our own classes below a first one

#: Public classes that attrs does not make, and whose constructors are read as keyword arguments by the user.
#: The typed messages of the protocols (`KafkaMessage`, …) are of them too.
WIDE = frozenset({"Application", "Message"})

#: File names that stand for a role, and so repeat in every package that has it.
ROLES = frozenset({
    "__init__", "address", "admin", "broker", "causes", "claim", "classes", "config", "container", "inbox", "memory",
    "message", "options", "running", "sender", "source", "transport",
})  # fmt: skip

#: The one module with state of its own: the context variables of the attempt in progress.
STATEFUL = frozenset({f"{PACKAGE}.current"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> dict[str, ast.Module]:
    """The syntax tree of every module, by its dotted name."""
    return {module_name(path): ast.parse(path.read_text(), str(path)) for path in sorted(SOURCE.rglob("*.py"))}


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def functions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Every function below a node with its qualified name, those inside other functions included."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from functions(child, f"{prefix}{child.name}.")
        else:
            yield from functions(child, prefix)


def is_overload(function: Function) -> bool:
    return any(ast.unparse(decorator).rpartition(".")[2] == "overload" for decorator in function.decorator_list)


def body_lines(function: Function) -> int:
    first, last = function.lineno, function.end_lineno or function.lineno
    docstring = function.body[0]
    if isinstance(docstring, ast.Expr) and isinstance(docstring.value, ast.Constant):
        first += (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return last - first + 1


def parameters(function: Function) -> list[str]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    names = [argument.arg for argument in every]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def builds_a_public_value(name: str, module: ast.Module) -> bool:
    """Whether it is the constructor of a public value: one that attrs makes, or one that stands in `WIDE`."""
    owner, _, method = name.rpartition(".")
    if not owner or owner.startswith("_") or method not in {"__init__", "__new__"}:
        return False
    if owner in WIDE or owner.endswith("Message"):
        return True
    classes = {node.name: node for node in ast.walk(module) if isinstance(node, ast.ClassDef)}
    decorators = [ast.unparse(decorator) for decorator in classes[owner].decorator_list] if owner in classes else []
    return any(decorator.startswith(("attrs.", "define", "frozen")) for decorator in decorators)


def test_no_file_is_too_long() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in sorted(SOURCE.rglob("*.py"))}
    long = [f"{path.relative_to(ROOT)}: {lines} lines" for path, lines in lengths.items() if lines > MAX_FILE]

    assert not long, f"over {MAX_FILE} lines: {long}"


def test_no_function_is_too_long() -> None:
    long = [
        f"{name}.{qualified}: {body_lines(function)} lines"
        for name, module in modules().items()
        for qualified, function in functions(module)
        if not is_overload(function) and body_lines(function) > MAX_FUNCTION
    ]

    assert not long, f"over {MAX_FUNCTION} lines: {long}"


def test_no_function_takes_too_many_parameters() -> None:
    wide = [
        f"{name}.{qualified}: {len(parameters(function))} parameters"
        for name, module in modules().items()
        for qualified, function in functions(module)
        if not is_overload(function) and not builds_a_public_value(qualified, module)
        if len(parameters(function)) > MAX_PARAMETERS
    ]

    assert not wide, f"over {MAX_PARAMETERS} parameters: {wide}"


def test_inheritance_is_shallow() -> None:
    """Errors are a tree on purpose; protocols and typed dictionaries are shapes, which pass no code on."""
    bases = {
        f"{name}.{node.name}": [resolve(name, module, base) for base in node.bases]
        for name, module in modules().items()
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
    }

    def is_typed_dict(name: str) -> bool:
        return name.endswith(".TypedDict") or any(is_typed_dict(parent) for parent in bases.get(name, ()))

    def is_shape(name: str) -> bool:
        return is_typed_dict(name) or any(parent.endswith(".Protocol") for parent in bases[name])

    def depth(name: str) -> int:
        own = [parent for parent in bases[name] if parent in bases and not is_shape(parent)]
        return 1 + max(map(depth, own)) if own else 0

    deep = [f"{name}: {depth(name)}" for name in bases if not name.endswith("Error") and depth(name) > MAX_DEPTH]

    assert not deep, f"more than {MAX_DEPTH} of our classes below one another: {deep}"


def resolve(name: str, module: ast.Module, base: ast.expr) -> str:
    """The dotted name of a base class, through the imports of the module that names it."""
    written = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
    head, _, rest = written.partition(".")
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == head:
                    return ".".join(filter(None, [node.module, alias.name, rest]))
        if isinstance(node, ast.Import) and any((alias.asname or alias.name) == head for alias in node.names):
            return written
    return f"{name}.{written}"


def test_file_names_are_unique_but_for_roles() -> None:
    places = defaultdict[str, list[str]](list)
    for path in sorted(SOURCE.rglob("*.py")):
        places[path.stem].append(str(path.relative_to(SOURCE)))
    repeated = [paths for stem, paths in places.items() if len(paths) > 1 and stem not in ROLES]

    assert not repeated, f"more than one file of a name: {repeated}"


def test_no_module_has_state() -> None:
    """Nothing mutable below a module's own names: what lives there is shared by every application of a process."""
    stateful = [
        f"{name}:{node.lineno}: {ast.unparse(node)[:80]}"
        for name, module in modules().items()
        if name not in STATEFUL
        for node in module.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        if is_mutable(node.value) and not is_constant(node)
    ]

    assert not stateful, f"module-level state: {stateful}"


def is_mutable(value: ast.expr) -> bool:
    displays = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
    makers = {"list", "dict", "set", "bytearray", "deque", "defaultdict", "Counter", "OrderedDict", "ContextVar"}
    makers |= {"WeakKeyDictionary", "WeakValueDictionary", "WeakSet", "count"}
    if isinstance(value, ast.Call):
        called = value.func.value if isinstance(value.func, ast.Subscript) else value.func
        return ast.unparse(called).rpartition(".")[2] in makers
    return isinstance(value, displays)


def is_constant(node: ast.Assign | ast.AnnAssign) -> bool:
    """`__all__`, and a name in capitals: a table that is only read."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return all(name.isupper() or (name.startswith("__") and name.endswith("__")) for name in names)


def test_no_function_changes_what_a_module_holds() -> None:
    changed = [
        f"{name}:{node.lineno}: {ast.unparse(node)}"
        for name, module in modules().items()
        for node in ast.walk(module)
        if isinstance(node, ast.Global)
    ]

    assert not changed, f"module-level state: {changed}"


def test_no_error_is_swallowed() -> None:
    swallowed = [
        f"{name}:{node.lineno}"
        for name, module in modules().items()
        for node in ast.walk(module)
        if isinstance(node, ast.ExceptHandler) and all(is_nothing(statement) for statement in node.body)
    ]

    assert not swallowed, f"`except …: pass` (say `contextlib.suppress` with the reason, or handle it): {swallowed}"


def is_nothing(statement: ast.stmt) -> bool:
    ellipsis = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return ellipsis or isinstance(statement, ast.Pass)


def test_no_module_imports_a_package_root() -> None:
    """Roots hold lazy exports for users. Through them an import can go up without being seen by import-linter."""
    packages = {module_name(path) for path in SOURCE.rglob("__init__.py")}
    known = set(modules())
    through_root = [
        f"{name}:{node.lineno}: {ast.unparse(node)}"
        for name, module in modules().items()
        for node in ast.walk(module)
        if isinstance(node, ast.Import | ast.ImportFrom)
        if any(root in packages and full not in known for root, full in imported(node))
    ]

    assert not through_root, f"imports of a package's root: {through_root}"


def imported(node: ast.Import | ast.ImportFrom) -> list[tuple[str, str]]:
    """Every imported name, as the module it is taken from and its full name."""
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "", f"{node.module}.{alias.name}") for alias in node.names]
    return [(alias.name, f"{alias.name}.") for alias in node.names]


@pytest.mark.parametrize("client", ["aiokafka", "confluent_kafka", "aio_pika", "nats", "redis", "cyclopts"])
def test_importing_the_package_loads_no_client(client: str) -> None:
    program = f"import sys, {PACKAGE}; sys.exit({client!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_wheel_holds_the_package_alone(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.partition("/")[0].partition("-")[0] for name in names} == {PACKAGE}
    assert f"{PACKAGE}/py.typed" in names
    assert not [name for name in names if name.startswith("containers")]
