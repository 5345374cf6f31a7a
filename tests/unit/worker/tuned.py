"""Tuning with a stub for training: run it, and ask what it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.unit.worker import stub_trials
from vm_worker.tuning import Tuned, TuneRequest, tune


class Ledger:
    """The parent's side of commits."""

    def __init__(self) -> None:
        self.kept: dict[str, Mapping[str, Any]] = {}

    def commit(self, key: str, seconds: float, result: Mapping[str, Any]) -> Mapping[str, Any]:
        assert key not in self.kept, "a trial was offered twice"
        self.kept[key] = result
        return result


def asked(what: str) -> list[Mapping[str, Any]]:
    return [task for task in stub_trials.asked if task["do"] == what]


def run(request: TuneRequest) -> Tuned:
    return tune(request, lambda event: None)


def leaderboard(tuned: Tuned) -> list[tuple[Any, ...]]:
    return [(row.kind, str(row.parameters), row.validation_accuracy) for row in tuned.trials]
