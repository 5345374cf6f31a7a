"""What is to be proved in the tests: a model's answers for photos of so many classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vm_worker.exports.verify import Proof
from vm_worker.tasks.classification.agreement import SameClass
from vm_worker.tasks.classification.truth import ClassTruth

Rows = NDArray[np.int64]


def proof_of(
    images: Path, rows: Rows, labels: Rows, expected: NDArray[np.float32], folder: Path, timeout: float
) -> Proof:
    """A proof of classification, with the numbers of the classes as their names."""
    classes = tuple(map(str, range(expected.shape[1])))
    return Proof(images, rows, ClassTruth(classes, labels), expected, SameClass(), folder, timeout)
