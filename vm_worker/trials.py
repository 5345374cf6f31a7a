"""What a searcher's point means for training: the space, the searchers, and what an executor's process does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vm_worker.learn.backbones import Backbone
from vm_worker.learn.recipe import AUGMENTATIONS, Recipe, cuts
from vm_worker.search import median
from vm_worker.search.bayesian import BayesianSearcher
from vm_worker.search.bayesian import hopeless as hopeless_by_optuna
from vm_worker.search.genetic import GeneticSearcher
from vm_worker.search.random import RandomSearcher
from vm_worker.search.rule import RuleSearcher
from vm_worker.search.searcher import Outcome, Searcher
from vm_worker.search.space import Choice, Point, Range, Space

ENTRY = "vm_worker.trials:work"
EPOCHS = (4, 8, 12, 20)
SOLVED = 1e-3  # a mean squared error below which validation photos cannot tell trials apart
PATIENCE = 6  # trials without a lower error, after which the search ends


def space(backbone: Backbone, epochs_most: int) -> Space:
    """What is tried beside the rule; the rule's own values may lie outside."""
    epochs = tuple(sorted({min(epochs, epochs_most) for epochs in EPOCHS}))
    return Space(
        (
            Choice("cut", tuple(cut.layer for cut in cuts(backbone))),
            Choice("epochs", epochs),
            Range("rate", 5e-5, 2e-3, log=True),
            Choice("batch", (16, 32, 64)),
            Choice("dropout", (0.0, 0.2, 0.4)),
            Range("decay", 1e-3, 0.1, log=True),
            Choice("smoothing", (0.0, 0.05, 0.1, 0.2)),
            Choice("augmentation", AUGMENTATIONS),
        )
    )


def searcher(algorithm: str, where: Space, seed: int, rule: Recipe) -> Searcher:
    """The search of this name; `genetic` counts the rule among its first parents. Raises KeyError for another name."""
    first: list[Point] = [rule.to_json()]
    makers: Mapping[str, Callable[[], Searcher]] = {
        "genetic": lambda: GeneticSearcher(where, seed, first=first),
        "bayesian": lambda: BayesianSearcher(where, seed),
        "random": lambda: RandomSearcher(where, seed),
        "none": lambda: RuleSearcher([]),
    }
    return makers[algorithm]()


@dataclass(frozen=True)
class Known:
    """A trial that ran before the search, and what came of it."""

    recipe: Recipe
    outcome: Outcome


def hunt(searcher: Searcher, known: Known, attempt: Callable[[Recipe], Outcome], most: int | None) -> str:
    """Try what the searcher suggests; ends after `most` trials, PATIENCE without gain, or when nothing fits the time.

    Says how it ended. A suggestion that is known already is answered without a trial.
    """
    seen, count, patience = {known.recipe: known.outcome}, 1, PATIENCE
    best = 1.0 if known.outcome.error is None else known.outcome.error
    while batch := searcher.ask():
        recipes = [Recipe.from_json(point) for point in batch]
        tried = 0
        for recipe in recipes:
            if recipe in seen:
                continue
            if best < SOLVED:
                return "the validation photos leave nothing to gain"
            if count == most:
                return f"as many trials as were asked for; {searcher.outcome}"
            if patience == 0:
                return f"{PATIENCE} trials brought nothing better; {searcher.outcome}"
            seen[recipe] = outcome = attempt(recipe)
            if outcome.error is not None:
                count, tried = count + 1, tried + 1
                best, patience = (outcome.error, PATIENCE) if outcome.error < best else (best, patience - 1)
        if not tried:
            return f"no other trial fitted the time; {searcher.outcome}"
        searcher.tell([seen[recipe] for recipe in recipes])
    return searcher.outcome


def key(recipe: Recipe, fingerprint: str, backbone: str, seed: int) -> str:
    """Names a trial's result: the first 40 digits of the SHA-256 of all that it depends on, as canonical JSON."""
    spec = {"recipe": recipe.to_json(), "dataset": fingerprint, "backbone": backbone, "seed": seed}
    return hashlib.sha256(json.dumps(spec, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:40]


def work(task: Mapping[str, Any], tell: Callable[[Mapping[str, Any]], None]) -> Mapping[str, Any]:
    """A task of tuning, given up early by the rivals that it names."""
    from vm_worker.learn import finetune

    rivals = task.get("rivals", [])
    judge = hopeless_by_optuna if task.get("search") == "bayesian" else median.hopeless

    def hopeless(errors: Sequence[float]) -> bool:
        return judge(rivals, errors)

    return finetune.work(task, tell, hopeless)
