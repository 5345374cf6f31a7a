"""How large the parts of the code may become, and how closely they may be tied to each other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.sources import PACKAGES, ROOT, name, sources

LINES = 300  # of a file
FUNCTION_LINES = 40
IMPORTS = 60  # between the files of one folder: more, and the folder is no longer read as a few parts
OPEN_MAPPINGS = 80  # places in the product whose keys no type names; JSON at the edges needs some
CONSTRUCTORS = {"__init__", "__post_init__"}


def test_files_are_short() -> None:
    long = {
        name(path): count
        for path in sources(*PACKAGES, "tests")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > LINES
    }
    assert long == {}


def test_functions_are_short() -> None:
    long = {
        f"{name(path)}:{node.name}": length
        for path in sources()
        for node in _nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
        # A command's flags and help text are its signature and docstring; the work is elsewhere.
        and name(path) not in ("infra/cli/main.py", "infra/cli/sending.py")
    }
    assert long == {}


def test_no_file_is_a_drawer() -> None:
    drawers = {"utils.py", "helpers.py", "misc.py", "common.py", "manager.py"}
    assert [name(path) for path in sources() if path.name in drawers] == []


def test_the_files_of_a_folder_are_loosely_tied() -> None:
    modules = {_module(path): path for path in sources()}
    counts: dict[str, int] = {}
    for path in sources():
        folder = ".".join(path.relative_to(ROOT).parts[:-1])
        neighbours = {module for module in _imported(path, modules) if module.rpartition(".")[0] == folder}
        counts[folder] = counts.get(folder, 0) + len(neighbours)
    assert sum(counts.values()) > 100  # they are counted at all
    assert {folder: count for folder, count in counts.items() if count > IMPORTS} == {}


def test_few_mappings_have_keys_that_no_type_names() -> None:
    found = {
        name(path): count
        for path in sources()
        if (count := len(re.findall(r"\b(?:dict|Mapping)\[str, Any\]", path.read_text(encoding="utf-8"))))
    }
    assert sum(found.values()) <= OPEN_MAPPINGS, found


def test_every_object_is_whole_once_it_is_made() -> None:
    late = [
        f"{name(path)}:{node.name}.{attribute}"
        for path in sources()
        for node in _nodes(path)
        if isinstance(node, ast.ClassDef)
        for attribute in _set_late(node)
    ]
    assert late == []


@pytest.mark.parametrize(
    ("body", "late"),
    [
        ("    def __init__(self):\n        self.a = 1\n    def go(self):\n        self.a = 2", set()),
        ("    def __init__(self):\n        pass\n    def go(self):\n        self.a, self.b = 1, 2", {"a", "b"}),
        ("    a: int\n    def go(self):\n        self.a = 1", {"a"}),  # only said to be there
        ("    a: int = 0\n    def go(self):\n        self.a = 1", {"a"}),  # of the class, not of the object
    ],
)
def test_what_is_set_late_is_found(body: str, late: set[str]) -> None:
    assert _set_late(_class(f"class One:\n{body}")) == late


@pytest.mark.parametrize(
    ("declared", "late"),
    [
        ("a: int", set()),  # an argument of the constructor
        ("a: int = 0", set()),
        ("a: list = field(default_factory=list)", set()),
        ("a: int = field(init=False, default=0)", set()),
        ("a: int = field(init=False)", {"a"}),
    ],
)
def test_a_dataclass_sets_the_fields_that_its_constructor_knows(declared: str, late: set[str]) -> None:
    body = f"    {declared}\n    def go(self):\n        self.a = 1"
    assert _set_late(_class(f"@dataclass(eq=False)\nclass One:\n{body}")) == late


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a file's syntax tree."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path, modules: Mapping[str, Path]) -> set[str]:
    """The modules of the product, not packages, that a file imports, however late."""
    names: set[str] = set()
    for node in _nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module:
            wholes = {f"{node.module}.{alias.name}": node.module for alias in node.names}
            names |= {whole if whole in modules else module for whole, module in wholes.items()}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {one for one in names if one in modules and modules[one].name != "__init__.py"}


def _class(source: str) -> ast.ClassDef:
    (node,) = ast.parse(source).body
    assert isinstance(node, ast.ClassDef)
    return node


def _set_late(node: ast.ClassDef) -> set[str]:
    """The attributes of `self` that no constructor of the class sets."""
    late: set[str] = set()
    early = set(_constructed(node)) if any("dataclass" in ast.unparse(one) for one in node.decorator_list) else set()
    for function in node.body:
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            (early if function.name in CONSTRUCTORS else late).update(_stored(function))
    return late - early


def _stored(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            yield node.attr


def _constructed(node: ast.ClassDef) -> Iterator[str]:
    """The fields that the constructor of a dataclass sets: all but those without both argument and default."""
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            given = field.value.keywords if isinstance(field.value, ast.Call) else []
            words = {one.arg: ast.unparse(one.value) for one in given}
            if words.get("init") != "False" or words.keys() & {"default", "default_factory"}:
                yield field.target.id
