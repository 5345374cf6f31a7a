"""Bayesian search: Optuna's tree-structured Parzen estimators, asked and told, with Optuna's pruner.

TPE: Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vm_worker.search import median
from vm_worker.search.searcher import Outcome, checked
from vm_worker.search.space import Choice, Point, Range, Space

BATCH = 4  # points a batch; those asked for together do not know of each other
STARTUP = 5  # random points before the estimators say something


class BayesianSearcher:
    """One study in memory. Its constructor imports Optuna."""

    def __init__(self, space: Space, seed: int, first: Sequence[Point] = ()) -> None:
        """`first`: points to ask for before any other."""
        import optuna

        self._optuna = optuna
        self._space = space
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
        self._pruner = optuna.pruners.MedianPruner(
            n_startup_trials=median.RIVALS, n_warmup_steps=median.WARM_UP + 1, n_min_trials=median.RIVALS
        )
        self._study = optuna.create_study(direction="minimize", sampler=sampler, pruner=self._pruner)
        for point in first:
            self._study.enqueue_trial(dict(point))
        self._asked: list[Any] = []
        self._told = 0

    def ask(self) -> list[Point]:
        """BATCH points."""
        self._asked = [self._study.ask() for _ in range(BATCH)]
        return [{one.name: _suggested(trial, one) for one in self._space.dimensions} for trial in self._asked]

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Errors and curves go to the study. Raises ValueError for a wrong number."""
        checked(len(self._asked), outcomes)
        state = self._optuna.trial.TrialState
        for trial, outcome in zip(self._asked, outcomes, strict=True):
            for step, error in enumerate(outcome.curve, start=1):
                trial.report(error, step)
            if outcome.error is None:
                self._study.tell(trial, state=state.FAIL)
            elif outcome.pruned:
                self._study.tell(trial, state=state.PRUNED)
            else:
                self._study.tell(trial, outcome.error)
            self._told += outcome.error is not None
        self._asked = []

    def hopeless(self, curve: Sequence[float]) -> bool:
        """By Optuna's median pruner, with what was told so far."""
        if not curve:
            return False
        running = self._optuna.trial.create_trial(
            state=self._optuna.trial.TrialState.RUNNING, intermediate_values=dict(enumerate(curve, start=1))
        )
        return bool(self._pruner.prune(self._study, running))

    @property
    def outcome(self) -> str:
        """How it stands."""
        return f"{self._told} settings were tried; the search was still going on"


def _suggested(trial: Any, dimension: Choice | Range) -> Any:
    if isinstance(dimension, Choice):
        return trial.suggest_categorical(dimension.name, dimension.values)
    return dimension.rounded(trial.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.log))
