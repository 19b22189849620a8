"""The rooms of the package, and which way imports run between them.

Every import counts: at the top of a module, inside a function, under ``TYPE_CHECKING``.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest
from sklearn.model_selection._search import BaseSearchCV

import kerasearch

PACKAGE = Path(kerasearch.__file__).parent

# What a room imports from directly. It may also import what lies further below.
BELOW = {
    "_utils": set(),
    "store": {"_utils"},
    "training": {"store"},
    "estimators": {"training"},
    "cv_results": {"store"},
    "space": {"cv_results"},
    "search": {"space"},
    "results": {"cv_results"},
    "plots": {"results"},
    "html_report": {"plots"},
    "integrations": {"training", "space"},
    "cli": {"estimators", "search", "html_report"},
}
IN_EVERY_ROOM = {"exceptions"}  # they import nothing of the package themselves

KERAS = {"keras", "keras_tuner", "scikeras", "tensorflow"}
SCIKIT_LEARN = {"scikeras", "sklearn"}
NEVER_IMPORTED = {
    "store": KERAS | SCIKIT_LEARN,
    "training": SCIKIT_LEARN,
    "cv_results": KERAS,
    "space": KERAS,
    "search": KERAS,
    "results": KERAS,
    "plots": KERAS,
    "html_report": KERAS,
}
ONE_DOOR = {"scikeras": "estimators/label_encoder.py"}
OPTIONAL = {  # the rooms that need an optional package; all others do without
    "keras_tuner": {"integrations"},
    "matplotlib": {"plots", "html_report"},
    "optuna": {"search"},
}
PROTECTED = {
    name
    for name, value in vars(BaseSearchCV).items()
    if name.startswith("_") and not name.startswith("__") and callable(value)
}


class Module(NamedTuple):
    """A file of the package; `name` is its dotted name below the root."""

    name: str
    path: Path

    @property
    def file(self) -> str:
        return self.path.relative_to(PACKAGE).as_posix()

    @property
    def room(self) -> str:
        return self.name.partition(".")[0]


class Import(NamedTuple):
    """What one line imports: a dotted name, which starts with a dot inside the package."""

    module: Module
    line: int
    name: str

    @property
    def external(self) -> str:
        """The package of somebody else, or nothing."""
        return self.name.partition(".")[0]

    def breaks(self, rule: str) -> str:
        shown = f"kerasearch{self.name.rstrip('.')}" if self.name.startswith(".") else self.name
        return f"kerasearch/{self.module.file}:{self.line} imports {shown}: {rule}"


@cache
def modules() -> dict[str, Module]:
    """Every file of the package by dotted name; the root's `__init__` is called ''."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, path)
    return found


@cache
def imports() -> list[Import]:
    """All imports of the package, but for those of the root's `__init__`, which is no room."""
    return [entry for module in modules().values() if module.name for entry in _imports_of(module)]


