"""The class `Task`: the ports through which the shared code uses the parts that differ between tasks.

The shared code (intake, features, search, executors, exports) knows none of the tasks, and no task knows another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from jobs.job import Stage
from jobs.options import Options
from jobs.tasks import TASKS
from vm_worker.as_json import AsJson
from vm_worker.evaluation.judge import Judge
from vm_worker.exports.agreement import Agreement
from vm_worker.exports.face import ServiceFace
from vm_worker.intake.annotations import Annotations
from vm_worker.intake.listing import Found
from vm_worker.report_facts import Sections


@dataclass(frozen=True)
class Task:
    """A task that a model can learn, such as classification, with its ports."""

    name: str
    annotations: Annotations[Any, Any]  # reads the photos and true answers of an upload
    judge: Judge[Any]  # scores a model's answers by the true ones
    agreement: Agreement[Any]  # decides whether an exported file's answers are close enough to model.h5's
    face: ServiceFace[Any, Any]  # the description that an exported model gives of itself
    sections: Sections  # the sections of the report that only this task has
    evaluated: type[AsJson]  # the figures that its evaluate stage commits; the field `model` has the model's
    # Functions that replace the shared ones of vm_worker/stages for this task, as "package.module:function".
    stages: Mapping[Stage, str] = field(default_factory=dict)
    squares: bool = True  # its networks take whole photos as squares, which intake makes
    # Makes the reader of an upload that the options ask for; None: `annotations` reads every upload.
    reader: Callable[[Options], Annotations[Any, Any]] | None = None

    def asked(self, options: Options) -> Annotations[Any, Any]:
        """Return the reader of an upload, as the options ask for."""
        return self.reader(options) if self.reader else self.annotations


def load(name: str) -> Task:
    """Return the task of this name. Raises KeyError for a name that no row of jobs/tasks.py has."""
    task: Task = import_module(f"{TASKS[name].package}.task").TASK
    return task


def recognised(found: Sequence[Found], wanted: str = "") -> Task:
    """Return the task that is wanted by name, or the first whose annotations recognise these files.

    The tasks are asked in the order of jobs/tasks.py; the last one recognises everything. Raises KeyError for an
    unknown name.
    """
    if wanted:
        return load(wanted)
    tasks = [load(name) for name in TASKS]
    return next((task for task in tasks if task.annotations.recognises(found)), tasks[-1])
