"""Q-learning of a sequence of choices, as in MetaQNN (Baker, Gupta, Naik, Raskar, ICLR 2017, arXiv 1611.02167).

The state is the choice made last and its place; an action is the next choice. After each trial K earlier trials are
drawn from memory with replacement and replayed, each from its last choice to its first (algorithms 1 and 3):

    Q(s, a) <- (1 - alpha) Q(s, a) + alpha (r + max Q(s', .))

Choices are epsilon-greedy, with epsilon by a schedule over the trials that are planned. `PUBLISHED` has the paper's
settings: the reward comes after the last choice only, alpha is 0.01, and 1,500 of 2,700 trials are random. With tens
of trials that learns next to nothing: what an early choice is taught passes through all choices after it. By default
each of T choices is paid r / T at once, as BlockQNN shapes rewards (Zhong et al., CVPR 2018, arXiv 1708.05552).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.search.places import Places, Row
from vm_worker.search.searcher import Leanings, Outcome, checked
from vm_worker.search.space import Point, Space

Schedule = tuple[tuple[float, float], ...]  # epsilon, and for which share of the trials


@dataclass(frozen=True)
class Learning:
    """The settings of Q-learning."""

    alpha: float = 0.1  # learning rate
    replays: int = 100  # K, trials replayed after each
    shared: bool = True  # each choice is paid its share; False: the last one is paid all
    first: float = 0.1  # Q before anything is known
    schedule: Schedule = (
        (1.0, 0.2),
        (0.8, 0.1),
        (0.6, 0.1),
        (0.5, 0.1),
        (0.4, 0.1),
        (0.3, 0.1),
        (0.2, 0.1),
        (0.1, 0.2),
    )

    def epsilon(self, share: float) -> float:
        """Return the chance of a random choice when this share of the planned trials is over."""
        for epsilon, part in self.schedule:
            share -= part
            if share < -1e-9:
                return epsilon
        return self.schedule[-1][0]


# Table 2: epsilon 1.0 for 1,500 networks, 0.9 to 0.7 for 100 each, 0.6 to 0.1 for 150 each.
_TABLE = ((1.0, 1500), (0.9, 100), (0.8, 100), (0.7, 100), *((tenth / 10, 150) for tenth in range(6, 0, -1)))
PUBLISHED = Learning(
    alpha=0.01,
    shared=False,
    first=0.5,
    schedule=tuple((epsilon, networks / sum(many for _, many in _TABLE)) for epsilon, networks in _TABLE),
)


class QTable:
    """The values Q of every choice after every choice, and the memory that they are learnt from."""

    def __init__(self, sizes: Sequence[int], learning: Learning, random: np.random.Generator) -> None:
        """Begin with equal values. `sizes` has the number of choices at each place."""
        self._sizes, self._learning, self._random = list(sizes), learning, random
        self._memory: list[tuple[Row, Sequence[float]]] = []
        states = [1, *self._sizes[:-1]]  # at each place: what was chosen before
        self.values = [
            [[learning.first] * size for _ in range(count)] for count, size in zip(states, self._sizes, strict=True)
        ]

    def draw(self, epsilon: float) -> Row:
        """Choose for each place: at random with this chance, else what has the highest value, ties at random."""
        row: list[int] = []
        for place, size in enumerate(self._sizes):
            values = self.values[place][row[-1] if row else 0]
            best = [number for number in range(size) if values[number] == max(values)]
            among = range(size) if self._random.random() < epsilon else best
            row.append(among[int(self._random.integers(len(among)))])
        return tuple(row)

    def remember(self, row: Row, pays: Sequence[float]) -> None:
        """Keep what each choice of a row was paid."""
        self._memory.append((row, pays))

    def replay(self) -> None:
        """Learn from K rows of the memory, drawn with replacement."""
        if self._memory:
            for number in self._random.integers(len(self._memory), size=self._learning.replays):
                self._learn(*self._memory[int(number)])

    def _learn(self, row: Row, pays: Sequence[float]) -> None:
        later = 0.0
        for place in range(len(row) - 1, -1, -1):
            values, chosen = self.values[place][row[place - 1] if place else 0], row[place]
            values[chosen] += self._learning.alpha * (pays[place] + later - values[chosen])
            later = max(values)


class QLearningSearcher:
    """A searcher by Q-learning. It suggests one point at a time, none twice."""

    def __init__(self, space: Space, seed: int, planned: int = 100, learning: Learning | None = None) -> None:
        """Begin a search. `planned` is the number of trials that epsilon falls over. Raises ValueError for ranges."""
        self._places = Places(space)
        self._planned = max(1, planned)
        self._learning = learning or Learning()
        self._random = np.random.default_rng(seed)
        self.table = QTable(self._places.sizes, self._learning, self._random)
        self._known: dict[Row, float | None] = {}  # reward; None: not tried
        self._asked: Row | None = None

    @property
    def epsilon(self) -> float:
        """The chance of a random choice in the next suggestion."""
        return self._learning.epsilon(len(self._known) / self._planned)

    @property
    def undecided(self) -> float | None:
        """The chance of a random choice."""
        return self.epsilon

    def leanings(self) -> Leanings:
        """Return what each choice is worth: the mean of its values over the choices before it."""
        return self._places.named([np.mean(place, axis=0) for place in self.table.values])

    def inform(self, point: Point, outcome: Outcome) -> None:
        """Keep a point that somebody else suggested in memory, to be replayed."""
        row = self._places.row(point)
        self._known[row] = None if outcome.error is None else 1 - outcome.error
        self._remember(row)

    def ask(self) -> list[Point]:
        """Suggest a point. Points that are known enter the memory once more, and another is drawn."""
        epsilon = self.epsilon
        self._asked = self._places.new(self._known, lambda: self._drawn(epsilon))
        if self._asked is None:
            self._asked = self._places.new(self._known, lambda: self._places.draw(self._random))
        return [] if self._asked is None else [self._places.point(self._asked)]

    def _drawn(self, epsilon: float) -> Row:
        row = self.table.draw(epsilon)
        self._remember(row)
        return row

    def _remember(self, row: Row) -> None:
        reward, count = self._known.get(row), len(row)
        if reward is not None:
            last = [0.0] * (count - 1) + [reward]
            self.table.remember(row, [reward / count] * count if self._learning.shared else last)

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Learn from the outcome. Raises ValueError for a wrong number of outcomes."""
        checked(0 if self._asked is None else 1, outcomes)
        if self._asked is not None:
            self.inform(self._places.point(self._asked), outcomes[0])
            self.table.replay()
        self._asked = None

    @property
    def outcome(self) -> str:
        """The state of the search, as a sentence."""
        return f"{len(self._known)} points were tried by Q-learning; the search was still going on"
