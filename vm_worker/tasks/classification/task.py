"""Classification as a task: its name and its ports."""

from __future__ import annotations

from vm_worker.tasks.classification.class_folders import ClassFolders
from vm_worker.tasks.task import Task

TASK = Task(name="classification", annotations=ClassFolders())
