"""Trying a model in a browser: what a page needs for it, and why some models cannot be tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs import browser_runtime, wording
from jobs.tasks import row_of

MODEL = "model.tflite"  # the file that a page fetches


@dataclass(frozen=True)
class Trial:
    """The facts that the scripts of a page need to try a model."""

    labels: tuple[str, ...]  # as people read them, in the order of the model's answers
    size: int  # side in pixels of the model's square input
    threshold: float  # below this probability the answer is "not sure"; 0: it never is
    bytes: str  # what a page fetches once, in words

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON values."""
        return {"labels": list(self.labels), "size": self.size, "threshold": self.threshold, "bytes": self.bytes}


def obstacle(report: Mapping[str, Any], files: Mapping[str, Any]) -> str:
    """Return why a page cannot try the model of this report and these files; an empty text where it can.

    None of it is said of a task whose models no page can try: see `offered`.
    """
    if missing := browser_runtime.missing():
        return f"This installation has no program to run a model in a browser: {missing}."
    if MODEL not in files:
        return f"There was no time to make {MODEL}. The command modelmail export makes it of the job's files."
    return ""


def offered(report: Mapping[str, Any]) -> bool:
    """Return whether models of the report's task can be tried on a page at all."""
    return row_of(report).tried


def trial(report: Mapping[str, Any], model_bytes: int) -> Trial:
    """Return the facts for a page that fetches a model of that size, and the runtime. Raises KeyError, TypeError."""
    unsure = report.get("unsure") or {}
    return Trial(
        labels=tuple(wording.clean(name).strip() or "(no name)" for name in report["dataset"]["classes"]),
        size=int(report["winner"]["size"]),
        threshold=float(unsure.get("threshold") or 0.0),
        bytes=wording.size(model_bytes + browser_runtime.fetched_bytes()),
    )
