"""Who is ahead among the candidates, who ties, and the rows that tell it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from jobs import wording
from vm_worker.learn.backbones import Backbone
from vm_worker.learn.contest import Material, Verdict
from vm_worker.learn.heads import History
from vm_worker.results.candidates import CandidateRow, CurvePoint
from vm_worker.results.exported import Latency

TIE = 0.05  # two candidates differ when McNemar's exact p is at most this


@dataclass(frozen=True)
class Entry:
    """One candidate that was evaluated."""

    backbone: Backbone
    material: Material
    verdict: Verdict
    seconds: float
    images_per_second: float
    partial: bool  # judged on fewer photos than there are, for want of time
    way: str = ""  # how the photos went through the network, where that is worth a word
    figures: Latency | None = None  # of the network as a TFLite model here, where it was measured

    @property
    def milliseconds(self) -> float | None:
        """For one photo on one core, by LiteRT: the median."""
        return None if self.figures is None else self.figures.one.median

    @property
    def bytes(self) -> int | None:
        """Of its file as a TFLite model, without a head."""
        return None if self.figures is None else self.figures.bytes


def ranked(entries: Sequence[Entry]) -> list[Entry]:
    """The best first: by accuracy, then cross-entropy, then speed.

    Where some were judged on more photos than others, accuracy is that on the photos that judged all of them.
    """
    common = _common(entries)

    def place(entry: Entry) -> tuple[float, float, float]:
        verdict = entry.verdict
        accuracy = verdict.accuracy if common is None else float(verdict.right[common].mean())
        return -accuracy, verdict.loss, -entry.images_per_second

    return sorted(entries, key=place)


def _common(entries: Sequence[Entry]) -> NDArray[np.bool_] | None:
    """The photos that judged all; None: there is nothing to choose."""
    masks = [entry.verdict.judged for entry in entries]
    if len({len(mask) for mask in masks}) != 1 or all(np.array_equal(mask, masks[0]) for mask in masks):
        return None
    common: NDArray[np.bool_] = np.logical_and.reduce(masks)
    return common if common.any() else None


def winner(entries: Sequence[Entry], objective: str) -> Entry:
    """The best one; under `balanced` the fastest, under `small` the smallest, of those that tie with it.

    By latency and size as a TFLite model where all of them were measured, else by how training went through it and by
    the number of parameters. Of equally small or fast ones the most accurate.
    """
    tied = leaders(entries)
    match objective:
        case "balanced":
            return min(tied, key=_slowness(tied))
        case "small":
            return min(tied, key=_size(tied))
    return tied[0]


def leaders(entries: Sequence[Entry]) -> list[Entry]:
    """The most accurate one, and those that tie with it."""
    best = ranked(entries)[0]
    return [best, *(entry for entry in ranked(entries)[1:] if ties(entry, best))]


def _size(tied: Sequence[Entry]) -> Callable[[Entry], float]:
    if all(entry.bytes is not None for entry in tied):
        return lambda entry: entry.bytes or 0
    return lambda entry: entry.backbone.parameters


def _slowness(tied: Sequence[Entry]) -> Callable[[Entry], float]:
    if all(entry.milliseconds is not None for entry in tied):
        return lambda entry: entry.milliseconds or 0.0
    return lambda entry: -entry.images_per_second


def ties(one: Entry, other: Entry) -> bool:
    """McNemar's exact test cannot tell them apart on the rows that judged both."""
    if len(one.verdict.right) != len(other.verdict.right):
        return False  # not the same photos
    both = one.verdict.judged & other.verdict.judged
    only_one = int(np.sum(one.verdict.right & ~other.verdict.right & both))
    only_other = int(np.sum(~one.verdict.right & other.verdict.right & both))
    if only_one + only_other == 0:
        return True
    return float(binomtest(only_one, only_one + only_other).pvalue) > TIE


def table(entries: Sequence[Entry], objective: str) -> list[CandidateRow]:
    """A row for each, the best first."""
    chosen = winner(entries, objective)
    return [_row(entry, chosen) for entry in ranked(entries)]


def reason(entries: Sequence[Entry], objective: str) -> str:
    """Why the winner won, and what ties with it: one or two plain sentences."""
    chosen = winner(entries, objective)
    title, verdict = chosen.backbone.title, chosen.verdict
    if len(entries) == 1:
        return f"{title} was the only candidate that could be judged."
    others = [entry.backbone.title for entry in entries if entry is not chosen and ties(entry, chosen)]
    best = ranked(entries)[0]
    if chosen is best:
        text = f"{title} had the highest validation accuracy: {verdict.correct} of {verdict.total} photos right."
    else:
        trait = "fastest" if objective == "balanced" else "smallest"
        text = f"{title} is the {trait} of the candidates that {best.backbone.title}, the most accurate, ties with."
        if objective == "balanced" and chosen.milliseconds is not None:
            text += f" It takes {chosen.milliseconds:.1f} ms a photo on one core, as a TFLite model."
        if objective == "small" and chosen.bytes is not None:
            text += f" As a TFLite model it has {wording.size(chosen.bytes)}."
    if _common(entries) is not None:
        text += (
            " Networks from scratch were judged on the validation photos alone, and the others beside them on these."
        )
    if others:
        text += f" On so few photos the difference to {' and '.join(others)} may be chance."
    return text


def curve_rows(phase: str, name: str, history: History) -> list[CurvePoint]:
    """One point for each epoch."""
    return [
        CurvePoint(phase, name, epoch, *(round(float(value), 5) for value in values))
        for epoch, values in enumerate(zip(*history.columns(), strict=True), start=1)
    ]


def _row(entry: Entry, chosen: Entry) -> CandidateRow:
    verdict = entry.verdict
    interval = binomtest(verdict.correct, verdict.total).proportion_ci(method="wilson")
    if entry is chosen:
        state = "chosen"
    else:
        state = "tied" if ties(entry, chosen) else "evaluated"
    partial = f"judged on {len(verdict.right)} photos: the time did not allow more" if entry.partial else ""
    note = "; ".join(filter(None, (partial, entry.way)))
    return CandidateRow(
        name=entry.backbone.key,
        title=entry.backbone.title,
        validation_accuracy=round(verdict.accuracy, 5),
        validation_interval=(round(float(interval.low), 5), round(float(interval.high), 5)),
        validation_loss=round(verdict.loss, 5),
        parameters=entry.backbone.parameters,
        seconds=round(entry.seconds, 2),
        state=state,
        note=note,
    )
