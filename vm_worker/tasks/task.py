"""The class `Task`: the ports through which the shared code uses what is special to one task.

The shared code (intake, features, search, executors, exports) knows none of the tasks, and no task knows another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from jobs.tasks import TASKS
from vm_worker.intake.annotations import Annotations
from vm_worker.intake.listing import Found


@dataclass(frozen=True)
class Task:
    """A task that a model can learn, such as classification, with its ports."""

    name: str
    annotations: Annotations[Any, Any]  # reads the labels of an upload


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
