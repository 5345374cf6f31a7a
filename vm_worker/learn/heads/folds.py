"""Cut the training and validation photos of a small set into folds, duplicates always together."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from vm_worker.learn.arrays import Rows

ENOUGH = 1000  # images in train+validation: from here on the fixed validation part is precise enough
FOLDS, FEW_FOLDS = 5, 3
FEW_IMAGES = 10  # images of a class; with fewer in any class there are only FEW_FOLDS folds

WORKERS = 2  # folds at a time, each on one core; of an odd number one more

Cut = tuple[tuple[Rows, Rows], ...]  # positions to learn from and to judge, fold by fold

One = TypeVar("One")
Found = TypeVar("Found")


def count(labels: Rows, groups: Rows) -> int:
    """Return how many folds rows with these labels (n,) are cut into; 1: use the fixed validation part.

    There are no more folds than the class with the fewest groups (n,) has, but at least 2.
    """
    return 1 if len(labels) >= ENOUGH else _most(labels, groups)


def without_fixed_part(labels: Rows, groups: Rows) -> int:
    """Return the number of folds where the fixed part will not do; many photos are cut into FEW_FOLDS at most."""
    folds = count(labels, groups)
    return folds if folds > 1 else min(FEW_FOLDS, _most(labels, groups))


def _most(labels: Rows, groups: Rows) -> int:
    folds = FEW_FOLDS if np.bincount(labels).min() < FEW_IMAGES else FOLDS
    fewest = min(len(np.unique(groups[labels == label])) for label in np.unique(labels))
    return max(2, min(folds, fewest))


def cut(labels: Rows, groups: Rows, folds: int, seed: int) -> Cut:
    """Return the positions (train, validation) of each fold; rows of one group never lie on both sides.

    `labels` and `groups` are (n,). Raises ValueError where there are fewer groups than folds.
    """
    return _cut(*(np.ascontiguousarray(one, np.int64).tobytes() for one in (labels, groups)), folds, seed)


@lru_cache(maxsize=4)  # of all candidates the same rows are cut, and scikit-learn looks at one group after another
def _cut(labels: bytes, groups: bytes, folds: int, seed: int) -> Cut:
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    classes, owners = (np.frombuffer(one, np.int64) for one in (labels, groups))
    with warnings.catch_warnings():
        # A class with fewer members than folds is legal here: in some folds no row of it is judged.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        found = splitter.split(np.zeros(len(classes)), classes, owners)
        return tuple((_fixed(train), _fixed(validation)) for train, validation in found)


def _fixed(rows: Rows) -> Rows:
    """Return rows that nobody can change."""
    rows = rows.astype(np.int64)
    rows.flags.writeable = False
    return rows


def interleaved(labels: Rows, seed: int) -> Rows:
    """Return an order (n,) of positions: its first m, for any m, hold the classes in about their proportions."""
    random = np.random.default_rng(seed)
    place = np.empty(len(labels))
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        place[random.permutation(own)] = (np.arange(len(own)) + random.random()) / len(own)
    return np.argsort(place, kind="stable").astype(np.int64)


def at_once(work: Callable[[One], Found], folds: Iterable[One]) -> list[Found]:
    """Return what work finds of each fold, in their order; it is done for some folds at a time."""
    folds = list(folds)
    # Of an odd number one more runs at a time: the last one alone would leave a core idle.
    with ThreadPoolExecutor(WORKERS + len(folds) % WORKERS, thread_name_prefix="heads") as workers:
        return list(workers.map(work, folds))
