"""Report the progress of tuning to the status page: a message, the share of time passed, and a trial's curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vm_worker.learn.budget import Budget
from vm_worker.learn.progress_events import LearningProgress, ProgressSink
from vm_worker.learn.tune.messages import EpochPoint
from vm_worker.results.candidates import CurvePoint


class TuningProgress:
    """A listener to the trials that reports the current one to the status page."""

    def __init__(self, name: str, budget: Budget, sink: ProgressSink) -> None:
        """Listen to trials of the network with the key `name`."""
        self.message = "Measuring"
        self._name, self._budget, self._sink = name, budget, sink
        self._whole = max(budget.remaining(), 1e-6)  # seconds
        self._curves: dict[str, list[CurvePoint]] = {}  # by the key of the trial
        self._shown = ""  # the key of the current trial

    def show(self, key: str, message: str) -> None:
        """Make this trial the current one."""
        self._shown, self.message = key, message

    def hear(self, report: Mapping[str, Any]) -> None:
        """Take a task's report of its progress, and pass it on. Any thread may call."""
        if "epoch" in report:
            point = curve_point(self._name, EpochPoint.from_json(report["epoch"]))
            curve = self._curves.setdefault(report.get("trial") or self._shown, [])
            del curve[point.epoch - 1 :]  # a trial whose process was lost begins again
            curve.append(point)
        fraction = min(1.0, 1 - self._budget.remaining() / self._whole)
        self._sink(LearningProgress(fraction, self.message, curve=tuple(self._curves.get(self._shown, ()))))


def curve_point(name: str, point: EpochPoint) -> CurvePoint:
    """Return a trial's epoch as a point of this network's curve."""
    return CurvePoint(
        phase=point.phase,
        name=name,
        epoch=point.epoch,
        accuracy=point.accuracy,
        loss=point.loss,
        validation_accuracy=point.validation_accuracy,
        validation_loss=point.validation_loss,
    )
