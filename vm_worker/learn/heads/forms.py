"""The forms of a head: on a network's last features, on the best columns of all its depths, or the mean of both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from vm_worker.intake.memory_maps import taken
from vm_worker.learn.arrays import Flags, Floats, Halves, Rows
from vm_worker.learn.heads import columns, folds, linear
from vm_worker.learn.heads.linear import ONE_THREAD, FeatureRows, Head, HeadSettings

# Columns for which the strengths are meant; with more, each counts less, so that one grid of strengths serves all.
USUAL_COLUMNS = 1280
BLOCK = 1024  # rows that are copied at a time
LOADED = 32_000_000  # features at most that are held in memory as float32: 128 MB
EVERY = slice(None)


@dataclass(frozen=True)
class Part:
    """One part of a head, as validation chose it."""

    strength: float  # L2
    epochs: int
    fraction: float | None = None  # of the columns of all depths, the best ones; None: the last features
    warm: bool = False  # it is added to the head of an earlier model; after 0 epochs it is that head, untouched


Parts = tuple[Part, ...]  # of a head: the logits are the mean of theirs


@dataclass(frozen=True)
class FeatureTable:
    """One network's features of the training and validation photos, one row a photo, the training rows first."""

    features: Floats | Halves  # (n, d), usually a memory map
    labels: Rows  # (n,)
    groups: Rows  # (n,) equal for duplicates
    train: int  # number of training rows
    last: int | None = None  # how many of the columns, the first ones, are the last features; None: all
    columns: Rows | None = None  # (d,) their positions among the network's; None: the same
    total: int | None = None  # how many columns the network has; None: as many as these
    unseen: Flags | None = None  # (n,) whether the network may be judged on a row; None: on all
    earlier: Head | None = None  # that an earlier model has on this network, in these columns; None: there is none
    views: tuple[Halves, ...] = ()  # (n, d) each: features of random views of the photos, to learn from besides

    def examples(self, rows: Rows, chosen: Rows | None = None, warm: bool = False) -> FeatureRows:
        """Return labels of these rows, and features in the chosen columns; None: the last features.

        Where the training starts `warm`, they come with the logits of the earlier head.
        """
        start = self.earlier.logits(self.taken(rows)) if warm and self.earlier else None
        return FeatureRows(self.taken(rows, slice(self.last) if chosen is None else chosen), self.labels[rows], start)

    def learnt(self, rows: Rows, chosen: Rows | None = None, warm: bool = False) -> FeatureRows:
        """Return the examples of these rows to learn from: as `examples`, then the same of each further view."""
        tables = [self, *(replace(self, features=view) for view in self.views)]
        found = [table.examples(rows, chosen, warm) for table in tables]
        if len(found) == 1:
            return found[0]
        starts = [one.start for one in found if one.start is not None]
        features, labels = [one.features for one in found], [one.labels for one in found]
        start = np.concatenate(starts) if starts else None
        return FeatureRows(np.concatenate(features), np.concatenate(labels), start)

    def judgeable(self, rows: Rows) -> Rows:
        """Return those of the rows that the network may be judged on."""
        return rows if self.unseen is None else rows[self.unseen[rows]]

    def taken(self, rows: Rows, chosen: Rows | slice = EVERY) -> Floats:
        """Copy the features of these rows in the chosen columns, as float32; from a file a block at a time."""
        if self.features.dtype == np.float32:
            return np.asarray(
                self.features[rows, chosen] if isinstance(chosen, slice) else self.features[rows[:, None], chosen]
            )
        found = np.empty((len(rows), len(np.arange(self.features.shape[1])[chosen])), np.float32)
        for at in range(0, len(rows), BLOCK):
            some = rows[at : at + BLOCK]
            if isinstance(chosen, slice):
                found[at : at + BLOCK] = taken(self.features, (some, chosen))
            else:  # whole rows first: they lie together in the file
                found[at : at + BLOCK] = taken(self.features, some)[:, chosen]
        return found

    def loaded(self) -> FeatureTable:
        """Return the table with its features in memory as float32, or as it is where they are too many.

        To convert them from float16 takes longer than most of what is done with them, so it is done once.
        """
        if self.features.dtype != np.float16 or self.features.size > LOADED or self.views:
            return self
        return replace(self, features=self.taken(self.everything))

    def count(self, fraction: float) -> int:
        """Return how many columns this fraction of the network's are."""
        return math.ceil(fraction * (self.total or self.features.shape[1]))

    @property
    def everything(self) -> Rows:
        """(n,) the positions of all rows."""
        return np.arange(len(self.labels), dtype=np.int64)

    @property
    def deep(self) -> bool:
        """Whether there are features of other depths than the last."""
        return self.last is not None and self.last < self.features.shape[1]

    def of_network(self, head: Head) -> Head:
        """Return a head in the table's columns as one in the network's."""
        if self.columns is None or head.columns is None:
            return head
        return replace(head, columns=self.columns[head.columns])

    def ranked(self, rows: Rows, seed: int) -> Rows:
        """Return the columns that matter at all to these rows, or to a sample of many, the best first."""
        some = rows[np.sort(folds.interleaved(self.labels[rows], seed)[: columns.ROWS])]
        return columns.ranked(self.features, some, self.labels[some])


