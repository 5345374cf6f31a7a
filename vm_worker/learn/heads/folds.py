"""Cut train+validation into folds, duplicates together, for the selection of small sets."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

Rows = NDArray[np.int64]

ENOUGH = 1000  # images in train+validation: from here on the fixed validation part is precise enough
FOLDS, FEW_FOLDS = 5, 3
FEW_IMAGES = 10  # a class with fewer than this gets FEW_FOLDS


def count(labels: Rows) -> int:
    """How many folds these labels should be cut into; 1 = use the fixed validation part."""
    if len(labels) >= ENOUGH:
        return 1
    return FEW_FOLDS if np.bincount(labels).min() < FEW_IMAGES else FOLDS


def cut(labels: Rows, groups: Rows, folds: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Positions (train, validation) of each fold; rows of one group never lie on both sides."""
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer members than folds is legal here: some folds simply do not judge it.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        for train, validation in splitter.split(np.zeros(len(labels)), labels, groups):
            yield train.astype(np.int64), validation.astype(np.int64)


def interleaved(labels: Rows, seed: int) -> Rows:
    """An order of positions in which every beginning holds the classes in their proportions."""
    random = np.random.default_rng(seed)
    place = np.empty(len(labels))
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        place[random.permutation(own)] = (np.arange(len(own)) + random.random()) / len(own)
    return np.argsort(place, kind="stable").astype(np.int64)
