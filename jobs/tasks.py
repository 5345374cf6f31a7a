"""The kinds of model that a user can ask for: one row each, with the package that trains and judges it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TaskRow:
    """A kind of model. Without templates of its own, plain ones show its report; they need no figure by its name."""

    name: str  # name in the option `task`
    title: str  # name for people
    package: str  # package of the worker, which has a module `task`
    page: str = "report/plain.html"  # template of the report
    mail: str = "mail/plain"  # template of the report's mail, without .html and .txt
    card: str = "plain_card.txt"  # template of the model card
    without: tuple[str, ...] = ()  # options that it does not take
    service: str = ""  # module whose KIND serves its models; empty: they are not served
    settings: str = ""  # file beside the model that turns its output into answers; empty: it needs none
    tried: bool = False  # whether a page can try its models on photos, in the browser


_TABLE = (
    TaskRow(
        name="detection",
        title="finding and counting objects",
        package="vm_worker.tasks.detection",
        page="report/detection.html",
        card="detection_card.txt",
        service="vm_worker.tasks.detection.service.kind",
        settings="detection.json",
        without=("from_scratch", "design", "architecture", "classes", "goal", "keep_photos", "add"),
    ),
    TaskRow(
        name="classification",
        title="telling kinds of photos apart",
        package="vm_worker.tasks.classification",
        page="report/body.html",
        mail="mail/report",
        card="model_card.txt",
        service="vm_worker.exports.service.runtime.classifier",
        tried=True,
    ),
)

TASKS: Mapping[str, TaskRow] = {row.name: row for row in _TABLE}


def row_of(report: Mapping[str, object]) -> TaskRow:
    """Return the row of the task of a report. A report of the version before names no task: it is a classification.

    Raises KeyError for a task that this version does not have.
    """
    return TASKS[str(report.get("task", "classification"))]