def _imports_of(module: Module) -> Iterator[Import]:
    for node in ast.walk(ast.parse(module.path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, node.lineno, _inside(alias.name))
        elif isinstance(node, ast.ImportFrom):
            source = _source(module, node)
            for alias in node.names:
                whole = f"{source.rstrip('.')}.{alias.name}"
                inner = source.startswith(".") and source != "." and whole[1:] not in modules()
                yield Import(module, node.lineno, source if inner else whole)
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"}:
            named = [a.value for a in node.args[:1] if isinstance(a, ast.Constant)]
            yield from (Import(module, node.lineno, _inside(str(name))) for name in named)


def _source(module: Module, node: ast.ImportFrom) -> str:
    """What stands between ``from`` and ``import``, written from the root of the package."""
    if not node.level:
        return _inside(node.module or "")
    package = module.name.split(".") if module.name else []
    if module.path.name != "__init__.py":
        package = package[:-1]
    package = package[: len(package) - (node.level - 1)]
    return "." + ".".join([*package, *filter(None, [node.module])])


def _inside(name: str) -> str:
    """A dotted name, with a leading dot in place of the package's own name."""
    first, _, rest = name.partition(".")
    return f".{rest}" if first == "kerasearch" else name


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def reach(room: str) -> set[str]:
    """The rooms that lie below one."""
    return BELOW[room].union(*(reach(below) for below in BELOW[room]))


def test_the_root_holds_the_public_names_the_errors_and_rooms_alone():
    entries = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    files = {path.name for path in entries if path.is_file()}
    assert files == {"__init__.py", "__main__.py", "exceptions.py", "py.typed"}
    rooms = {path.name for path in entries if path.is_dir()}
    assert rooms == set(BELOW), "a new room says in BELOW what it may import"


@pytest.mark.parametrize("room", BELOW)
def test_a_room_imports_only_what_lies_below_it(room):
    allowed = reach(room) | IN_EVERY_ROOM | {room}
    rule = f"{room} may import {', '.join(sorted(reach(room))) or 'no other room'}"
    wrong = [
        entry.breaks(rule)
        for entry in imports()
        if entry.module.room == room
        and entry.name.startswith(".")
        and entry.name.split(".")[1] not in allowed
        and entry.name != ".__version__"
    ]
    assert not wrong, "\n".join(wrong)


def test_the_errors_import_nothing_of_the_package():
    wrong = [
        entry.breaks("every room imports the errors")
        for entry in imports()
        if entry.module.name in IN_EVERY_ROOM and entry.name.startswith(".")
    ]
    assert not wrong, "\n".join(wrong)


def test_the_module_that_is_run_imports_the_command_line_alone():
    names = {entry.name for entry in imports() if entry.module.name == "__main__"}
    assert all(name.startswith((".cli", "__future__")) for name in names), names


def test_no_module_imports_itself_through_others():
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for entry in imports():
        target = entry.name[1:]
        if entry.name.startswith(".") and target in modules():
            graph[entry.module.name].add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " <- ".join(f"kerasearch/{modules()[name].file}" for name in error.args[1])
        pytest.fail(f"a circle of imports, each module imported by the one after it: {circle}")


@pytest.mark.parametrize("room", NEVER_IMPORTED)
def test_a_room_knows_only_the_libraries_of_its_job(room):
    wrong = [
        entry.breaks(f"{room} never imports {', '.join(sorted(NEVER_IMPORTED[room]))}")
        for entry in imports()
        if entry.module.room == room and entry.external in NEVER_IMPORTED[room]
    ]
    assert not wrong, "\n".join(wrong)


def test_the_utilities_need_numpy_and_the_standard_library_alone():
    allowed = {*sys.stdlib_module_names, "numpy", ""}
    wrong = [
        entry.breaks("_utils imports the standard library and NumPy alone")
        for entry in imports()
        if entry.module.room == "_utils" and entry.external not in allowed
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", ONE_DOOR)
def test_a_package_with_one_door_is_imported_there_alone(package):
    door = ONE_DOOR[package]
    used = [entry for entry in imports() if entry.external == package]
    wrong = [
        entry.breaks(f"{package} is imported in {door} alone")
        for entry in used
        if entry.module.file != door
    ]
    assert not wrong, "\n".join(wrong)
    assert used, f"nothing imports {package} any more: take it out of ONE_DOOR"


@pytest.mark.parametrize("package", OPTIONAL)
def test_an_optional_package_is_imported_by_the_rooms_that_need_it_alone(package):
    rooms = OPTIONAL[package]
    wrong = [
        entry.breaks(f"{package} is optional and for {', '.join(sorted(rooms))} alone")
        for entry in imports()
        if entry.external == package and entry.module.room not in rooms
    ]
    assert not wrong, "\n".join(wrong)


def test_scikit_learns_protected_modules_are_imported_by_the_base_search_alone():
    wrong = [
        entry.breaks("scikit-learn's protected modules are for search/base.py alone")
        for entry in imports()
        if entry.external == "sklearn"
        and any(part.startswith("_") for part in entry.name.split("."))
        and entry.module.file != "search/base.py"
    ]
    assert not wrong, "\n".join(wrong)


def test_scikit_learns_protected_hooks_are_used_by_the_base_search_alone():
    assert "_run_search" in PROTECTED
    wrong = [
        f"kerasearch/{module.file}:{line} uses {name}: "
        "the protected methods of BaseSearchCV are for search/base.py alone"
        for module in modules().values()
        if module.file != "search/base.py"
        for line, name in _attributes(module)
        if name in PROTECTED
    ]
    assert not wrong, "\n".join(wrong)


def test_standard_error_is_turned_aside_by_the_command_line_alone():
    wrong = [
        f"kerasearch/{module.file}:{line} uses {name}: "
        "a library leaves the descriptors of its user's process alone; the cli may not"
        for module in modules().values()
        if module.room != "cli"
        for line, name in _attributes(module)
        if name == "dup2"
    ]
    assert not wrong, "\n".join(wrong)


def _attributes(module: Module) -> Iterator[tuple[int, str]]:
    """The lines on which attributes are used and functions defined, with their names."""
    for node in ast.walk(ast.parse(module.path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.FunctionDef):
            yield node.lineno, node.name


def test_no_module_is_longer_than_five_hundred_lines_and_half_are_below_two_hundred():
    lengths = {
        f"kerasearch/{module.file}": len(module.path.read_text(encoding="utf-8").splitlines())
        for module in modules().values()
    }
    too_long = {file: length for file, length in lengths.items() if length > 500}
    assert not too_long, f"split what does more than one job: {too_long}"
    of_modules = [n for file, n in lengths.items() if not file.endswith("__init__.py")]
    assert statistics.median(of_modules) < 200


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("import keras.layers", "keras.layers"),
        ("from sklearn.base import clone", "sklearn.base.clone"),
        ("from . import reading", ".cv_results.reading"),
        ("from .reading import read", ".cv_results.reading"),
        ("from ..store import FitStore", ".store"),
        ("from ..store.fit_store import FitStore", ".store.fit_store"),
        ("from .. import training", ".training"),
        ("from .. import __version__", ".__version__"),
        ("from kerasearch import training", ".training"),
        ("import kerasearch.search", ".search"),
        ("def f():\n    import optuna", "optuna"),
        ("if TYPE_CHECKING:\n    import keras", "keras"),
        ("importlib.import_module('keras')", "keras"),
    ],
)
def test_every_way_to_import_is_seen(line, name, tmp_path):
    path = tmp_path / "some.py"
    path.write_text(line)
    assert [entry.name for entry in _imports_of(Module("cv_results.some", path))] == [name]
