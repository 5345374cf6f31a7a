"""Pairs: the mean of two candidates' heads as one more candidate, for jobs in which only the accuracy counts.

It is scored from the logits that validation has kept, so to try all pairs with the winner costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.learn import imbalance, statistics
from vm_worker.learn.arrays import Flags, Floats, Rows
from vm_worker.learn.heads import head_validation
from vm_worker.learn.heads.linear import Head, HeadSettings, softmax
from vm_worker.learn.select.ranking import TIE, Candidate
from vm_worker.learn.select.selection_table import CandidateRecord

SECONDS = 15.0  # for the second head, and for building, tracing and proving a second network


@dataclass(frozen=True)
class PairFigures:
    """The validation figures of the mean of two candidates' heads."""

    partner: Candidate  # the winner's
    logits: Floats  # (n, k) by heads that had not seen the row; 0 where it was not judged
    right: Flags  # (n,)
    judged: Flags  # (n,)
    loss: float  # as `HeadResult.loss`
    score: float  # as `HeadResult.score`

    @property
    def probabilities(self) -> Floats:
        """(m, k) of the judged rows."""
        return softmax(self.logits[self.judged])

    @property
    def accuracy(self) -> float:
        """The share of the judged rows that are right, 0..1."""
        return float(self.right[self.judged].mean())

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the score."""
        low, high = imbalance.interval(self.right[self.judged], self.labels, self.partner.result.balanced)
        return round(low, 5), round(high, 5)

    @property
    def labels(self) -> Rows:
        """(m,) of the judged rows."""
        return self.partner.result.labels[self.judged]


def best(
    winner: Candidate, candidates: Sequence[Candidate], affordable: Callable[[Candidate], bool]
) -> PairFigures | None:
    """Return the pair of the winner with the candidate that lowers the cross-entropy most; None where none is taken.

    A pair is taken where its cross-entropy is lower than the winner's, and McNemar's test does not find that it is
    right less often. Both must have been judged on the same photos, all of them. Where the winner alone is right on all
    of these, a pair takes twice the time and size for nothing that can be seen.
    """
    if winner.result.right[winner.result.judged].all():
        return None
    partners = [one for one in candidates if one is not winner and _matches(one, winner) and affordable(one)]
    pairs = [_figures(winner, partner) for partner in partners]
    good = [pair for pair in pairs if pair.loss < winner.result.loss and not _is_worse(pair, winner)]
    return min(good, key=lambda pair: pair.loss, default=None)


@dataclass(frozen=True)
class Pair:
    """A pair that was taken: what its delivery needs besides the winner's own head."""

    partner: str  # the other network's key
    head: Head  # the other network's, trained on train+validation
    figures: PairFigures
    bar: Floats  # (m, k): probabilities of the validation photos by such a pair that had not seen them
    plain: float  # images a second through both by Keras


def trained(
    winner: CandidateRecord, partner: CandidateRecord, figures: PairFigures, settings: HeadSettings, own: Floats
) -> Pair:
    """Train the partner's head on all photos, and judge the pair on the validation photos.

    `own` (m, k) are the logits of these by a head of the winner's that had not seen them.
    """
    other = partner.candidate.features, settings, partner.candidate.result
    return Pair(
        partner=partner.candidate.backbone.key,
        head=head_validation.refit(*other),
        figures=figures,
        bar=softmax(np.mean([own, head_validation.unseen(*other)], axis=0, dtype=np.float32)),
        plain=together(winner.plain, partner.plain),
    )


def together(one: float, other: float) -> float:
    """Return the images a second that go through two networks one after the other."""
    return 1 / (1 / max(one, 1e-6) + 1 / max(other, 1e-6))


def _matches(one: Candidate, winner: Candidate) -> bool:
    found, expected = one.result, winner.result
    if found.logits is None or expected.logits is None or one.partial or winner.partial:
        return False
    return np.array_equal(found.judged, expected.judged)


def _figures(winner: Candidate, partner: Candidate) -> PairFigures:
    known = [one.result.logits for one in (winner, partner) if one.result.logits is not None]
    logits = np.asarray(np.mean(known, axis=0), np.float32)
    result = winner.result
    labels, judged = result.labels[result.judged], result.judged
    losses = statistics.cross_entropy(softmax(logits[judged]), labels)
    loss = float(np.average(losses, weights=imbalance.weights(labels, result.balanced)))
    right = judged & (logits.argmax(1) == result.labels)
    score = imbalance.score(right[judged], labels, result.balanced)
    return PairFigures(partner, logits, right, judged, loss, score)


def _is_worse(pair: PairFigures, winner: Candidate) -> bool:
    result = winner.result
    rights, labels = (pair.right[pair.judged], result.right[pair.judged]), result.labels[pair.judged]
    p = imbalance.difference(*rights, labels, result.balanced)
    return pair.score < result.score and p <= TIE
