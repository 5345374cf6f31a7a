"""A small recurrent network (LSTM) that chooses a value for each place, with its gradients, in NumPy.

LSTM: Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000). n sequences are drawn at a time.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Shape:
    """The network's size, and how its answers become chances."""

    units: int = 32
    spread: float = 0.1  # weights begin between -spread and spread
    bound: float = 2.5  # logits are bound * tanh(...)
    place_bias: bool = True  # a bias for each place, beside the weights that all places share


@dataclass(frozen=True)
class Step:
    """What the choice for one place remembers for its gradient."""

    token: Numbers  # (n,), of what was chosen before
    hidden: Floats  # (n, units), before the step
    cell: Floats  # (n, units), before the step
    gates: Floats  # (4, n, units): in, forget, out, and the candidate
    squashed: Floats  # (n, units), tanh of the new cell
    output: Floats  # (n, units), the new hidden state
    bent: Floats  # (n, values), tanh of the raw logits
    chances: Floats  # (n, values)
    choice: Numbers  # (n,)

    @property
    def entropy(self) -> Floats:
        """The entropy of the chances in nats, (n,)."""
        entropy: Floats = -(self.chances * np.log(self.chances)).sum(1)
        return entropy


class ChoiceNetwork:
    """An LSTM that is fed with its last choice. All weights lie in one vector, `weights`."""

    def __init__(self, sizes: Sequence[int], shape: Shape, random: np.random.Generator) -> None:
        """Begin with random weights. `sizes` has the number of values of each place."""
        self._sizes, self._shape = list(sizes), shape
        self._first_token = np.cumsum([1, *sizes])  # token 0: nothing was chosen yet
        units, most = shape.units, max(sizes)
        forms = {
            "bias": (len(sizes), most),
            "gate_bias": (4, 1, units),
            "embedding": (sum(sizes) + 1, units),
            "gates": (4, 2 * units, units),
            "out": (units, most),
        }
        counts = [int(np.prod(form)) for form in forms.values()]
        starts = [int(start) for start in np.cumsum([0, *counts])]
        self._slices = {
            name: (slice(*ends), form)
            for (name, form), ends in zip(forms.items(), itertools.pairwise(starts), strict=True)
        }
        self.weights: Floats = random.uniform(-shape.spread, shape.spread, starts[-1])
        self.weights[: starts[2]] = 0  # both biases
        self._views = {name: self.weights[part].reshape(form) for name, (part, form) in self._slices.items()}

    def draw(self, random: np.random.Generator, count: int) -> list[Step]:
        """Choose a value for each place, one after the other, for `count` sequences."""
        luck = random.random((len(self._sizes), count, 1))
        return self._run(count, lambda place, chances: (chances.cumsum(1)[:, :-1] < luck[place]).sum(1))

    def follow(self, row: Sequence[int]) -> list[Step]:
        """Return the steps of one sequence of given choices."""
        return self._run(1, lambda place, chances: np.array([row[place]]))

    def _run(self, count: int, choose: Callable[[int, Floats], Numbers]) -> list[Step]:
        hidden = cell = np.zeros((count, self._shape.units))
        token: Numbers = np.zeros(count, np.int64)
        steps: list[Step] = []
        for place in range(len(self._sizes)):
            step = self._step(place, token, hidden, cell, choose)
            steps.append(step)
            hidden, cell = step.output, step.gates[1] * cell + step.gates[0] * step.gates[3]
            token = self._first_token[place] + step.choice
        return steps

    def _step(
        self, place: int, token: Numbers, hidden: Floats, cell: Floats, choose: Callable[[int, Floats], Numbers]
    ) -> Step:
        views = self._views
        gates = self._inputs(token, hidden) @ views["gates"] + views["gate_bias"]
        gates[:3] = 1 / (1 + np.exp(-gates[:3]))
        gates[3] = np.tanh(gates[3])
        squashed = np.tanh(gates[1] * cell + gates[0] * gates[3])
        output = gates[2] * squashed
        size = self._sizes[place]
        raw = output @ views["out"][:, :size]
        bent = np.tanh(raw + views["bias"][place, :size] if self._shape.place_bias else raw)
        chances = np.exp(self._shape.bound * bent)
        chances /= chances.sum(1, keepdims=True)
        return Step(token, hidden, cell, gates, squashed, output, bent, chances, choose(place, chances))

    def _inputs(self, token: Numbers, hidden: Floats) -> Floats:
        return np.concatenate([self._views["embedding"][token], hidden], 1)

    def gradients(self, steps: Sequence[Step]) -> Floats:
        """Return the gradient of log P(choices) for every weight, (n, weights), one row a sequence."""
        count = len(steps[0].choice)
        whole = np.zeros((count, len(self.weights)))
        found = {name: whole[:, part].reshape(count, *form) for name, (part, form) in self._slices.items()}
        each = np.arange(count)
        back = back_cell = np.zeros((count, self._shape.units))
        slopes = np.empty((len(steps), count, *self._slices["gate_bias"][1][::2]))  # (places, n, 4, units)
        for place in range(len(steps) - 1, -1, -1):
            step = steps[place]
            raw = -step.chances
            raw[each, step.choice] += 1
            raw = raw * self._shape.bound * (1 - step.bent**2)
            found["out"][:, :, : raw.shape[1]] += step.output[:, :, None] * raw[:, None]
            if self._shape.place_bias:
                found["bias"][:, place, : raw.shape[1]] += raw
            back = back + raw @ self._views["out"][:, : raw.shape[1]].T
            slopes[place], back_cell = _gates_back(step, back, back_cell)
            inputs = np.einsum("giu,ngu->ni", self._views["gates"], slopes[place])
            found["embedding"][each, step.token] += inputs[:, : self._shape.units]
            back = inputs[:, self._shape.units :]
        given = np.stack([self._inputs(step.token, step.hidden) for step in steps])
        found["gates"] += np.einsum("pni,pngu->ngiu", given, slopes, optimize=True)
        found["gate_bias"] += slopes.sum(0)[:, :, None]
        return whole


def _gates_back(step: Step, back: Floats, back_cell: Floats) -> tuple[Floats, Floats]:
    """Return the gradients of what enters a step's gates, (n, 4, units), and of the cell before the step."""
    enter, forget, leave, candidate = step.gates
    back_cell = back_cell + back * leave * (1 - step.squashed**2)
    slopes = (
        back_cell * candidate * enter * (1 - enter),
        back_cell * step.cell * forget * (1 - forget),
        back * step.squashed * leave * (1 - leave),
        back_cell * enter * (1 - candidate**2),
    )
    return np.stack(slopes, 1), back_cell * forget


def first(steps: Sequence[Step], count: int) -> list[Step]:
    """Return the steps of the first `count` sequences alone."""
    return [
        Step(
            one.token[:count],
            one.hidden[:count],
            one.cell[:count],
            one.gates[:, :count],
            one.squashed[:count],
            one.output[:count],
            one.bent[:count],
            one.chances[:count],
            one.choice[:count],
        )
        for one in steps
    ]
