"""The networks of an earlier model of the user as candidates, and what a selection found about them.

They are judged on photos alone that neither the earlier model nor an ancestor of it has learnt from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.learn import imbalance, statistics
from vm_worker.learn.arrays import Flags, Floats
from vm_worker.learn.heads.linear import Head, softmax
from vm_worker.learn.networks import catalogue
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.learn.select.pairs import Pair
from vm_worker.learn.select.ranking import Candidate, ranked
from vm_worker.results.candidates import Continued, ContinuedRow

TRIED_BEFORE = "left out: your earlier model's networks were chosen from all on photos of the same classes"
NO_NEED = "left out: your earlier model does surely better than the same network from ImageNet"


@dataclass(frozen=True, eq=False)
class EarlierNetworks:
    """An earlier model: one network, or two of a pair, the better one first."""

    keys: tuple[str, ...]  # of their rows; they begin with `catalogue.BASE`
    weights: Mapping[str, WeightFile]  # of a tuned one by its key; a network that was not tuned has the catalogue's
    heads: Mapping[str, Head]  # by key; empty: its classes are others than those of the photos
    unseen: Flags  # (n,) for each photo of the dataset: whether the networks may be judged on it
    tuned: bool  # whether the network has weights of its own; false: it is the catalogue's

    @property
    def references(self) -> tuple[str, ...]:
        """The keys of the same networks as ImageNet left them, which tuned ones are compared with."""
        return tuple(map(catalogue.plain, self.keys)) if self.tuned else ()

    def unneeded(self, candidates: Sequence[Candidate]) -> str:
        """Return why no other network need be tried; empty: they must be."""
        own = [one for one in candidates if one.backbone.key in self.keys]
        if len(own) < len(self.keys):
            return ""
        if not self.tuned:
            return TRIED_BEFORE if self.heads else ""
        others = [one for one in candidates if one.backbone.key in self.references]
        return NO_NEED if others and all(_surely_better(own[0], other) for other in others) else ""


def is_earlier(candidate: Candidate) -> bool:
    """Return whether the network is of an earlier model."""
    return candidate.backbone.key.startswith(catalogue.BASE)


def compared(candidates: Sequence[Candidate], winner: Candidate, pair: Pair | None, tuned: bool) -> Continued | None:
    """Return the figures of all ways on the same photos: from the earlier model, from ImageNet, from nothing.

    `tuned` tells whether the earlier model's network has weights of its own. There is no row from ImageNet where no
    such network was judged on the same photos. None where no network of an earlier model was judged.
    """
    own = ranked([one for one in candidates if is_earlier(one)]) if any(map(is_earlier, candidates)) else []
    if not own:
        return None
    best, paired = own[0], [one for one in own if pair and one.backbone.key in (winner.backbone.key, pair.partner)]
    members = paired if len(paired) > 1 else [best]
    photos = best.result.judged
    ways: list[tuple[str, Candidate, Flags, float | None]] = []
    right = pair.figures.right if pair is not None and len(paired) > 1 else best.result.right
    ways.append(("earlier", best, right, round(sum(one.seconds for one in members), 2)))
    if (untouched := _right([one.result.untouched for one in members], best)) is not None:
        ways.append(("untouched", best, untouched, None))
    others = [one for one in candidates if not is_earlier(one) and len(one.result.right) == len(photos)]
    for way, found in (
        ("imagenet", [one for one in others if one.result.parts]),
        ("scratch", [one for one in others if not one.result.parts]),  # it has no head of its own
    ):
        if found:
            other = ranked(found)[0]
            ways.append((way, other, other.result.right, round(other.seconds, 2)))
            photos = photos & other.result.judged
    if not tuned and "imagenet" not in [way for way, *_ in ways]:
        # The networks are ImageNet's: a new head on them is the comparison.
        anew = _right([one.result.anew for one in members], best)
        if anew is not None:
            ways.append(("imagenet", best, anew, None))
    return _continued(ways, photos, best, is_earlier(winner))


def _continued(
    ways: Sequence[tuple[str, Candidate, Flags, float | None]], photos: Flags, best: Candidate, helped: bool
) -> Continued:
    labels, balanced = best.result.labels[photos], best.result.balanced
    rows = tuple(
        ContinuedRow(
            way=way,
            title=catalogue.find(catalogue.plain(one.backbone.key)).title if is_earlier(one) else one.backbone.title,
            score=round(imbalance.score(right[photos], labels, balanced), 5),
            interval=imbalance.interval(right[photos], labels, balanced),
            seconds=seconds,
        )
        for way, one, right, seconds in ways
    )
    imagenet = next((right for way, _, right, _ in ways if way == "imagenet"), None)
    p = None if imagenet is None else imbalance.difference(ways[0][2][photos], imagenet[photos], labels, balanced)
    return Continued(int(photos.sum()), imbalance.metric(balanced), rows, p, helped)


def _right(logits: Sequence[Floats | None], best: Candidate) -> Flags | None:
    """Return (n,) which photos the mean of these logits (n, k) gets right; None where some are missing."""
    known = [one for one in logits if one is not None]
    if len(known) < len(logits):
        return None
    right: Flags = np.mean(known, axis=0).argmax(1) == best.result.labels
    return right & best.result.judged


def _surely_better(one: Candidate, other: Candidate) -> bool:
    """Return whether the first's cross-entropy is lower by more than a standard error, on photos that judged both."""
    mine, theirs = one.result, other.result
    if mine.logits is None or theirs.logits is None or len(mine.judged) != len(theirs.judged):
        return False
    both = mine.judged & theirs.judged
    if not both.any() or mine.score_on(both) < theirs.score_on(both):
        return False
    before, after = (softmax(logits[both]) for logits in (theirs.logits, mine.logits))
    labels = mine.labels[both]
    gained = statistics.cross_entropy(before, labels) - statistics.cross_entropy(after, labels)
    return bool(gained.mean() > gained.std() / np.sqrt(len(gained)))
