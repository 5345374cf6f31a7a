"""A network designed for real pictures, beside random search and the fixed small networks in the same minutes.

    python -m tests.benchmarks.designing ../shared/datasets/cifar10_small.zip --minutes 20 --designer controller
    python -m tests.benchmarks.designing ../shared/datasets/cifar10_small.zip --minutes 20 --fixed

The best network of a search trains for the last part of the time, as in a job; the fixed ones share all of it. Each is
chosen by its validation accuracy and tested once. Processor seconds are told too: neighbours bend the clock.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import keras

from jobs.limits import Limits
from vm_worker.intake.dataset import Part
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.budget import Budget
from vm_worker.learn.design.designing import DesignRequest, Wish, design
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import designed, small, small_rows
from vm_worker.learn.scratch import training
from vm_worker.learn.scratch.training import Examples, TimeAllowed, TrainingSet, TrainingTooSlow
from vm_worker.results.designs import RANDOM, Designed, NetworkPlan, NetworkRow
from vm_worker.tasks.uploads import take_in


def main() -> None:
    """Print the figures of one run as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--designer", default="controller")
    parser.add_argument("--fixed", action="store_true", help="train the fixed small networks instead")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=Path, help="where the whole search is written to")
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        request = IntakeRequest(wish.photos, Path(name) / "cache", (32, 64), wish.seed, Limits(), 2)
        dataset = take_in(request, lambda part, text: None)
        began, budget = time.monotonic(), Budget.of(60 * wish.minutes)
        if wish.fixed:
            figures = fixed(dataset, budget, wish.seed)
        else:
            asked = Wish(wish.designer, None, round(wish.minutes), True, wish.seed)
            found = design(DesignRequest(dataset, asked, budget, Path(name), show=shown))
            if wish.report:
                wish.report.write_text(json.dumps(found.to_json()), encoding="utf-8")
            figures = summary(found) | finished(found, dataset, budget, wish.seed)
        print(json.dumps({**figures, "seconds": round(time.monotonic() - began), "processor": processor()}, indent=1))


_told = [0.0]


def shown(share: float, text: str) -> None:
    """Print the progress every half minute."""
    if time.monotonic() - _told[0] > 30:
        _told[0] = time.monotonic()
        print(f"{share:4.0%} {text}", flush=True)


def processor() -> int:
    """Return the processor seconds of this process and of those that it started."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return round(sum(one.ru_utime + one.ru_stime for one in both))


def summary(found: Designed) -> dict[str, object]:
    """Return what a search has tried."""
    kinds = {
        kind: [row for row in found.networks if (row.by == RANDOM) == (kind == RANDOM)] for kind in (RANDOM, "designed")
    }
    return {
        "networks": len(found.networks),
        **{f"{kind}_tried": len(rows) for kind, rows in kinds.items()},
        **{f"{kind}_mean_first": mean_first(rows) for kind, rows in kinds.items()},
        **{
            f"{kind}_best_again": max((row.judged or 0 for row in rows if row.again), default=None)
            for kind, rows in kinds.items()
        },
        "comparison": found.comparison and found.comparison.to_json(),
        "longest": max((one.epochs for row in found.networks for one in row.scores), default=0),
    }


def mean_first(rows: list[NetworkRow]) -> float | None:
    """Return the mean score after the first rung."""
    scores = [row.scores[0].score for row in rows if row.scores]
    return round(sum(scores) / len(scores), 4) if scores else None


def finished(found: Designed, dataset: LabelledPhotos, budget: Budget, seed: int) -> dict[str, object]:
    """Train the best network for the rest of the time, and test it."""
    best = next(row for row in found.networks if row.number == found.best)
    keras.utils.set_random_seed(seed)
    model, _ = designed.built(NetworkPlan(best.architecture, found.side), len(dataset.truth.classes))
    rest = TimeAllowed(budget, budget)
    return {"architecture": best.architecture, "by": best.by, **tested(model, dataset, found.side, rest, seed)}


def fixed(dataset: LabelledPhotos, budget: Budget, seed: int) -> dict[str, object]:
    """Train the four fixed networks, and test the one that is best by validation."""
    rows = small_rows.fitting(len(dataset.rows(Part.TRAIN)))
    figures = []
    for number, row in enumerate(rows):
        keras.utils.set_random_seed(seed)
        model, _ = small.built(row.key, len(dataset.truth.classes))
        allowed = TimeAllowed(Budget.of(budget.share(1 / (len(rows) - number)).remaining()), budget)
        try:
            figures.append({"network": row.title, **tested(model, dataset, small.SIZE, allowed, seed)})
        except TrainingTooSlow as slow:  # a useful training takes longer than all the time that is left
            figures.append({"network": row.title, "validation": 0.0, "note": str(slow)})
        print(figures[-1], flush=True)
    return {"all": figures, "best": max(figures, key=lambda one: float(str(one["validation"])))}


def tested(
    model: keras.Model, dataset: LabelledPhotos, side: int, allowed: TimeAllowed, seed: int
) -> dict[str, object]:
    """Train a network in the time, and return its figures."""

    def examples(part: Part) -> Examples:
        rows = dataset.rows(part)
        return Examples(dataset.pixels(side)[rows], dataset.truth.labels[rows])

    photos = TrainingSet(examples(Part.TRAIN), True, seed)
    trained = training.train(model, photos, examples(Part.VALIDATION), allowed)
    test, _ = training.evaluate(model, examples(Part.TEST))
    return {"validation": round(trained.accuracy, 4), "test": round(test, 4), "epochs": trained.epochs}


if __name__ == "__main__":
    main()
