"""The trials of a stage: those that earlier attempts have committed, and how a new one is."""

from __future__ import annotations

from jobs.job import Stage
from jobs.json_values import JsonObject
from vm_worker.events import TrialOffer
from vm_worker.search.trial_runner import Commit, Committed
from vm_worker.stages.context import StageContext


def committed(context: StageContext, stage: Stage) -> Committed:
    """Return the committed results of a stage's trials, and the function that commits another."""
    results = {key: done.result for key, done in context.spec.trials.items() if done.stage == stage}
    return Committed(results, committer(context, stage))


def committer(context: StageContext, stage: Stage = Stage.TUNE) -> Commit:
    """Return a function that offers a finished trial to the worker and returns the result that counts."""

    def commit(key: str, seconds: float, result: JsonObject) -> JsonObject:
        return context.link.commit(TrialOffer(key, round(seconds, 2), result, stage=stage)).result(result)

    return commit
