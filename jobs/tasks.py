"""The kinds of model that can be asked for: one row each, with the package that trains and judges it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TaskRow:
    """One kind of model. A row without templates of its own is shown by plain ones, which know no figure by name."""

    name: str  # as the option `task` names it
    title: str  # for people
    package: str  # of the worker; it has a module `task`
    page: str = "report/plain.html"  # the template of the report
    mail: str = "mail/plain"  # of the report's mail, without .html and .txt
    card: str = "plain_card.txt"  # of the model card


_TABLE = (
    TaskRow(
        name="classification",
        title="telling kinds of photos apart",
        package="vm_worker.tasks.classification",
        page="report/body.html",
        mail="mail/report",
        card="model_card.txt",
    ),
)

TASKS: Mapping[str, TaskRow] = {row.name: row for row in _TABLE}


def row_of(report: Mapping[str, object]) -> TaskRow:
    """The row of the task that a report is of. A report of the version before names none: it is a classification.

    Raises KeyError for a task that this version does not have.
    """
    return TASKS[str(report.get("task", "classification"))]
