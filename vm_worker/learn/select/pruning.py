"""Pruning: leave out candidates that a probe on a few photos shows to be clearly worse, before they get all photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
from threadpoolctl import threadpool_limits

from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Flags, Rows
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.linear import ONE_THREAD, HeadSettings
from vm_worker.learn.networks import catalogue
from vm_worker.learn.networks.catalogue import Backbone
from vm_worker.learn.select import logme, p2l, probe
from vm_worker.results.candidates import PruningRow

PROBE_IMAGES = 400  # enough to find differences of about five points of accuracy
LEAST_CANDIDATES = 5  # fewer are not worth it: to build each of them takes as long as a probe, and saves nothing
EFFICIENCY = 4.0  # large networks do at most so many times more multiply-adds a second than small ones
SIGNIFICANT = 0.01  # McNemar's exact p, two-sided: strict, because the best of many probes is partly best by chance


@dataclass(frozen=True)
class ProbeScores:
    """The scores of one candidate on a few photos."""

    backbone: Backbone
    logme: float
    p2l: float | None  # None where the network does not hold the statistics of its pretraining
    right: Flags  # (n,) by the probe
    labels: Rows  # (n,)
    balanced: bool = False  # whether the balanced accuracy counts

    @property
    def score(self) -> float:
        """The accuracy, or the balanced accuracy, of the probe, 0..1."""
        return imbalance.score(self.right, self.labels, self.balanced)

    def worse_than(self, best: ProbeScores) -> bool:
        """Return whether this probe is significantly worse than the best one, on the same photos."""
        p = imbalance.difference(self.right, best.right, self.labels, self.balanced)
        return self.score < best.score and p <= SIGNIFICANT


def score(backbone: Backbone, table: FeatureTable, extractor: keras.Model, settings: HeadSettings) -> ProbeScores:
    """Compute LogME, P2L and a probe of the same features."""
    source, features = p2l.source_features(extractor), table.examples(table.everything).features
    with threadpool_limits(**ONE_THREAD):
        return ProbeScores(
            backbone=backbone,
            logme=logme.logme(features, table.labels),
            p2l=None if source is None else p2l.p2l(source, features),
            right=probe.probe(table, settings),
            labels=table.labels,
            balanced=settings.balanced,
        )


def can_save_time(photos: int, candidates: int) -> bool:
    """Return whether there are enough photos and candidates for a probe to save time."""
    return candidates >= LEAST_CANDIDATES and photos >= 2 * PROBE_IMAGES


def exceeds_time(photos: int, images_per_second: float, order: Sequence[Backbone], seconds: float) -> bool:
    """Return whether all photos through all candidates would take longer than `seconds`.

    `order` is the cheapest candidate first, and `images_per_second` its speed. The speeds of the others are estimated
    from it by multiply-adds. Large networks do more multiply-adds a second, so the estimate is somewhat too long; the
    probe that follows costs little, because its features are kept.
    """
    cost = sum(one.gflops for one in order) / order[0].gflops
    return photos * cost / images_per_second > seconds


def surely_too_slow(backbone: Backbone, known: Mapping[str, float], photos: int, seconds: float) -> bool:
    """Return whether a network cannot finish in time even at EFFICIENCY times the speed that others suggest.

    `known` are the measured speeds of the others, images a second by key. This saves building a slow network and
    timing it on a batch, which take half a minute.
    """
    rates = [speed * catalogue.find(key).gflops for key, speed in known.items()]
    return bool(rates) and photos * backbone.gflops / (EFFICIENCY * max(rates)) > seconds


def clearly_worse(scores: Sequence[ProbeScores]) -> Mapping[str, str]:
    """Return the keys of the candidates whose probe is significantly worse than the best one, each with the reason.

    `imbalance.difference` on the same photos decides. LogME and P2L do not: they rank, but bound no error.
    """
    best = max(scores, key=lambda one: (one.score, -one.backbone.gflops))
    each = " of each class" if best.balanced else ""
    return {
        one.backbone.key: f"left out: on {len(one.right)} photos its probe was right on {100 * one.score:.0f} %{each}, "
        f"that of {best.backbone.title} on {100 * best.score:.0f} %"
        for one in scores
        if one.worse_than(best)
    }


def rows(scores: Sequence[ProbeScores], dropped: Mapping[str, str]) -> list[PruningRow]:
    """Return the rows for the report, the best probe first; `dropped` has the keys of `clearly_worse`."""
    ordered = sorted(scores, key=lambda one: (-one.score, one.backbone.gflops))
    return [
        PruningRow(
            name=one.backbone.key,
            title=one.backbone.title,
            images=len(one.right),
            logme=round(one.logme, 4),
            p2l=None if one.p2l is None else round(one.p2l, 4),
            probe_accuracy=round(one.score, 5),
            dropped=one.backbone.key in dropped,
        )
        for one in ordered
    ]
