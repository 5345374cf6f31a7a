"""The stages of a job in their order."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.job import Stage
from vm_worker.stages.evaluate import evaluate
from vm_worker.stages.export import export
from vm_worker.stages.intake import intake
from vm_worker.stages.report import report
from vm_worker.stages.run import StageFunction
from vm_worker.stages.select import select
from vm_worker.stages.tune import tune

STAGES: Mapping[Stage, StageFunction] = {
    Stage.INTAKE: intake,
    Stage.SELECT: select,
    Stage.TUNE: tune,
    Stage.EVALUATE: evaluate,
    Stage.EXPORT: export,
    Stage.REPORT: report,
}
