"""An RNN controller trained by policy gradient: NAS (Zoph and Le, ICLR 2017) and ENAS (Pham et al., ICML 2018).

An LSTM chooses a value for each place, fed with its last choice. After each trial its weights move along
(r - b) * gradient of log P(choices), REINFORCE with one sample, by Adam. `PUBLISHED` has the flags of ENAS's code
(arXiv 1802.03268): the baseline b begins at 0 and moves slowly, so at first every reward counts as good. By default b
begins at the first reward, the advantage is divided by the root of its running mean square, and each place has a bias.
Points that are known are not tried again: their reward teaches again, and another is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vm_worker.search.lstm import ChoiceNetwork, Floats, Shape, Step, first
from vm_worker.search.places import Places, Row
from vm_worker.search.searcher import Leanings, Outcome, checked
from vm_worker.search.space import Point, Space


@dataclass(frozen=True)
class Teaching:
    """The settings of the controller."""

    shape: Shape = field(default_factory=Shape)
    rate: float = 0.01  # of Adam
    decay: float = 0.9  # of the baseline, and of the mean square of the advantage
    from_first: bool = True  # the baseline begins at the first reward; False: at 0
    standardised: bool = True
    entropy: float = 1e-4  # weight of the entropy of the choices in the reward
    draws: int = 6  # at most, for one trial; those that are known teach again


PUBLISHED = Teaching(Shape(units=64, bound=1.1, place_bias=False), 0.0035, 0.99, from_first=False, standardised=False)


class ControllerSearcher:
    """A searcher by an RNN controller. It suggests one point at a time, none twice."""

    def __init__(self, space: Space, seed: int, teaching: Teaching | None = None) -> None:
        """Begin a search. Raises ValueError for a space with ranges."""
        self._places = Places(space)
        self._teaching = teaching or Teaching()
        self._random = np.random.default_rng(seed)
        self._network = ChoiceNetwork(self._places.sizes, self._teaching.shape, self._random)
        self._moments = np.zeros((2, len(self._network.weights)))
        self.updates = 0  # steps of Adam
        self._baseline: float | None = None if self._teaching.from_first else 0.0
        self._square: float | None = None
        self._known: dict[Row, float | None] = {}  # reward; None: not tried
        self._asked: Row | None = None

    @property
    def entropy(self) -> float:
        """How undecided the next choices are: the mean entropy of a choice over that of a guess, 0 to 1."""
        steps = self._network.draw(np.random.default_rng(0), 32)
        whole = sum(math.log(size) for size in self._places.sizes)
        return float(sum(step.entropy.mean() for step in steps)) / whole if whole else 0.0

    def policy(self, count: int, random: np.random.Generator) -> list[Point]:
        """Draw points as the controller would now, known ones too. Nothing changes."""
        return [self._places.point(row) for row in _rows(self._network.draw(random, count))]

    def ask(self) -> list[Point]:
        """Suggest a point. Points that are known teach again, and another is drawn."""
        drawn = self._network.draw(self._random, self._teaching.draws)
        rows = _rows(drawn)
        fresh = next((number for number, row in enumerate(rows) if row not in self._known), len(rows))
        if fresh:
            self._learn(first(drawn, fresh), [self._known[row] for row in rows[:fresh]])
        self._asked = rows[fresh] if fresh < len(rows) else self._places.near(rows[-1], self._known, self._random)
        return [] if self._asked is None else [self._places.point(self._asked)]

    @property
    def undecided(self) -> float | None:
        """How undecided the next choices are."""
        return self.entropy

    def leanings(self) -> Leanings:
        """Return how likely it would make each choice now, by drawing often."""
        drawn = self._network.draw(np.random.default_rng(0), 512)
        pairs = zip(drawn, self._places.sizes, strict=True)
        shares = [np.bincount(step.choice, minlength=size) / len(step.choice) for step, size in pairs]
        return self._places.named(shares)

    def inform(self, point: Point, outcome: Outcome) -> None:
        """Learn from a point that somebody else suggested, as if it had been drawn here."""
        self._learn_from(self._places.row(point), outcome)

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Learn from the outcome. Raises ValueError for a wrong number of outcomes."""
        checked(0 if self._asked is None else 1, outcomes)
        if self._asked is not None:
            self._learn_from(self._asked, outcomes[0])
        self._asked = None

    def _learn_from(self, row: Row, outcome: Outcome) -> None:
        reward = self._known[row] = None if outcome.error is None else 1 - outcome.error
        self._learn(self._network.follow(row), [reward])

    def _learn(self, steps: Sequence[Step], rewards: Sequence[float | None]) -> None:
        """Move the weights along the gradient of each sequence, by how much better than usual it was."""
        entropy = np.sum([step.entropy for step in steps], axis=0)
        for gradient, uncertain, reward in zip(self._network.gradients(steps), entropy, rewards, strict=True):
            if reward is not None:
                self._climb(self._advantage(reward + self._teaching.entropy * float(uncertain)) * gradient)

    def _advantage(self, reward: float) -> float:
        """Return how much better than usual a reward is, in the usual distance where that is set."""
        if self._baseline is None:
            self._baseline = reward
        advantage = reward - self._baseline
        self._baseline += (1 - self._teaching.decay) * advantage
        if not self._teaching.standardised:
            return advantage
        square = advantage**2
        before = square if self._square is None else self._square
        self._square = before + (1 - self._teaching.decay) * (square - before)
        return advantage / math.sqrt(max(self._square, 1e-16))

    def _climb(self, gradient: Floats) -> None:
        """Take a step of Adam (Kingma and Ba, ICLR 2015)."""
        self.updates += 1
        mean, square = self._moments
        mean += 0.1 * (gradient - mean)
        square += 0.001 * (gradient**2 - square)
        scaled = mean / (1 - 0.9**self.updates) / (np.sqrt(square / (1 - 0.999**self.updates)) + 1e-8)
        self._network.weights += self._teaching.rate * scaled

    @property
    def outcome(self) -> str:
        """The state of the search, as a sentence."""
        return f"{len(self._known)} points were tried by the controller; the search was still going on"


def _rows(steps: Sequence[Step]) -> list[Row]:
    return [tuple(int(one) for one in row) for row in zip(*(step.choice for step in steps), strict=True)]
