"""What a searcher's point means for training: the space, the searchers, and what an executor's process does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from vm_worker.learn.networks.catalogue import Backbone
from vm_worker.learn.tune.recipe import AUGMENTATIONS, EVERYTHING, MIXED, Recipe, cuts
from vm_worker.search import median
from vm_worker.search.bayesian import BayesianSearcher
from vm_worker.search.bayesian import hopeless as hopeless_by_optuna
from vm_worker.search.genetic import GeneticSearcher
from vm_worker.search.random import RandomSearcher
from vm_worker.search.rule import RuleSearcher
from vm_worker.search.searcher import Outcome, Searcher
from vm_worker.search.space import Choice, Point, Range, Space

ENTRY = "vm_worker.learn.tune.trials:work"
EPOCHS = (0.5, 1.0, 1.5, 2.5)  # times the rule's
SOLVED = 1e-3  # a mean squared error below which validation photos cannot tell trials apart
PATIENCE = 6  # trials without a lower error, after which the search ends


def space(backbone: Backbone, epochs: int, epochs_most: int) -> Space:
    """What is tried beside a rule of so many epochs; its own other values may lie outside."""
    choices = tuple(sorted({max(1, min(int(share * epochs), epochs_most)) for share in EPOCHS}))
    return Space(
        (
            Choice("cut", tuple(cut.layer for cut in cuts(backbone))),
            Choice("epochs", choices),
            Range("rate", 5e-5, 2e-3, log=True),
            Choice("batch", (16, 32, 64)),
            Choice("dropout", (0.0, 0.2, 0.4)),
            Range("decay", 1e-3, 0.1, log=True),
            Choice("smoothing", (0.0, 0.05, 0.1, 0.2)),
            Choice("augmentation", AUGMENTATIONS),
        )
    )


def starts(rule: Recipe) -> list[Point]:
    """What a search begins with: the rule, and it with one thing changed that helps where the rule does not suffice.

    Photos unlike ImageNet's gain when everything is unfrozen, at a lower rate; few photos gain from being mixed.
    """
    deeper = replace(rule, cut=EVERYTHING.layer, rate=float(f"{rule.rate / 2:.3g}"))
    return [one.to_json() for one in (rule, deeper, replace(rule, augmentation=MIXED))]


def searcher(algorithm: str, where: Space, seed: int, rule: Recipe) -> Searcher:
    """The search of this name; two know the rule as one of their points. Raises KeyError for another name."""
    first = [point for point in starts(rule) if where.holds(point)]
    makers: Mapping[str, Callable[[], Searcher]] = {
        "genetic": lambda: GeneticSearcher(where, seed, first=first),
        "bayesian": lambda: BayesianSearcher(where, seed, first),
        "random": lambda: RandomSearcher(where, seed),
        "none": lambda: RuleSearcher([]),
    }
    return makers[algorithm]()


class TrialRunner(Protocol):
    """Who makes the trials."""

    def announce(self, recipes: Sequence[Recipe]) -> None:
        """These are asked for next, in this order, unless the search ends before: they may begin."""
        ...

    def attempt(self, recipe: Recipe) -> Outcome:
        """What comes of it."""
        ...


class SearchLoop:
    """A search over trials: ends after so many, after PATIENCE without gain, or when nothing fits the time."""

    def __init__(self, searcher: Searcher, trier: TrialRunner, most: int | None) -> None:
        self._searcher, self._trier, self._most = searcher, trier, most
        self._seen: dict[Recipe, Outcome] = {}
        self._count, self._patience, self._best = 0, PATIENCE, 1.0

    def know(self, recipe: Recipe, outcome: Outcome) -> None:
        """A trial and what came of it. A suggestion that is known already is answered without a trial."""
        self._seen[recipe] = outcome
        if outcome.error is not None:
            self._count += 1
            self._patience = PATIENCE if outcome.error < self._best else self._patience - 1
            self._best = min(self._best, outcome.error)

    def run(self) -> str:
        """Try what the searcher suggests; how it ended."""
        while batch := self._searcher.ask():
            recipes, before = [Recipe.from_json(point) for point in batch], self._count
            if not self._over():
                self._trier.announce(self._coming(recipes))
            for recipe in recipes:
                if recipe not in self._seen:
                    if reason := self._over():
                        return reason
                    self.know(recipe, self._trier.attempt(recipe))
            if self._count == before:
                return f"no other trial fitted the time; {self._searcher.outcome}"
            self._searcher.tell([self._seen[recipe] for recipe in recipes])
        return self._searcher.outcome

    def _coming(self, recipes: Sequence[Recipe]) -> list[Recipe]:
        """Those that are new, as many as are still allowed."""
        new = [recipe for recipe in dict.fromkeys(recipes) if recipe not in self._seen]
        return new if self._most is None else new[: self._most - self._count]

    def _over(self) -> str:
        if self._best < SOLVED:
            return "the validation photos leave nothing to gain"
        if self._count == self._most:
            return f"as many trials as were asked for; {self._searcher.outcome}"
        if self._patience <= 0:
            return f"{PATIENCE} trials brought nothing better; {self._searcher.outcome}"
        return ""


def key(recipe: Recipe, fingerprint: str, backbone: str, seed: int) -> str:
    """Names a trial's result: the first 40 digits of the SHA-256 of all that it depends on, as canonical JSON."""
    spec = {"recipe": recipe.to_json(), "dataset": fingerprint, "backbone": backbone, "seed": seed}
    return hashlib.sha256(json.dumps(spec, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:40]


def work(task: Mapping[str, Any], tell: Callable[[Mapping[str, Any]], None]) -> Mapping[str, Any]:
    """A task of tuning, given up early by the rivals that it names."""
    from vm_worker.learn.tune import tasks

    rivals = task.get("rivals", [])
    judge = hopeless_by_optuna if task.get("search") == "bayesian" else median.hopeless

    def hopeless(errors: Sequence[float]) -> bool:
        return judge(rivals, errors)

    def named(told: Mapping[str, Any]) -> None:
        tell({**told, "trial": task.get("trial")})

    return tasks.work(task, named, hopeless)
