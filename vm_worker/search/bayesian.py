"""Bayesian search by Optuna's tree-structured Parzen estimators (TPE), with Optuna's median pruner.

TPE: Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vm_worker.search import median
from vm_worker.search.searcher import Outcome, Reticent, checked
from vm_worker.search.space import Choice, Point, Range, Space

BATCH = 4  # points a batch; none of them depends on the outcome of another
STARTUP = 5  # random points before the estimators are used


class BayesianSearcher(Reticent):
    """A searcher with an Optuna study in memory. Its constructor imports Optuna."""

    def __init__(self, space: Space, seed: int, first: Sequence[Point] = ()) -> None:
        """Begin a search. `first` are points to suggest before any other."""
        import optuna

        self._optuna = optuna
        self._space = space
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
        self._study = optuna.create_study(direction="minimize", sampler=sampler)
        for point in first:
            self._study.enqueue_trial(dict(point))
        self._asked: list[Any] = []

    def ask(self) -> list[Point]:
        """Suggest BATCH points."""
        self._asked = [self._study.ask() for _ in range(BATCH)]
        return [{one.name: _suggested(trial, one) for one in self._space.dimensions} for trial in self._asked]

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Pass the errors on to Optuna. Raises ValueError for a wrong number of outcomes."""
        checked(len(self._asked), outcomes)
        failed = self._optuna.trial.TrialState.FAIL
        for trial, outcome in zip(self._asked, outcomes, strict=True):
            if outcome.error is None:
                self._study.tell(trial, state=failed)
            else:
                self._study.tell(trial, outcome.error)
        self._asked = []

    def inform(self, point: Point, outcome: Outcome) -> None:
        """Enter a point that somebody else suggested as a trial. One without an error tells Optuna nothing."""
        if outcome.error is not None:
            trial = self._optuna.trial
            spread = {one.name: _distribution(one) for one in self._space.dimensions}
            self._study.add_trial(trial.create_trial(params=dict(point), distributions=spread, value=outcome.error))

    @property
    def outcome(self) -> str:
        """The state of the search, as a sentence."""
        return "the search was still going on"


def _suggested(trial: Any, dimension: Choice | Range) -> Any:
    if isinstance(dimension, Choice):
        return trial.suggest_categorical(dimension.name, dimension.values)
    return dimension.rounded(trial.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.log))


def _distribution(dimension: Choice | Range) -> Any:
    """Return Optuna's distribution of a dimension, the same that `_suggested` makes."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if isinstance(dimension, Choice):
        return CategoricalDistribution(dimension.values)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def hopeless(rivals: Sequence[Sequence[float]], curve: Sequence[float]) -> bool:
    """Return whether Optuna's median pruner gives up a trial.

    `rivals` are the errors after each epoch of the completed trials, `curve` those of the running trial so far.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner(median.RIVALS, median.WARM_UP + 1, n_min_trials=median.RIVALS)
    study = optuna.create_study(direction="minimize", pruner=pruner)
    for rival in rivals:
        study.add_trial(optuna.trial.create_trial(value=rival[-1], intermediate_values=_steps(rival)))
    running = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, intermediate_values=_steps(curve))
    return bool(pruner.prune(study, running))


def _steps(curve: Sequence[float]) -> dict[int, float]:
    return dict(enumerate(curve, start=1))
