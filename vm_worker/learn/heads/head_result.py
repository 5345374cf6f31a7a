"""What the validation of a network's heads found."""

from __future__ import annotations

from dataclasses import dataclass

from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Flags, Floats, Rows
from vm_worker.learn.heads.forms import Parts
from vm_worker.learn.heads.linear import History


@dataclass(frozen=True)
class HeadResult:
    """The validation figures of a network: its heads judged on rows that they had not seen."""

    right: Flags  # (n,) for each row of the table; False where it was not judged
    judged: Flags  # (n,)
    labels: Rows  # (n,)
    loss: float  # cross-entropy in nats, mean of the judged rows; every class counts alike if balanced
    strength: float  # the L2 strength that was best for a head on the last features alone
    epochs: int  # after which this strength was best
    history: History  # of the chosen form: (epochs,), mean of the folds
    balanced: bool = False  # whether the score is the balanced accuracy
    weighed: bool = False  # whether photos of small classes counted more in the training
    parts: Parts = ()  # of the chosen form; empty: a network from scratch, which has no head of its own
    logits: Floats | None = None  # (n, k) by heads that had not seen the row; 0 where it was not judged
    # Where there is an earlier model's head: the logits of that head as it was, and those of new ones.
    untouched: Floats | None = None
    anew: Floats | None = None
    views: int = 0  # random views of each photo that it learns from besides

    @property
    def correct(self) -> int:
        """The number of rows judged right."""
        return int(self.right.sum())

    @property
    def total(self) -> int:
        """The number of rows judged."""
        return int(self.judged.sum())

    @property
    def accuracy(self) -> float:
        """The share of the judged rows that are right, 0..1."""
        return self.correct / self.total

    @property
    def score(self) -> float:
        """The accuracy, or the balanced accuracy, on the judged rows, 0..1."""
        return self.score_on(self.judged)

    def score_on(self, rows: Flags) -> float:
        """Return the score on these of the judged rows, (n,) bool."""
        return imbalance.score(self.right[rows], self.labels[rows], self.balanced)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the score."""
        return imbalance.interval(self.right[self.judged], self.labels[self.judged], self.balanced)
