"""Photos that are most likely in the wrong folder, by what heads that had not seen them say.

Northcutt, Jiang and Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset Labels", section 3:
a photo counts for another class when its probability there reaches the mean that the class's own photos have.
Of these the least plausible labels are named, by the normalised margin (the same paper's ranking).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.results.candidates import SuspectRow

CLEARLY = 0.7  # above the label's probability: heads err on hard photos too, and a long list is read by nobody


@dataclass(frozen=True)
class Suspect:
    """One photo that may be in the wrong folder."""

    row: int  # position in the probabilities
    label: int  # its folder
    says: int  # the class that it looks like
    probability: float  # of that class


def suspects(probabilities: Floats, labels: Rows) -> list[Suspect]:
    """The suspicious ones of (n, k) out-of-fold probabilities, the most suspicious first."""
    classes = probabilities.shape[1]
    rows = np.arange(len(labels))
    own = probabilities[rows, labels]
    typical = np.array([own[labels == one].mean() if (labels == one).any() else 2.0 for one in range(classes)])
    others = np.where(probabilities >= typical, probabilities, -1.0)
    others[rows, labels] = -1.0
    says = others.argmax(axis=1)
    margin = others[rows, says] - own
    found = np.flatnonzero(margin >= CLEARLY)
    found = found[np.argsort(-margin[found], kind="stable")]
    return [Suspect(int(row), int(labels[row]), int(says[row]), float(probabilities[row, says[row]])) for row in found]


def named(found: Sequence[Suspect], dataset: LabelledPhotos, rows: Rows) -> tuple[SuspectRow, ...]:
    """Name suspects for the report; `rows` are the dataset's, in the order of the probabilities."""
    return tuple(
        SuspectRow(
            name=dataset.names[rows[one.row]],
            label=dataset.truth.classes[one.label],
            says=dataset.truth.classes[one.says],
            probability=round(one.probability, 4),
        )
        for one in found
    )
