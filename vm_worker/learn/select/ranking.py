"""The ranking of the candidates: the best one, those that tie with it, and their rows for the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from jobs import wording
from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Flags
from vm_worker.learn.heads import forms
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.head_result import HeadResult
from vm_worker.learn.heads.linear import History
from vm_worker.learn.networks.catalogue import BASE, Backbone
from vm_worker.results.candidates import CandidateRow, CurvePoint
from vm_worker.results.exported import Latency

TIE = 0.05  # two candidates tie when the p of their difference is greater than this


@dataclass(frozen=True)
class Candidate:
    """A candidate network with its validation figures, as the ranking compares them."""

    backbone: Backbone
    features: FeatureTable
    result: HeadResult
    seconds: float  # that features and heads took
    images_per_second: float  # through the frozen network
    partial: bool  # whether it was judged on a part of the photos, because the time did not suffice for all
    way: str = ""  # the report's note on how the features were computed
    latency: Latency | None = None  # of the network as a TFLite model on this machine; None: not measured

    @property
    def milliseconds(self) -> float | None:
        """The median milliseconds for one photo on one core, by LiteRT; None: not measured."""
        return None if self.latency is None else self.latency.one.median

    @property
    def bytes(self) -> int | None:
        """The size of its TFLite file, without a head; None: not measured."""
        return None if self.latency is None else self.latency.bytes


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Sort candidates, the best first: by score, then cross-entropy, then speed.

    Where some were judged on more photos than others, the score counts on the photos on which all were judged.
    """
    common = _common_photos(candidates)

    def place(candidate: Candidate) -> tuple[float, float, float]:
        result = candidate.result
        score = result.score if common is None else result.score_on(common)
        return -score, result.loss, -candidate.images_per_second

    return sorted(candidates, key=place)


def _common_photos(candidates: Sequence[Candidate]) -> Flags | None:
    """Return (n,) the photos on which all were judged.

    None where all were judged on the same photos, where there is no such photo, or where their tables differ in length.
    """
    masks = [candidate.result.judged for candidate in candidates]
    if len({len(mask) for mask in masks}) != 1 or all(np.array_equal(mask, masks[0]) for mask in masks):
        return None
    common: Flags = np.logical_and.reduce(masks)
    return common if common.any() else None


def winner(candidates: Sequence[Candidate], objective: str) -> Candidate:
    """Return the best candidate; under `balanced` the fastest, under `small` the smallest, of those that tie with it.

    Latency and size are those of the TFLite model where all of these were measured. Else the speed of the feature
    extraction and the number of parameters decide. Of equally fast or small ones the most accurate is chosen.
    """
    tied = best_and_ties(candidates)
    match objective:
        case "balanced":
            return min(tied, key=_slowness(tied))
        case "small":
            return min(tied, key=_size(tied))
    return tied[0]


