"""The package is built as its design says: layers, names, sizes, exports."""

import ast
import graphlib
import importlib
import itertools
import types
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "wootiv"

# From bottom to top. A part may import its own modules and the parts of lower floors, and no neighbour on its floor.
FLOORS = (
    {"message", "caller", "interrupts"},
    {"errors"},
    {"outcome", "run", "tasks"},
    {"events", "conditions"},
    {"cursor", "window"},
    {"seams"},
    {"concurrent"},
    {"hosted"},
    {"wire"},
    {"query"},
    {"pages"},
    {"blocking_pages"},
    {"call"},
    {"binding", "docstring"},
    {"operation"},
    {"verbs"},
    {"api", "engine"},
    {"types", "transfer"},
    {"client", "sandbox"},
    {"blocking"},
    {"__init__"},
    {"cli"},
    {"__main__"},
)
FLOOR_OF = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}

# Neighbours that may be imported all the same: (importer, imported): why.
DOORS = {
    ("sandbox", "client"): "the sandbox hands out clients of itself",
    ("sandbox", "blocking"): "the sandbox hands out clients of itself",
}

# A face shows one part, and reaches for nothing else.
FACES = {"types": {"api", "message", "wire"}}

# What only some modules may import: top-level name: those modules. Any other module is free to import anything.
RESERVED = {
    "httpx": {"wootiv.engine.pools", "wootiv.engine.transport", "wootiv.sandbox.transport"},
    "httpcore": {"wootiv.engine.pools", "wootiv.engine.streams", "wootiv.engine.transport", "wootiv.sandbox.transport"},
    "asyncio": set[str](),
}

# Imports that run inside a function: (module, what it imports): why.
LATE = {
    ("wootiv", "importlib.metadata"): "the version is asked for seldom, and finding it costs start-up time",
    ("wootiv.engine.outgoing", "importlib.metadata"): "as above",
    ("wootiv.wire.decode", "email.utils"): "3 ms of start-up, needed next to never",
    ("wootiv.sandbox.server", "uvicorn"): "an extra: who lacks it is told so when the server is started",
}

NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
LONGEST = 350  # lines


class Import(NamedTuple):
    """One name that a module imports: ``target`` is a module, ``name`` what is taken from it, if anything."""

    target: str
    name: str | None
    line: int
    late: bool  # inside a function
    guarded: bool  # under TYPE_CHECKING

    @property
    def names(self) -> set[str]:
        """Both ways to name it: ``importlib`` and ``importlib.metadata`` for ``from importlib import metadata``."""
        return {self.target, f"{self.target}.{self.name}"}

    @property
    def part(self) -> str | None:
        """The part of wootiv it belongs to, or None for somebody else's package."""
        top, _, rest = self.target.partition(".")
        return None if top != "wootiv" else rest.partition(".")[0] or "__init__"


