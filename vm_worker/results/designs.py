"""What the search for a network has tried: a row for each network, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vm_worker.as_json import AsJson, only_if_known
from vm_worker.results.scores import ACCURACY

RANDOM = "random"  # who suggested a network: this, or the name of a designer
DESIGNED, PRETRAINED = "designed", "pretrained"  # kinds of contenders


@dataclass(frozen=True)
class NetworkPlan(AsJson):
    """A network as text, and the side in pixels of its pictures."""

    architecture: str
    side: int


@dataclass(frozen=True)
class RungScore(AsJson):
    """The validation score of a network after so many epochs."""

    epochs: int
    score: float


@dataclass(frozen=True)
class NetworkRow(AsJson):
    """A network that was tried."""

    number: int  # from 1, in the order of trying
    by: str  # RANDOM, or the name of the designer
    architecture: str
    scores: tuple[RungScore, ...]  # fewest epochs first; empty: its training failed
    state: str  # tried | given_up | failed
    note: str = ""
    seconds: float = 0.0  # of all its trainings
    epoch_seconds: float | None = None  # measured
    again: tuple[float, ...] = ()  # its scores on other photos, where it was judged again
    undecided: float | None = only_if_known()  # of the designer when it asked, 0..1: epsilon, or entropy

    @property
    def score(self) -> float | None:
        """The score after the longest of its trainings; None: it has none."""
        return self.scores[-1].score if self.scores else None

    @property
    def judged(self) -> float | None:
        """The mean score on other photos where it was judged again, else the score."""
        return sum(self.again) / len(self.again) if self.again else self.score


@dataclass(frozen=True)
class Comparison(AsJson):
    """The best network of the designer beside the best one drawn at random, judged again on the same photos."""

    designed: int  # numbers of their rows
    random: int
    photos: int  # that both were judged on
    p: float  # of their difference, by McNemar's test
    verdict: str  # better | worse | same


@dataclass(frozen=True)
class ContenderRow(AsJson):
    """The best designed or the best pretrained network of a selection, which answers the test photos after it."""

    kind: str  # DESIGNED | PRETRAINED
    name: str  # its key
    title: str
    images_per_second: float  # through it by Keras
    plan: NetworkPlan | None = only_if_known()  # of a designed network


@dataclass(frozen=True)
class ContendersTested(AsJson):
    """The best designed network beside the best pretrained one, on the same test photos, after the choice."""

    photos: int
    designed: int  # number that it got right
    pretrained: int
    title: str  # of the pretrained network
    delivered: str  # DESIGNED | PRETRAINED; empty: neither of them is
    p: float  # of their difference, by McNemar's test


@dataclass(frozen=True)
class Designed(AsJson):
    """The search for a network."""

    designer: str
    space: str
    side: int  # pixels
    networks: tuple[NetworkRow, ...]
    best: int | None  # the number of the network that was trained on; None: there is none
    seconds: float
    outcome: str  # the reason why the search ended
    rungs: tuple[int, ...]  # epochs after which networks are compared
    chance: float  # the score of guessing
    metric: str = ACCURACY
    comparison: Comparison | None = only_if_known()  # None: one kind of networks has none that was judged again
    values: Mapping[str, Mapping[str, float]] | None = (
        only_if_known()
    )  # Q-learning: by place, what each choice is worth
