"""Detection as a task: its name and its ports."""

from __future__ import annotations

from jobs.job import Stage
from vm_worker.tasks.detection.agreement import SameBoxes
from vm_worker.tasks.detection.face import DetectorFace
from vm_worker.tasks.detection.judge import CountJudge
from vm_worker.tasks.detection.labels import BoxLabels
from vm_worker.tasks.detection.results import DetectionFigures
from vm_worker.tasks.detection.sections import DetectionSections
from vm_worker.tasks.task import Task

_STAGES = "vm_worker.tasks.detection"

TASK = Task(
    name="detection",
    annotations=BoxLabels(),
    judge=CountJudge(),
    agreement=SameBoxes(),
    face=DetectorFace(),
    sections=DetectionSections(),
    evaluated=DetectionFigures,
    stages={
        Stage.INTAKE: f"{_STAGES}.learning:intake",
        Stage.SELECT: f"{_STAGES}.learning:select",
        Stage.TUNE: f"{_STAGES}.tuning:tune",
        Stage.EVALUATE: f"{_STAGES}.testing:evaluate",
        Stage.EXPORT: f"{_STAGES}.exporting:export",
    },
    squares=False,
)
