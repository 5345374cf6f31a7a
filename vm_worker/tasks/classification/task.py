"""Classification as a task: its name and its ports."""

from __future__ import annotations

from vm_worker.results.evaluated import Evaluated
from vm_worker.tasks.classification.agreement import SameClass
from vm_worker.tasks.classification.class_folders import ClassFolders
from vm_worker.tasks.classification.face import ClassFace
from vm_worker.tasks.classification.judge import ClassJudge
from vm_worker.tasks.classification.sections import ClassSections
from vm_worker.tasks.task import Task

TASK = Task(
    name="classification",
    annotations=ClassFolders(),
    judge=ClassJudge(),
    agreement=SameClass(),
    face=ClassFace(),
    sections=ClassSections(),
    evaluated=Evaluated,
    reader=lambda options: ClassFolders(options.classes),
)
