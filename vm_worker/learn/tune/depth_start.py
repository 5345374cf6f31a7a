"""Where trials start from where the selected head is one of all depths: its own rows for the last features.

The logits of its other rows are constants for each photo and view, as their columns come from the frozen network. They
are added to the trained ones. What is delivered is a mean with the selected head, which stays as it is: it is better
than the trained network alone (docs/figures.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import keras
import numpy as np

from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.heads.halves import Halves, halved
from vm_worker.learn.heads.linear import Head, softmax
from vm_worker.learn.judge import scores
from vm_worker.learn.networks import depth
from vm_worker.learn.networks.catalogue import POOL

UNSEEN, SELECTED = 0, 1  # numbers of the heads: trained on the training photos alone, and with the validation photos
TINY = 1e-30  # least probability, whose logarithm is finite


class DepthStart:
    """Both heads of all depths, and the columns that they use."""

    def __init__(self, network: keras.Model, unseen: Head, selected: Head, features: int) -> None:
        """`network` has the last features, so many, in its layer POOL."""
        self.heads = unseen, selected
        self.halves: tuple[Halves, Halves] = halved(unseen, features), halved(selected, features)
        extractor = keras.Model(network.input, network.get_layer(POOL).output)
        last, *others = depth.depths(extractor)
        used = np.union1d(*(half.columns for half in self.halves))
        kept = [last, *(one for one in others if one.holds_any(used))]
        self.columns: keras.Model = depth.deepened(
            extractor, kept
        )  # pixels -> (None, columns), the last features first
        places = np.concatenate([np.arange(one.start, one.stop) for one in kept])
        self._placed = [replace(half.others, columns=np.searchsorted(places, half.columns)) for half in self.halves]

    def offsets(self, columns: Floats) -> Floats:
        """Return what each head says of the other depths: columns (m, d) of `self.columns` -> logits (m, 2, k)."""
        return np.stack([head.logits(columns) for head in self._placed], axis=1)


@dataclass(frozen=True)
class Beside:
    """What a trial's logits are added to, and how it is judged: as the mean that would be delivered."""

    head: int  # UNSEEN or SELECTED: whose logits of other depths are added
    share: float = 1.0  # of the difference between trained and selected logits, in the judged mean
    rest: Floats | None = None  # (m, k): the other summand of the judged mean's logits; None: nothing is judged

    def probabilities(self, trained: Floats) -> Floats:
        """Return the mean's probabilities (m, k) of the judged rows, by those of the trained network."""
        if self.rest is None:
            return trained
        return softmax(self.rest + self.share * np.log(np.maximum(trained, TINY)))


def rest(bar: Floats, own: Floats, share: float) -> Floats:
    """Return the part of the judged mean's logits that no trial changes, (m, k).

    `bar` (m, k) are the probabilities of what is selected, perhaps of a pair, and `own` (m, k) the logits of the head
    of all depths in it, whose share this is.
    """
    return np.asarray(np.log(np.maximum(bar, TINY)) - share * own, np.float32)


def surely_better(one: Floats, other: Floats, labels: Rows, balanced: bool) -> bool:
    """Return whether the first probabilities (m, k) are better by more than a standard error of the photos' errors.

    The errors are squared ones of calibrated probabilities, by which trials are compared, too (`scores.Score`).
    """
    mine, theirs = (scores.squared_errors(found, labels) for found in (one, other))
    gained = imbalance.weights(labels, balanced) * (theirs - mine)
    return bool(gained.mean() > gained.std() / np.sqrt(len(gained)))
