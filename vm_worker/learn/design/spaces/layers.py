"""Networks layer by layer, with the states of MetaQNN (Baker, Gupta, Naik, Raskar, ICLR 2017, section 4.1, table 1).

A state is the depth, the kind of the last layer, and the size of the maps in three buckets: above 7, 4 to 7, below 4.
Any state but the first may end; pooling comes neither first nor after pooling; no kernel is larger than the bucket; a
fully connected layer comes on small maps only. Ours: a place may add the output of an earlier one (Ma, 2018, figure 5),
and the third convolution on maps of one size is pooled first, so that no network costs much more than the others. What
a state does not allow is left out, so every point stands for a network, and some for the same one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from vm_worker.designs.grammar import Architecture, Join, Named, Step
from vm_worker.designs.layers import Given
from vm_worker.designs.words import Reference, Word, word
from vm_worker.learn.design.spaces.space import IDENTITY, RELU, SOFTMAX, added, convolution, first_step
from vm_worker.search.space import Choice, Point, Space

POOL, END = "pool", "end"
SKIPS = {"skip1": 1, "skip2": 2}  # convolutions of 3 x 3 that add the output of so many places before
KERNELS = {"conv3": 3, "sep5": 5, **dict.fromkeys(SKIPS, 3)}
OPERATIONS = (*KERNELS, POOL, END)
# Maps of the first layers; twice as many after each pooling, up to four times. Wide ones have twice the multiply-adds.
NARROW, WIDE = (8, 16, 24), (16, 24, 32)
MANY = 100  # trainings from which there is time for wide ones
HEADS = {"mean": 0, "fc64": 64, "fc128": 128}  # units of a fully connected layer before the last; 0: none
LEAST, MOST = 4, 7  # places
AT_A_SIZE = 2  # convolutions before pooling
DROPOUT = "DROPOUT:0.3"  # after a fully connected layer


def bucket(side: int) -> int:
    """Return the bucket of maps of this side: 8 above 7, 4 from 4 on, else 1."""
    return 8 if side > 7 else 4 if side > 3 else 1


@dataclass(frozen=True)
class State:
    """What the next layer may depend on."""

    side: int  # of the maps
    depth: int = 0  # layers so far
    pooled: bool = False  # whether the last layer is a pooling
    here: int = 0  # convolutions on maps of this size
    halvings: int = 0  # poolings so far

    def allowed(self) -> tuple[str, ...]:
        """Return the operations that may come next."""
        if self.depth == 0:
            return tuple(KERNELS)
        largest = bucket(self.side)
        convolutions = tuple(name for name, kernel in KERNELS.items() if kernel <= largest)
        pools = (POOL,) if not self.pooled and largest > 1 else ()
        return (*convolutions, *pools, END)

    def convolved(self, step: int = 1) -> State:
        """Return the state after a convolution."""
        side = -(-self.side // step)
        return replace(self, side=side, depth=self.depth + 1, pooled=False, here=self.here + 1)

    def after_pool(self) -> State:
        """Return the state after a pooling."""
        return State(-(-self.side // 2), self.depth + 1, pooled=True, halvings=self.halvings + 1)


def places_for(trainings: int) -> int:
    """Return how many places suit so many trainings: a larger space needs more of them."""
    return min(MOST, LEAST + sum(trainings >= many for many in (20, 40, 100)))


def widths_for(trainings: int) -> tuple[int, ...]:
    """Return the widths that suit the time in which so many trainings are expected."""
    return WIDE if trainings >= MANY else NARROW


@dataclass(frozen=True)
class LayersSpace:
    """The space of so many places, 4 to 7, beside a width and a head: 6 to 9 choices."""

    given: Given
    places: int = LEAST
    widths: tuple[int, ...] = NARROW

    @property
    def space(self) -> Space:
        """The choices: the width, what stands at each place, and what stands before the last layer."""
        places = (Choice(f"place{number}", OPERATIONS) for number in range(1, self.places + 1))
        return Space((Choice("width", self.widths), *places, Choice("head", tuple(HEADS))))

    def decode(self, point: Point) -> Architecture:
        """Return the network of a point."""
        walk = _Walk(State(self.given.pixels), int(point["width"]), first_step(self.given))
        for number in range(1, self.places + 1):
            operation = str(point[f"place{number}"])
            if operation not in walk.state.allowed():
                continue
            if operation == END:
                break
            walk.add(operation)
        return Architecture((*walk.steps(), *_head(str(point["head"]), walk.state), SOFTMAX))


def _head(name: str, state: State) -> tuple[Word, ...]:
    """Return the fully connected layer, where the maps are small enough for one."""
    units = HEADS[name] if bucket(state.side) < 8 else 0
    return (word(f"FC:RELU:{units}"), word(DROPOUT)) if units else ()


@dataclass(frozen=True)
class _Output:
    """The output of a place."""

    maps: int
    halvings: int


@dataclass
class _Walk:
    """The layers of one network so far."""

    state: State
    width: int
    first: int  # the step of the first layer
    built: list[list[Word | Join]] = field(default_factory=list)  # the steps of each place
    outputs: list[_Output] = field(default_factory=list)
    used: set[int] = field(default_factory=set)  # places whose output is named

    def add(self, operation: str) -> None:
        """Add the layer of an operation that is allowed, and a pooling before it where that has to come first."""
        if operation == POOL or self.state.here == AT_A_SIZE:
            self._pool()
        if operation != POOL and operation in self.state.allowed():
            self._convolve(operation)

    def _pool(self) -> None:
        self.state = self.state.after_pool()
        self.built.append([word("MAX_POOLING:3X3:2X2:SAME")])
        self.outputs.append(_Output(self.outputs[-1].maps, self.state.halvings))

    def _convolve(self, operation: str) -> None:
        filters = self.width * 2 ** min(2, self.state.halvings)
        step = self.first if self.state.depth == 0 else 1
        source = len(self.built) - SKIPS.get(operation, 0)
        self.state = self.state.convolved(step)
        if operation in SKIPS and source >= 0 and self.built:
            self.built.append(self._skipping(source, filters))
        else:
            kind = "SEP_CONV" if operation.startswith("sep") else "CONV"
            self.built.append([convolution(kind, KERNELS[operation], filters, step)])
        self.outputs.append(_Output(filters, self.state.halvings))

    def _skipping(self, source: int, filters: int) -> list[Word | Join]:
        """Return a convolution to which the output of the place with this number is added."""
        before, near = self.outputs[source], source == len(self.built) - 1
        same = before.maps == filters and before.halvings == self.state.halvings
        step = 2 ** (self.state.halvings - before.halvings)
        way: Step = IDENTITY if same else convolution("CONV", 1, filters, step, "LINEAR")
        if near:
            skip: tuple[Step, ...] = (way,)
        else:
            self.used.add(source)
            skip = (Reference(_name(source)),) if same else (Reference(_name(source)), way)
        return [added(skip, (convolution("CONV", 3, filters, 1, "LINEAR"),)), RELU]

    def steps(self) -> tuple[Step, ...]:
        """Return all steps; outputs that are used again have names."""
        whole: list[Step] = []
        for number, steps in enumerate(self.built):
            *first, last = steps
            whole += [*first, Named(_name(number), last) if number in self.used else last]
        return tuple(whole)


def _name(number: int) -> str:
    return f"p{number + 1}"