class Module:
    """A source file of the package, parsed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_package = path.name == "__init__.py"
        dotted = path.relative_to(ROOT).with_suffix("").parts
        self.name = ".".join(dotted[:-1] if self.is_package else dotted)
        self.part = [*self.name.split("."), "__init__"][1]
        self.source = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.source, filename=str(path))
        self.imports = list(self._imports(self.tree, late=False, guarded=False))

    def __repr__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    def _imports(self, node: ast.AST, *, late: bool, guarded: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, None, child.lineno, late, guarded)
            elif isinstance(child, ast.ImportFrom):
                for alias in child.names:
                    yield self._from(child, alias.name, late=late, guarded=guarded)
            else:
                function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                yield from self._imports(child, late=late or function, guarded=guarded or checking)

    def _from(self, node: ast.ImportFrom, name: str, *, late: bool, guarded: bool) -> Import:
        """``from wootiv import errors`` takes a module, ``from wootiv.errors import APIError`` a name out of one."""
        target = node.module or ""
        if node.level:
            package = self.name.split(".") if self.is_package else self.name.split(".")[:-1]
            target = ".".join([*package[: len(package) - node.level + 1], *filter(None, [target])])
        whole = f"{target}.{name}"
        if target.split(".")[0] == "wootiv" and _file_of(whole):
            return Import(whole, None, node.lineno, late, guarded)
        return Import(target, name, node.lineno, late, guarded)

    def definitions(self) -> Iterator[tuple[str, int]]:
        """What the module itself makes and names at its top level, with the line; no imports, no type variables."""
        for node in self.tree.body:
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    yield node.name, node.lineno
                case ast.Assign(targets=targets, value=value) if not _is_type_variable(value):
                    for name in itertools.chain.from_iterable(map(ast.walk, targets)):
                        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                            yield name.id, node.lineno
                case ast.AnnAssign(target=ast.Name(id=name)):
                    yield name, node.lineno
                case _:
                    pass


def _file_of(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _is_type_variable(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in {
        "TypeVar",
        "ParamSpec",
        "TypeVarTuple",
        "NewType",
    }


def _show(module: Module, faults: list[str]) -> str:
    return "".join(f"\n  {module}:{fault}" for fault in dict.fromkeys(faults))


MODULES = [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]
INIT = next((module for module in MODULES if module.name == "wootiv"), None)
# What is unused or no longer needed shows only in a whole tree: until then two tests have nothing to run on.
WHOLE = {module.part for module in MODULES} >= set(FLOOR_OF) - {"cli", "__main__"}

each_module = pytest.mark.parametrize("module", MODULES, ids=repr)


# Layers


@each_module
def test_every_part_has_its_floor(module: Module) -> None:
    assert module.part in FLOOR_OF, f"{module}: `{module.part}` stands on no floor; give it one in FLOORS"


@each_module
def test_imports_point_downward_only(module: Module) -> None:
    faults = [
        f"{found.line}: `{module.part}` imports `{found.target}`, which is not below it"
        for found in module.imports
        if (part := found.part) is not None
        and part != module.part
        and (module.part, part) not in DOORS
        and {module.part, part} <= FLOOR_OF.keys()  # who has no floor is told so above
        and FLOOR_OF[part] >= FLOOR_OF[module.part]
    ]
    assert not faults, _show(module, faults)


@pytest.mark.parametrize("module", [module for module in MODULES if module.part in FACES], ids=repr)
def test_a_face_shows_one_part_only(module: Module) -> None:
    faults = [
        f"{found.line}: imports `{found.target}`; `{module.part}` shows only {sorted(FACES[module.part])}"
        for found in module.imports
        if found.part is not None and found.part not in FACES[module.part]
    ]
    assert not faults, _show(module, faults)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module.name: {found.target for found in module.imports if found.part is not None} - {module.name}
        for module in MODULES
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        # graphlib names each module before the one that imports it.
        pytest.fail("each imports the next: " + " > ".join(reversed(error.args[1])))


@each_module
def test_what_is_reserved_is_imported_where_it_belongs(module: Module) -> None:
    faults = [
        f"{found.line}: imports `{found.target}`, kept to {sorted(RESERVED[top]) or 'no module at all'}"
        for found in module.imports
        if (top := found.target.split(".")[0]) in RESERVED and module.name not in RESERVED[top]
    ]
    assert not faults, _show(module, faults)


@each_module
def test_imports_stand_at_the_top_unless_listed(module: Module) -> None:
    faults = [
        f"{found.line}: imports `{found.target}` inside a function; move it up, or add it to LATE with the reason"
        for found in module.imports
        if found.late and not any((module.name, name) in LATE for name in found.names)
    ]
    faults += [
        f"{found.line}: imports `{found.target}` under TYPE_CHECKING; import it for good, or share a lower part"
        for found in module.imports
        if found.guarded and module.name != "wootiv"  # whose names are loaded at first use, to keep start-up cheap
    ]
    assert not faults, _show(module, faults)


@pytest.mark.parametrize(("name", "target"), list(LATE) if WHOLE else [])
def test_every_listed_late_import_is_still_there(name: str, target: str) -> None:
    module = next((module for module in MODULES if module.name == name), None)
    found = module is None or any(each.late and target in each.names for each in module.imports)
    assert found, f"{module} imports `{target}` late no more: take it off LATE"


# Names


@each_module
def test_a_module_is_named_for_what_it_does(module: Module) -> None:
    faults = [part for part in module.name.split(".") if part.strip("_") in NAMELESS]
    assert not faults, f"{module}: `{faults[0]}` says nothing of what is inside"


@each_module
def test_no_module_reaches_for_a_private_name_of_another(module: Module) -> None:
    faults = [
        f"{found.line}: takes `{found.name}` from `{found.target}`; it is private there"
        for found in module.imports
        if found.part is not None and found.name and found.name.startswith("_") and not found.name.startswith("__")
    ]
    assert not faults, _show(module, faults)


# Files


@each_module
def test_a_module_opens_with_its_docstring(module: Module) -> None:
    assert ast.get_docstring(module.tree), f"{module}: says nowhere what it does"
    assert module.source.startswith(('"""', 'r"""')), f"{module}: something stands above the docstring"


@each_module
def test_a_module_fits_in_the_head(module: Module) -> None:
    lines = len(module.source.splitlines())
    assert lines <= LONGEST, f"{module}: {lines} lines, {LONGEST} are the most; split it by idea"


def test_the_sandbox_is_no_more_than_three_tenths_of_the_package():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}
    sandbox = sum(count for path, count in lines.items() if PACKAGE / "sandbox" in path.parents)
    assert sandbox <= 0.3 * sum(lines.values())


# Exports


def _exports(module: Module | None) -> list[str]:
    """Names in the module's ``__all__``, which is a plain list or tuple of strings."""
    for node in module.tree.body if module else []:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return list(ast.literal_eval(value))
            case ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value):
                return list(ast.literal_eval(value))
            case _:
                pass
    return []


@pytest.mark.parametrize("name", _exports(INIT))
def test_every_exported_name_imports(name: str) -> None:
    assert hasattr(importlib.import_module("wootiv"), name), f"wootiv.__all__ has `{name}`, wootiv has not"


@pytest.mark.parametrize("module", [INIT] if INIT else [], ids=repr)
def test_what_the_package_exports_is_what_it_shows(module: Module) -> None:
    wootiv = importlib.import_module("wootiv")
    exported = _exports(module)
    future = {found.name for found in module.imports if found.target == "__future__"}
    shown = {
        name
        for name in set(dir(wootiv)) - future
        if not name.startswith("_") and not isinstance(getattr(wootiv, name), types.ModuleType)
    }
    modules = {name for name in exported if isinstance(getattr(wootiv, name, None), types.ModuleType)}
    public = {name for name in exported if not name.startswith("__")}
    assert len(exported) == len(set(exported)), "wootiv.__all__ names something twice"
    assert not shown - public, f"wootiv shows these and does not export them: {sorted(shown - public)}"
    assert not public - shown - modules, (
        f"wootiv exports these and does not show them: {sorted(public - shown - modules)}"
    )


@pytest.mark.parametrize("package", [PACKAGE] if INIT else [], ids=["wootiv"])
def test_the_package_says_that_it_is_typed(package: Path) -> None:
    assert (package / "py.typed").is_file(), "wootiv/py.typed is missing: type checkers take the package for untyped"
