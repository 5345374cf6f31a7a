"""Tuning with a stub for training: run it, and ask what it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.json_values import JsonObject
from tests.unit.learn.tune import stub_trials
from vm_worker.learn.tune.tuning import FineTuned, TuneRequest, tune
from vm_worker.search.trial_runner import Committed


class Ledger:
    """The parent's side of commits."""

    def __init__(self) -> None:
        self.kept: dict[str, JsonObject] = {}

    @property
    def anew(self) -> Committed:
        """What a first attempt gets."""
        return Committed({}, self.commit)

    @property
    def again(self) -> Committed:
        """What a later attempt gets."""
        return Committed(dict(self.kept), self.commit)

    def commit(self, key: str, seconds: float, result: JsonObject) -> JsonObject:
        assert key not in self.kept, "a trial was offered twice"
        self.kept[key] = result
        return result


def asked(what: str) -> list[Mapping[str, Any]]:
    return [task for task in stub_trials.asked if task["do"] == what]


def run(request: TuneRequest) -> FineTuned:
    return tune(request, lambda event: None)


def leaderboard(tuned: FineTuned) -> list[tuple[Any, ...]]:
    return [(row.kind, str(row.parameters), row.validation_accuracy) for row in tuned.trials]
