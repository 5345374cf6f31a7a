"""The mutation operators, those of Cosmic Ray and mutmut for Python: each makes one small fault in a syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
SHOWN = 60  # characters of what is changed
REMOVED = "removed statement"
LOUD = ("log", "_log", "logging")  # calls of these are not removed: their text is no behaviour that tests hold


@dataclass(frozen=True)
class Place:
    """One small fault, as it is drawn: the node of the module's tree, the operator, and which of its ways."""

    path: str
    node: int  # its number in the order of ast.walk
    operator: str
    way: int


@dataclass(frozen=True)
class Mutant:
    """One small fault, made."""

    path: str
    function: str  # that it is in, or class; empty: the module itself
    lines: range  # of the statement that is changed
    operator: str
    before: str
    after: str
    source: str  # of the whole module, with the fault

    def __str__(self) -> str:
        return f"{self.path} {self.function}: {self.operator}: {self.before[:SHOWN]!r} -> {self.after[:SHOWN]!r}"


def places(path: str, source: str) -> list[Place]:
    """Every place of a module where a fault can be put.

    None in decorators, of which mypy holds `frozen=True`, and none in `strict=True` of a `zip`, which only a fault of
    the program itself would meet.
    """
    nodes = list(ast.walk(ast.parse(source)))
    decorators = {id(part) for node in nodes for one in getattr(node, "decorator_list", ()) for part in ast.walk(one)}
    strict = {id(node.value) for node in nodes if isinstance(node, ast.keyword) and node.arg == "strict"}
    return [
        Place(path, number, operator, way)
        for number, node in enumerate(nodes)
        if id(node) not in decorators | strict
        for operator, change in OPERATORS.items()
        for way, _ in enumerate(change(node))
    ]


def made(place: Place, source: str) -> Mutant:
    """The module with that fault."""
    tree = ast.parse(source)
    node = list(ast.walk(tree))[place.node]
    target, change = list(OPERATORS[place.operator](node))[place.way]
    shown = _around(tree, target) if isinstance(target, ast.Constant) else target
    before, function, lines = ast.unparse(shown), _function(tree, target), _lines(tree, target)
    change()
    after = "pass" if place.operator == REMOVED else ast.unparse(ast.fix_missing_locations(shown))
    if after == before:
        raise ValueError(f"{place} changes nothing")
    return Mutant(
        place.path, function, lines, place.operator, before, after, ast.unparse(ast.fix_missing_locations(tree))
    )


def _function(tree: ast.Module, node: ast.AST) -> str:
    """The names of the classes and functions around a node, with dots."""
    around = [one for one in ast.walk(tree) if isinstance(one, SCOPES) and one is not node and _holds(one, node)]
    return ".".join(one.name for one in around)  # outer ones come first


def _around(tree: ast.Module, node: ast.AST) -> ast.AST:
    """The node that a node is a part of: a number alone does not tell which it is."""
    return next(one for one in ast.walk(tree) if any(part is node for part in ast.iter_child_nodes(one)))


def _lines(tree: ast.Module, node: ast.AST) -> range:
    """The lines of the smallest statement around a node; of one that holds others, only its head."""
    around = [one for one in ast.walk(tree) if isinstance(one, ast.stmt) and _holds(one, node)]
    statement = around[-1]
    body = getattr(statement, "body", None)
    end = body[0].lineno - 1 if isinstance(body, list) and body else statement.end_lineno or statement.lineno
    return range(statement.lineno, max(end, statement.lineno) + 1)


def _holds(outer: ast.AST, node: ast.AST) -> bool:
    return any(one is node for one in ast.walk(outer))


# A node -> the ways to put a fault into it: what is changed, and the change.
Ways = Iterator[tuple[ast.AST, Callable[[], None]]]
Change = Callable[[ast.AST], Ways]


def _comparison(node: ast.AST) -> Ways:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            other = COMPARISONS[type(operator)]
            yield node, lambda place=place, other=other: node.ops.__setitem__(place, other())  # type: ignore[misc]


def _arithmetic(node: ast.AST) -> Ways:
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        text = isinstance(node, ast.BinOp) and any(
            isinstance(side, ast.JoinedStr | ast.Tuple)
            or (isinstance(side, ast.Constant) and isinstance(side.value, str | bytes))
            for side in (node.left, node.right)
        )
        if not text:
            yield node, lambda: setattr(node, "op", ARITHMETIC[type(node.op)]())


def _logic(node: ast.AST) -> Ways:
    if isinstance(node, ast.BoolOp):
        yield node, lambda: setattr(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())


def _condition(node: ast.AST) -> Ways:
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield node, lambda: setattr(node, "test", ast.UnaryOp(ast.Not(), node.test))


def _constant(node: ast.AST) -> Ways:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield node, lambda: setattr(node, "value", not node.value)
        elif isinstance(node.value, int | float):
            yield node, lambda: setattr(node, "value", node.value + 1)  # type: ignore[operator]


def _returned(node: ast.AST) -> Ways:
    if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield node, lambda: setattr(node, "value", ast.Constant(None))


def _removed(node: ast.AST) -> Ways:
    """Remove a call, a `raise` or a `continue` that stands alone."""
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        for place, line in enumerate(body if isinstance(body, list) else ()):
            called = isinstance(line, ast.Expr) and isinstance(line.value, ast.Call)
            if isinstance(line, ast.Raise | ast.Continue) or (called and not ast.unparse(line).startswith(LOUD)):
                yield line, lambda body=body, place=place: body.__setitem__(place, ast.Pass())  # type: ignore[misc]


OPERATORS: dict[str, Change] = {
    "other comparison": _comparison,
    "other arithmetic": _arithmetic,
    "and for or": _logic,
    "negated condition": _condition,
    "other constant": _constant,
    "nothing returned": _returned,
    REMOVED: _removed,
}
