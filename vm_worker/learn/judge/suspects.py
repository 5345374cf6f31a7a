"""Suspects: photos that are probably in the wrong folder, by the probabilities of heads not trained on them.

Northcutt, Jiang and Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset Labels", section 3:
a photo may belong to another class when its probability for that class reaches the mean of the class's own photos.
Of these, the photos with the largest normalised margin are returned (the ranking of the same paper).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.results.candidates import SuspectRow

LEAST_MARGIN = 0.7  # of the other class's probability above the label's: heads err on hard photos too


@dataclass(frozen=True)
class Suspect:
    """A photo that may be in the wrong folder."""

    row: int  # position in the probabilities
    label: int  # its folder
    predicted: int  # the class that it may belong to
    probability: float  # of the predicted class


def suspects(probabilities: Floats, labels: Rows) -> list[Suspect]:
    """Return the suspects among photos with out-of-fold probabilities (n, k) and labels (n,), largest margin first."""
    classes = probabilities.shape[1]
    rows = np.arange(len(labels))
    own = probabilities[rows, labels]
    typical = np.array([own[labels == one].mean() if (labels == one).any() else 2.0 for one in range(classes)])
    others = np.where(probabilities >= typical, probabilities, -1.0)
    others[rows, labels] = -1.0
    predicted = others.argmax(axis=1)
    margin = others[rows, predicted] - own
    found = np.flatnonzero(margin >= LEAST_MARGIN)
    found = found[np.argsort(-margin[found], kind="stable")]
    return [
        Suspect(int(row), int(labels[row]), int(predicted[row]), float(probabilities[row, predicted[row]]))
        for row in found
    ]


def suspect_rows(found: Sequence[Suspect], dataset: LabelledPhotos, rows: Rows) -> tuple[SuspectRow, ...]:
    """Return the rows for the report; `rows` (n,) are the dataset's rows, in the order of the probabilities."""
    return tuple(
        SuspectRow(
            name=dataset.names[rows[one.row]],
            label=dataset.truth.classes[one.label],
            says=dataset.truth.classes[one.predicted],
            probability=round(one.probability, 4),
        )
        for one in found
    )
