"""Who need not see all photos: candidates that a probe on a few of them shows to be clearly worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vm_worker.learn import statistics
from vm_worker.learn.heads.head_validation import FeatureTable
from vm_worker.learn.heads.linear import ONE_THREAD
from vm_worker.learn.networks.catalogue import CATALOGUE, Backbone
from vm_worker.learn.select import logme, p2l, probe
from vm_worker.results.candidates import PruningRow

PROBE_IMAGES = 400  # enough to see differences of some five points
LEAST_CANDIDATES = 3
EFFICIENCY = 4.0  # times: so much better than the small ones may large networks use a processor
WORSE = 0.01  # McNemar's exact p, two-sided: strict, as the best of many is lucky a little


@dataclass(frozen=True)
class Scored:
    """What a few photos say of one candidate."""

    backbone: Backbone
    logme: float
    p2l: float | None  # None where the network does not tell what it was pretrained on
    right: NDArray[np.bool_]  # (n,) by the probe

    @property
    def accuracy(self) -> float:
        """Of the probe."""
        return float(self.right.mean())


def score(backbone: Backbone, material: FeatureTable, extractor: keras.Model, seed: int) -> Scored:
    """LogME, P2L and a probe of the same features."""
    source = p2l.source_features(extractor)
    with threadpool_limits(**ONE_THREAD):
        return Scored(
            backbone=backbone,
            logme=logme.logme(material.features, material.labels),
            p2l=None if source is None else p2l.p2l(source, material.features),
            right=probe.probe(material, seed),
        )


def possible(rows: int, candidates: int) -> bool:
    """Whether there are enough photos and candidates for a probe to save anything."""
    return candidates >= LEAST_CANDIDATES and rows >= 2 * PROBE_IMAGES


def worth_it(rows: int, images_per_second: float, order: Sequence[Backbone], seconds: float) -> bool:
    """Whether all candidates on all rows would take longer than there is; `order` is the cheapest first.

    Speeds are guessed from the first one's, by multiply-adds. Heavy networks use a processor better than that,
    so it prunes a little early: a probe costs little, as its features are kept.
    """
    cost = sum(one.gflops for one in order) / order[0].gflops
    return rows * cost / images_per_second > seconds


def hopeless(backbone: Backbone, known: Mapping[str, float], rows: int, seconds: float) -> bool:
    """Whether it could not end in time even at several times the speed that those known (key: images a second) suggest.

    Building a slow network and timing it on a batch takes half a minute, which is not there.
    """
    rates = [speed * CATALOGUE[key].gflops for key, speed in known.items()]
    return bool(rates) and rows * backbone.gflops / (EFFICIENCY * max(rates)) > seconds


def losers(scored: Sequence[Scored]) -> Mapping[str, str]:
    """The candidates whose probe is significantly worse than the best one's, and why in plain words.

    McNemar's exact test on the same photos. LogME and P2L have no say: they rank, but bound no error.
    """
    best = max(scored, key=lambda one: (one.accuracy, -one.backbone.gflops))
    return {
        one.backbone.key: f"left out: on {len(one.right)} photos its probe was right on {100 * one.accuracy:.0f} %, "
        f"that of {best.backbone.title} on {100 * best.accuracy:.0f} %"
        for one in scored
        if one.accuracy < best.accuracy and statistics.mcnemar(one.right, best.right) <= WORSE
    }


def table(scored: Sequence[Scored], dropped: Mapping[str, str]) -> list[PruningRow]:
    """Rows for the report, the best probe first."""
    ordered = sorted(scored, key=lambda one: (-one.accuracy, one.backbone.gflops))
    return [
        PruningRow(
            name=one.backbone.key,
            title=one.backbone.title,
            images=len(one.right),
            logme=round(one.logme, 4),
            p2l=None if one.p2l is None else round(one.p2l, 4),
            probe_accuracy=round(one.accuracy, 5),
            dropped=one.backbone.key in dropped,
        )
        for one in ordered
    ]