def gain(count: int) -> float:
    """Return the factor on so many standardised columns of all depths."""
    return float(np.sqrt(USUAL_COLUMNS / count))


def words(parts: Parts) -> str:
    """Describe for the report what a head learns from; empty: the last features alone."""
    if any(part.warm for part in parts):
        return "its head trained further" if parts[0].epochs else "its head as it was"
    share = next((part.fraction for part in parts if part.fraction is not None), None)
    if share is None:
        return ""
    deep = f"the best {share:.0%} of the features of all its depths".replace("%", " %")
    return f"head on {deep}" if len(parts) == 1 else f"mean of a head on its last features and one on {deep}"


def fit(table: FeatureTable, rows: Rows, settings: HeadSettings, parts: Parts) -> Head:
    """Train a head of these parts on these rows of the table; its columns are the table's."""
    with threadpool_limits(**ONE_THREAD):  # here, too: two threads would restore each other's limits
        heads = folds.at_once(lambda part: _part(table, rows, settings, part), parts)
    return heads[0] if len(heads) == 1 else mean(heads)


def mean(heads: Sequence[Head]) -> Head:
    """Return the head whose logits are the mean of theirs; the last features, the first columns, are among its own."""
    return _joined(heads, 1 / len(heads))


def _joined(heads: Sequence[Head], share: float) -> Head:
    """Return the head whose logits are the sum of theirs, each times this share.

    Each column keeps a standardisation of one of them.
    """
    used = [np.arange(len(head.mean)) if head.columns is None else head.columns for head in heads]
    every = np.unique(np.concatenate(used))
    kernel = np.zeros((len(every), heads[0].kernel.shape[1]), np.float32)
    bias, shift, scale = np.zeros(kernel.shape[1], np.float32), *np.zeros((2, len(every)), np.float32)
    for head, own in zip(heads, used, strict=True):
        folded, offset = head.folded()
        places = np.searchsorted(every, own)
        kernel[places] += folded * np.float32(share)
        bias += offset * np.float32(share)
        shift[places], scale[places] = head.mean, head.scale
    bias += shift @ kernel
    deep, kernel = any(head.columns is not None for head in heads), kernel * scale[:, None]
    return replace(heads[0], mean=shift, scale=scale, kernel=kernel, bias=bias, columns=every if deep else None)


def _part(table: FeatureTable, rows: Rows, settings: HeadSettings, part: Part) -> Head:
    settings = replace(settings, strengths=(part.strength,))
    if part.warm and table.earlier is not None:
        if not part.epochs:
            return table.earlier
        return _joined([linear.refit(table.learnt(rows, warm=True), settings, part.epochs), table.earlier], 1.0)
    if part.fraction is None:
        return linear.refit(table.learnt(rows), settings, part.epochs)
    chosen = columns.best(table.ranked(rows, settings.seed), table.count(part.fraction))
    head = linear.refit(table.learnt(rows, chosen), replace(settings, gain=gain(len(chosen))), part.epochs)
    return replace(head, columns=chosen)
