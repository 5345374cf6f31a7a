"""What the page hears while a network is tuned: a message, how much of the time has passed, and a trial's curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vm_worker.learn.budget import Budget
from vm_worker.learn.progress_events import LearningProgress, ProgressSink
from vm_worker.learn.tune.messages import EpochPoint
from vm_worker.results.candidates import CurvePoint


class TuningProgress:
    """Hears what trials tell, and tells the page of the one that is waited for."""

    def __init__(self, name: str, budget: Budget, sink: ProgressSink) -> None:
        """`name`: the key of the network."""
        self.message = "Measuring"
        self._name, self._budget, self._sink = name, budget, sink
        self._whole = max(budget.remaining(), 1e-6)  # seconds
        self._curves: dict[str, list[CurvePoint]] = {}  # by trial
        self._shown = ""  # the trial that is waited for

    def show(self, key: str, message: str) -> None:
        """Wait for this trial now."""
        self._shown, self.message = key, message

    def hear(self, told: Mapping[str, Any]) -> None:
        """Take what a task tells, and pass it on. Any thread may call."""
        if "epoch" in told:
            point = curve_point(self._name, EpochPoint.from_json(told["epoch"]))
            curve = self._curves.setdefault(told.get("trial") or self._shown, [])
            del curve[point.epoch - 1 :]  # a trial whose process was lost begins again
            curve.append(point)
        fraction = min(1.0, 1 - self._budget.remaining() / self._whole)
        self._sink(LearningProgress(fraction, self.message, curve=tuple(self._curves.get(self._shown, ()))))


def curve_point(name: str, point: EpochPoint) -> CurvePoint:
    """A trial's epoch as a point of the curve of this network."""
    return CurvePoint(
        phase=point.phase,
        name=name,
        epoch=point.epoch,
        accuracy=point.accuracy,
        loss=point.loss,
        validation_accuracy=point.validation_accuracy,
        validation_loss=point.validation_loss,
    )
