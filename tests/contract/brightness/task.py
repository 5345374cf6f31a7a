"""The ports of the task."""

from __future__ import annotations

from jobs.job import Stage
from tests.contract.brightness.annotations import BrightnessAnnotations
from tests.contract.brightness.judge import BrightnessJudge, NearlyTheSame
from tests.contract.brightness.told import BrightnessFace, BrightnessSections, Measured
from vm_worker.tasks.task import Task

TASK = Task(
    name="brightness",
    annotations=BrightnessAnnotations(),
    judge=BrightnessJudge(),
    agreement=NearlyTheSame(),
    face=BrightnessFace(),
    sections=BrightnessSections(),
    evaluated=Measured,
    stages={stage: f"tests.contract.brightness.stages:{stage}" for stage in (Stage.SELECT, Stage.TUNE, Stage.EVALUATE)},
)
