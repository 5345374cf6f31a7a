"""Networks of cells, the micro space of ENAS (Pham, Guan, Zoph, Le, Dean, ICML 2018, arXiv 1802.03268, section 2.4).

Two cells are designed, one that keeps the size of the maps and one that halves it. A cell has B nodes. Each adds two
outputs of before, the first two being those of the two cells before, each through one of five operations. Nodes whose
output nothing uses are put behind each other, and a convolution of 1 x 1 gives all cells of a stage one width. The
network is three stages of N cells with a halving cell between them. Ours: a separable convolution is done once, not
twice, as processors are slow at it. Cells that lead nowhere are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from vm_worker.designs.grammar import Architecture, Join, Named, Step
from vm_worker.designs.layers import Given
from vm_worker.designs.words import Reference, word
from vm_worker.learn.design.spaces.space import IDENTITY, SOFTMAX, added, convolution, first_step
from vm_worker.search.space import Choice, Point, Space

OPERATIONS = ("sep3", "sep5", "average", "max", "identity")
POOLINGS = {"average": "AVERAGE_POOLING", "max": "MAX_POOLING"}
NORMAL, REDUCTION = "normal", "reduction"
STAGES = 3
WIDTH = 16  # maps of the first stage
STEM = "stem"


@dataclass(frozen=True)
class Edge:
    """An input of a node: the number of an output of before, and the operation on it."""

    source: int  # 0: the cell before the last, 1: the last cell, 2 and up: the nodes of this cell
    operation: str


@dataclass(frozen=True)
class CellsSpace:
    """The space of cells of B nodes, in stages of N cells."""

    given: Given
    nodes: int = 2  # B
    repeats: int = 1  # N
    width: int = WIDTH

    @property
    def space(self) -> Space:
        """The choices: for each node of each cell two inputs and two operations, in ENAS's order."""
        dimensions = []
        for cell in (NORMAL, REDUCTION):
            for node in range(2, self.nodes + 2):
                for side in ("left", "right"):
                    sources = tuple(range(node))
                    dimensions += [
                        Choice(f"{cell}{node}_{side}", sources),
                        Choice(f"{cell}{node}_{side}_op", OPERATIONS),
                    ]
        return Space(tuple(dimensions))

    def decode(self, point: Point) -> Architecture:
        """Return the network of a point."""
        cells = {kind: self._cell(point, kind) for kind in (NORMAL, REDUCTION)}
        stages = [[REDUCTION] * (stage > 0) + [NORMAL] * self.repeats for stage in range(STAGES)]
        kinds = [kind for stage in stages for kind in stage]
        needed = _needed([cells[kind] for kind in kinds])
        steps: list[Step] = [Named(STEM, convolution("CONV", 3, self.width, first_step(self.given)))]
        halvings, at = 0, [_Place(STEM, 0, self.width)] * 2
        for number, kind in enumerate(kinds):
            halvings += kind == REDUCTION
            place = _Place(f"c{number}", halvings, self.width * 2**halvings)
            if number in needed:
                steps += _Cell(place, cells[kind], (at[-2], at[-1]), kind == REDUCTION).steps()
            at.append(place)
        return Architecture((*_ended(steps), SOFTMAX))

    def _cell(self, point: Point, kind: str) -> tuple[tuple[Edge, Edge], ...]:
        """Return the two inputs of each node."""

        def edge(node: int, side: str) -> Edge:
            name = f"{kind}{node}_{side}"
            return Edge(int(point[name]), str(point[f"{name}_op"]))

        return tuple((edge(node, "left"), edge(node, "right")) for node in range(2, self.nodes + 2))


def _needed(cells: list[tuple[tuple[Edge, Edge], ...]]) -> set[int]:
    """Return the numbers of the cells whose output reaches the last one."""
    needed, waiting = set(), [len(cells) - 1]
    while waiting:
        number = waiting.pop()
        if number < 0 or number in needed:
            continue
        needed.add(number)
        sources = {edge.source for node in cells[number] for edge in node}
        waiting += [number - 2 + source for source in sources if source < 2]
    return needed


@dataclass(frozen=True)
class _Place:
    """An output of a cell: its name, how often its maps are halved, and how many they are."""

    name: str
    halvings: int
    maps: int


@dataclass(frozen=True)
class _Cell:
    """One cell at its place, with the outputs of the two cells before."""

    place: _Place
    nodes: tuple[tuple[Edge, Edge], ...]
    before: tuple[_Place, _Place]
    halves: bool

    def steps(self) -> list[Step]:
        """Return its steps; the last one is named by the cell."""
        used = {edge.source for node in self.nodes for edge in node}
        steps: list[Step] = []
        for source in sorted(used & {0, 1}):
            steps += self._prepared(source)
        for number, (left, right) in enumerate(self.nodes, start=2):
            steps.append(Named(self._name(number), added(self._branch(left), self._branch(right))))
        ends = [number for number in range(2, len(self.nodes) + 2) if number not in used]
        if len(ends) == 1:
            return [*steps, Reference(self._name(ends[0])), self._last()]
        branches = tuple((Reference(self._name(number)),) for number in ends)
        return [*steps, Join(branches, "DepthConcat"), self._last()]

    def _last(self) -> Named:
        return Named(self.place.name, convolution("CONV", 1, self.place.maps))

    def _prepared(self, source: int) -> list[Step]:
        """Return the steps that give an input the cell's width, and its size before the operations."""
        before, halvings = self.before[source], self.place.halvings - self.halves
        step = 2 ** (halvings - before.halvings)
        same = before.maps == self.place.maps and step == 1
        way = IDENTITY if same else convolution("CONV", 1, self.place.maps, step)
        return [Reference(before.name), Named(self._name(source), way)]

    def _branch(self, edge: Edge) -> tuple[Step, ...]:
        """Return one input of a node. In a halving cell the operations on the cells before take every second pixel."""
        step = 2 if self.halves and edge.source < 2 else 1
        return (Reference(self._name(edge.source)), *_operation(edge.operation, step, self.place.maps))

    def _name(self, source: int) -> str:
        return f"{self.place.name}_{source}"


def _operation(name: str, step: int, maps: int) -> tuple[Step, ...]:
    if name in POOLINGS:
        return (word(f"{POOLINGS[name]}:3X3:{step}X{step}:SAME"),)
    if name == "identity":
        return () if step == 1 else (convolution("CONV", 1, maps, step),)
    return (convolution("SEP_CONV", int(name[-1]), maps, step),)


def _ended(steps: list[Step]) -> list[Step]:
    """Return the steps; the last one needs no name."""
    *rest, last = steps
    return [*rest, last.step if isinstance(last, Named) else last]