def best_and_ties(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the best candidate and those that tie with it, in the order of `ranked`."""
    best = ranked(candidates)[0]
    return [best, *(candidate for candidate in ranked(candidates)[1:] if ties(candidate, best))]


def _size(tied: Sequence[Candidate]) -> Callable[[Candidate], float]:
    if all(candidate.bytes is not None for candidate in tied):
        return lambda candidate: candidate.bytes or 0
    return lambda candidate: candidate.backbone.parameters


def _slowness(tied: Sequence[Candidate]) -> Callable[[Candidate], float]:
    if all(candidate.milliseconds is not None for candidate in tied):
        return lambda candidate: candidate.milliseconds or 0.0
    return lambda candidate: -candidate.images_per_second


def ties(one: Candidate, other: Candidate) -> bool:
    """Return whether a test finds no difference on the photos on which both were judged: `imbalance.difference`."""
    if len(one.result.right) != len(other.result.right):
        return False  # not the same photos
    both = one.result.judged & other.result.judged
    rights = (one.result.right[both], other.result.right[both])
    return imbalance.difference(*rights, one.result.labels[both], one.result.balanced) > TIE


def rows(candidates: Sequence[Candidate], objective: str) -> list[CandidateRow]:
    """Return the rows for the report, the best candidate first."""
    chosen = winner(candidates, objective)
    return [_row(candidate, chosen) for candidate in ranked(candidates)]


def reason(candidates: Sequence[Candidate], objective: str) -> str:
    """Explain for the report why the winner was chosen and which candidates tie with it."""
    chosen = winner(candidates, objective)
    title, result = chosen.backbone.title, chosen.result
    others = [one.backbone.title for one in candidates if one is not chosen and ties(one, chosen)]
    best = ranked(candidates)[0]
    if len(candidates) == 1:  # the rows of the others say why: no time, no weights, a goal that was reached
        text = f"{title} was the only candidate that was judged: {_found(result)}."
    elif chosen is best:
        text = _best_words(title, result)
    else:
        trait = "fastest" if objective == "balanced" else "smallest"
        text = f"{title} is the {trait} of the candidates that {best.backbone.title}, the most accurate, ties with."
        if objective == "balanced" and chosen.milliseconds is not None:
            text += f" It takes {wording.plain(chosen.milliseconds)} ms a photo on one core, as a TFLite model."
        if objective == "small" and chosen.bytes is not None:
            text += f" As a TFLite model it has {wording.size(chosen.bytes)}."
    text += _judged_on(candidates, chosen)
    if result.weighed:
        text += " In its training each photo of a small class counts more, as that did better on the validation photos."
    if others:
        named = " and ".join(filter(None, (", ".join(others[:-1]), others[-1])))
        text += f" On so few photos the difference to {named} may be chance."
    return text


def _judged_on(candidates: Sequence[Candidate], chosen: Candidate) -> str:
    """Tell which photos count, where it is not the validation photos alone, and all candidates on the same ones."""
    folds = (
        " As the photos are few, training photos count here, too, each judged by a head that had not learned from it; "
        "tuning is judged on the validation photos alone."
    )
    return (folds if chosen.result.judged[: chosen.features.train].any() else "") + _alone(candidates)


def _alone(candidates: Sequence[Candidate]) -> str:
    """Tell why not all candidates were judged on the same photos; empty: they were."""
    if _common_photos(candidates) is None:
        return ""
    if any(one.backbone.key.startswith(BASE) for one in candidates):
        return (
            " Your earlier model was judged on photos alone that it had not learnt from, the others beside it on these."
        )
    return " Networks from scratch were judged on the validation photos alone, and the others beside them on these."


def _best_words(title: str, result: HeadResult) -> str:
    figure = "balanced accuracy on the validation photos" if result.balanced else "validation accuracy"
    return f"{title} had the highest {figure}: {_found(result)}."


def _found(result: HeadResult) -> str:
    photos = f"{result.correct} of {result.total} photos right"
    return f"{wording.percent(result.score)} of each class found on average, {photos}" if result.balanced else photos


def curve_points(phase: str, name: str, history: History) -> list[CurvePoint]:
    """Return the epochs of one strength as points of a curve; `history` has columns of shape (epochs,)."""
    epochs = ([round(float(value), 5) for value in row] for row in zip(*history.columns(), strict=True))
    return [CurvePoint(phase, name, epoch, *row) for epoch, row in enumerate(epochs, 1)]


def _row(candidate: Candidate, chosen: Candidate) -> CandidateRow:
    result, backbone = candidate.result, candidate.backbone
    low, high = result.interval
    if candidate is chosen:
        state = "chosen"
    else:
        state = "tied" if ties(candidate, chosen) else "evaluated"
    partial = f"judged on {len(result.right)} photos: the time did not allow more" if candidate.partial else ""
    return CandidateRow(
        name=backbone.key,
        title=backbone.title,
        validation_accuracy=round(result.accuracy, 5),
        validation_interval=(round(low, 5), round(high, 5)),
        validation_loss=round(result.loss, 5),
        parameters=backbone.parameters,
        seconds=round(candidate.seconds, 2),
        state=state,
        note="; ".join(filter(None, (partial, forms.words(result.parts), candidate.way))),
        validation_score=round(result.score, 5),
        metric=imbalance.metric(result.balanced),
    )
