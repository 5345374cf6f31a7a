"""The kinds of model that can be asked for: one row each, with the package that trains and judges it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TaskRow:
    """One kind of model."""

    name: str  # as the option `task` names it
    title: str  # for people
    package: str  # of the worker


_TABLE = (TaskRow("classification", "telling kinds of photos apart", "vm_worker.tasks.classification"),)

TASKS: Mapping[str, TaskRow] = {row.name: row for row in _TABLE}
