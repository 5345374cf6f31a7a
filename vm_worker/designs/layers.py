"""The layers of a network with their shapes, parameters and multiply-adds, known without building it.

What a text leaves open is filled in here. A convolution without a number of filters gets `width` x 2^h, at most
MOST_WIDTH, where its maps have been halved h times so far. In a DepthConcat of k branches it gets 1/k of that, and
there all but the last convolution of a branch get half of it again; always a multiple of 4. A fully connected layer
without units gets as many as there are features, at most MOST_UNITS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from vm_worker.designs.grammar import Architecture, Branch, Join, Named, Step, words_of
from vm_worker.designs.shapes import Cost, Shape, applied, joined
from vm_worker.designs.words import ArchitectureError, Convolution, Dense, Dropout, Plain, Reference, Word, suggestion

Path = tuple[int, ...]  # step, branch, step, branch, ...: where in the whole architecture a layer stands
MOST_WIDTH = 512
MOST_UNITS = 1024
NAMES_SHOWN = 5  # in a message
INPUT = 0  # the number of the input among the layers


@dataclass(frozen=True)
class Given:
    """What an architecture does not say: the pictures, the classes, and the first width."""

    pixels: int = 224
    classes: int = 1000
    channels: int = 3
    width: int = 16


# VGG16 has 138 million parameters, 15.5 thousand million multiply-adds and 15 million values.
LIMITS = Cost(200_000_000, 40_000_000_000, 100_000_000)


@dataclass(frozen=True)
class Layer:
    """One layer of a network: what it does, from which outputs, and what comes out."""

    does: Word | str  # a str: the joint
    inputs: tuple[int, ...]  # numbers of layers before it
    shape: Shape  # of its output
    cost: Cost
    path: Path  # dropout of the whole network has that of the layer after it


@dataclass(frozen=True)
class Network:
    """An architecture with its layers, in an order in which they can be built. The first one is the input."""

    architecture: Architecture  # whole: with every number of filters and units
    layers: tuple[Layer, ...]
    given: Given

    @property
    def cost(self) -> Cost:
        """The cost of all layers together."""
        return sum((layer.cost for layer in self.layers), Cost())


def network(architecture: Architecture, given: Given | None = None, limits: Cost = LIMITS) -> Network:
    """Work out the layers. Raises ArchitectureError where they do not fit each other, or cost more than the limits."""
    given = given or Given()
    return _Walk(architecture, given, limits).network()


@dataclass(frozen=True)
class _Place:
    """Where a walk stands: in words for messages, in numbers for the layer, and with which share of the width."""

    words: str = ""
    path: Path = ()
    share: float = 1.0

    def step(self, number: int, alone: bool) -> _Place:
        words = f"{self.words}, step {number}" if self.words else f"step {number}"
        words = self.words if alone and self.words else words
        return replace(self, words=words, path=(*self.path, number - 1))

    def branch(self, number: int, how: str, of: int) -> _Place:
        share = self.share / of if how == "DepthConcat" else self.share
        return _Place(f"{self.words}, branch {number}", (*self.path, number - 1), share)


@dataclass
class _Walk:
    """A walk through an architecture, from the input to SOFTMAX."""

    architecture: Architecture
    given: Given
    limits: Cost
    layers: list[Layer] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    total: Cost = field(default_factory=Cost)

    def network(self) -> Network:
        side = self.given.pixels
        self.layers.append(Layer("input", (), (side, side, self.given.channels), Cost(), ()))
        steps, _ = self._sequence(self.architecture.steps, INPUT, _Place())
        self._all_used()
        return Network(replace(self.architecture, steps=steps), tuple(self.layers), self.given)

    def _sequence(self, steps: Branch, at: int, place: _Place, halved: bool = False) -> tuple[Branch, int]:
        """Walk steps one after the other. `halved`: all but the last convolution get half of the width."""
        whole: list[Step] = []
        last = max((i for i, step in enumerate(steps) if isinstance(step, Convolution)), default=-1)
        for number, step in enumerate(steps, start=1):
            here = place.step(number, alone=len(steps) == 1)
            if halved and number - 1 < last:
                here = replace(here, share=here.share / 2)
            done, at = self._step(step, at, here)
            whole.append(done)
        return tuple(whole), at

    def _step(self, step: Step, at: int, place: _Place) -> tuple[Step, int]:
        if isinstance(step, Named):
            inner, out = self._unnamed(step.step, at, place)
            if step.name in self.names:
                raise ArchitectureError(
                    f'{place.words}: the name "{step.name}" is used twice; give one of them another'
                )
            self.names[step.name] = out
            return Named(step.name, inner), out
        return self._unnamed(step, at, place)

    def _unnamed(self, step: Word | Join, at: int, place: _Place) -> tuple[Word | Join, int]:
        if isinstance(step, Join):
            return self._join(step, at, place)
        if isinstance(step, Reference):
            if step.name not in self.names:
                raise ArchitectureError(
                    f'{place.words}: "{step}" names nothing before it; {self._named_before(step.name)}'
                )
            return step, self.names[step.name]
        if step == Plain("IDENTITY"):
            return step, at
        return self._layer(step, at, place)

    def _named_before(self, name: str) -> str:
        """Return what to write where a name is unknown."""
        like = suggestion(name, self.names)
        if like:
            return f"did you mean @{like}?"
        some = ", ".join(f"@{one}" for one in list(self.names)[:NAMES_SHOWN])
        return f"known there are {some}" if some else f'name a step before it, as in {{"name": "{name}", "op": "RELU"}}'

    def _join(self, join: Join, at: int, place: _Place) -> tuple[Join, int]:
        branches, outs = [], []
        for number, branch in enumerate(join.branches, start=1):
            inside = place.branch(number, join.how, len(join.branches))
            done, out = self._sequence(branch, at, inside, halved=join.how == "DepthConcat")
            branches.append(done)
            outs.append(out)
        shape = joined(join.how, [self.layers[out].shape for out in outs], place.words)
        return Join(tuple(branches), join.how), self._add(join.how, tuple(outs), shape, Cost(), place)

    def _layer(self, word: Word, at: int, place: _Place) -> tuple[Word, int]:
        before = self.layers[at].shape
        try:
            word = self._complete(word, before, place.share)
            shape, cost = applied(word, before, self.given.classes)
        except ArchitectureError as error:
            raise ArchitectureError(f"{place.words}, {word}: {error}") from None
        if self.architecture.dropout is not None and self._drops_before(word):
            at = self._add(Dropout(self.architecture.dropout), (at,), before, Cost(), place)
        return word, self._add(word, (at,), shape, cost, place)

    def _drops_before(self, word: Word) -> bool:
        """Return whether the dropout of the whole network comes before this word: an FC, without any FC SOFTMAX."""
        dense = any(isinstance(one, Dense) for one in words_of(self.architecture.steps))
        return isinstance(word, Dense) if dense else word == Plain("SOFTMAX")

    def _complete(self, word: Word, before: Shape, share: float) -> Word:
        """Fill in what the text leaves open."""
        if (
            isinstance(word, Convolution)
            and word.filters is None
            and word.kind != "DEPTHWISE_CONV"
            and len(before) == 3
        ):
            halvings = max(0, round(math.log2(self.given.pixels / min(before[:2]))))
            width = int(min(MOST_WIDTH, self.given.width * 2**halvings) * share)
            return replace(word, filters=max(4, width // 4 * 4))
        if isinstance(word, Dense) and word.units is None:
            return replace(word, units=min(MOST_UNITS, math.prod(before)))
        return word

    def _add(self, does: Word | str, inputs: tuple[int, ...], shape: Shape, cost: Cost, place: _Place) -> int:
        cost = replace(cost, values=math.prod(shape))
        self.total += cost
        for what in ("parameters", "multiply_adds", "values"):
            if getattr(self.total, what) > getattr(self.limits, what):
                named, most = what.replace("_", "-"), getattr(self.limits, what)
                raise ArchitectureError(
                    f"{place.words}: the network has more than {most:,} {named} there; "
                    "take fewer filters or units, or smaller maps"
                )
        self.layers.append(Layer(does, inputs, shape, cost, place.path))
        return len(self.layers) - 1

    def _all_used(self) -> None:
        used = {number for layer in self.layers for number in layer.inputs}
        for number, layer in enumerate(self.layers[:-1]):
            if number not in used:
                name = next((f' ("{name}")' for name, at in self.names.items() if at == number), "")
                what = "the picture" if number == INPUT else f"the output of {layer.does}{name}"
                where = f"step {layer.path[0] + 1}: " if layer.path else ""
                raise ArchitectureError(f"{where}{what} is used by no other layer; leave it out, or use it")
