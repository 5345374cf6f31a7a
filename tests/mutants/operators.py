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
    line: int
    operator: str
    before: str
    after: str
    source: str  # of the whole module, with the fault

    def __str__(self) -> str:
        return f"{self.path}:{self.line}  {self.operator}: {self.before[:60]!r} -> {self.after[:60]!r}"


def places(path: str, source: str) -> list[Place]:
    """Every place of a module where a fault can be put."""
    return [
        Place(path, number, operator, way)
        for number, node in enumerate(ast.walk(ast.parse(source)))
        for operator, change in OPERATORS.items()
        for way, _ in enumerate(change(node))
    ]


def made(place: Place, source: str) -> Mutant:
    """The module with that fault."""
    tree = ast.parse(source)
    node = list(ast.walk(tree))[place.node]
    before, line = ast.unparse(node), getattr(node, "lineno", 0)
    list(OPERATORS[place.operator](node))[place.way]()
    after = ast.unparse(ast.fix_missing_locations(node))
    if after == before:
        raise ValueError(f"{place} changes nothing")
    return Mutant(place.path, line, place.operator, before, after, ast.unparse(ast.fix_missing_locations(tree)))


Change = Callable[[ast.AST], Iterator[Callable[[], None]]]  # a node -> the ways to put a fault into it


def _comparison(node: ast.AST) -> Iterator[Callable[[], None]]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            other = COMPARISONS[type(operator)]
            yield lambda place=place, other=other: node.ops.__setitem__(place, other())  # type: ignore[misc]


def _arithmetic(node: ast.AST) -> Iterator[Callable[[], None]]:
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        text = isinstance(node, ast.BinOp) and any(
            isinstance(side, ast.JoinedStr | ast.Tuple)
            or (isinstance(side, ast.Constant) and isinstance(side.value, str | bytes))
            for side in (node.left, node.right)
        )
        if not text:
            yield lambda: setattr(node, "op", ARITHMETIC[type(node.op)]())


def _logic(node: ast.AST) -> Iterator[Callable[[], None]]:
    if isinstance(node, ast.BoolOp):
        yield lambda: setattr(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())


def _condition(node: ast.AST) -> Iterator[Callable[[], None]]:
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield lambda: setattr(node, "test", ast.UnaryOp(ast.Not(), node.test))


def _constant(node: ast.AST) -> Iterator[Callable[[], None]]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield lambda: setattr(node, "value", not node.value)
        elif isinstance(node.value, int | float):
            yield lambda: setattr(node, "value", node.value + 1)  # type: ignore[operator]


def _returned(node: ast.AST) -> Iterator[Callable[[], None]]:
    if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield lambda: setattr(node, "value", ast.Constant(None))


def _removed(node: ast.AST) -> Iterator[Callable[[], None]]:
    """Remove a call, a `raise` or a `continue` that stands alone."""
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        for place, line in enumerate(body if isinstance(body, list) else ()):
            called = isinstance(line, ast.Expr) and isinstance(line.value, ast.Call)
            if isinstance(line, ast.Raise | ast.Continue) or (called and not ast.unparse(line).startswith(LOUD)):
                yield lambda body=body, place=place: body.__setitem__(place, ast.Pass())  # type: ignore[misc]


OPERATORS: dict[str, Change] = {
    "other comparison": _comparison,
    "other arithmetic": _arithmetic,
    "and for or": _logic,
    "negated condition": _condition,
    "other constant": _constant,
    "nothing returned": _returned,
    "removed statement": _removed,
}
