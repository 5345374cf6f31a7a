"""The outcome of a demo: its JSON, its exit status and its last lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from function.wire import ErrorShown, StatusAnswer
from infra.cli.screen import Screen, candidates_table
from jobs import wording
from jobs.json_values import JsonObject
from jobs.shown import ACCURACY, CandidateShown


class DemoFailed(Exception):
    """The error of a step that did not work. The message names the step and the reason."""


@dataclass(frozen=True)
class Prediction:
    """The answer of the model for one photo of the test set."""

    image: str
    label: str
    probability: float | None = None  # probability of the class, 0..1; None: objects were counted


@dataclass
class Outcome:
    """The outcome of a demo. It is filled step by step, so that an interrupted demo still shows its completed steps."""

    job_id: str | None = None
    status: str | None = None
    error: ErrorShown | None = None
    files: dict[str, Path] = field(default_factory=dict)
    mail_eml: Path | None = None
    mail_html: Path | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    prediction: Prediction | None = None

    @property
    def exit_status(self) -> int:
        """The exit status: 0 only for a job that is done and a demo without an error."""
        return 0 if self.status == "done" and self.error is None else 1

    def fail(self, code: str, message: str) -> None:
        """Note an error; only the first one is kept."""
        self.error = self.error or ErrorShown(code, message)

    def take_status(self, status: StatusAnswer) -> None:
        """Note the status with which the job ended."""
        self.status = status.status
        self.error = status.error

    def take_files(self, files: dict[str, Path]) -> None:
        """Note the downloads, and read the report among them."""
        self.files = files
        self.report = json.loads(files["report.json"].read_text(encoding="utf-8"))

    def to_json(self) -> JsonObject:
        """Return the outcome as JSON values; None for steps that were not reached."""
        test, winner = self.report.get("test", {}), self.report.get("winner", {})
        return {
            "job_id": self.job_id,
            "status": self.status,
            "error": self.error.to_json() if self.error else None,
            "winner": winner.get("name"),
            "candidates": self.report.get("candidates", []),
            "test_accuracy": test.get("accuracy"),
            "test_interval": test.get("interval"),
            "seconds": self.report.get("seconds", {}),
            "quoted_seconds": self.report.get("quoted_seconds"),
            "model_h5": _text(self.files.get("model.h5")),
            "report_html": _text(self.files.get("report.html")),
            "mail_eml": _text(self.mail_eml),
        }

    def tell(self, screen: Screen) -> None:
        """Show a finished job's figures and the paths of its files."""
        screen.show(candidates_table([CandidateShown.from_json(row) for row in self.report["candidates"]]))
        for title, text in self._lines():
            screen.say(f"{title:<11}{text}")

    def _lines(self) -> list[tuple[str, str]]:
        winner, seconds = self.report["winner"], self.report["seconds"]
        return [
            ("Winner", f"{winner['title']} ({winner['name']}), validation {_score(winner)}"),
            ("Test", _test(self.report)),
            ("Time", ", ".join(f"{stage} {wording.seconds(value)}" for stage, value in seconds.items())),
            ("Mail", str(self.mail_eml)),
            ("", str(self.mail_html)),
            ("Model", str(self.files["model.h5"])),
            ("Report", str(self.files["report.html"])),
            ("Prediction", _said(self.prediction)),
        ]


def _score(winner: Mapping[str, Any]) -> str:
    metric, score = winner.get("metric", ACCURACY), winner.get("validation_score", winner.get("validation_accuracy"))
    shown = wording.percent(score, 1) if metric == ACCURACY else wording.decimals(score, 2)
    return f"{wording.metric(metric)} {shown}"


def _test(report: Mapping[str, Any]) -> str:
    """Return the figures of the test photos; those of a task without an accuracy are in its headline."""
    test = report.get("test")
    if test is None:
        return str(report["headline"])
    accuracy = f"accuracy {wording.percent(test['accuracy'], 1)}, 95 % interval {wording.interval(test['interval'])}"
    return f"{accuracy}, on {wording.plural(test['images'], 'photo')} kept aside"


def _said(answer: Prediction | None) -> str:
    if answer is None:
        return "none"
    sure = "" if answer.probability is None else f" {wording.percent(answer.probability, 1)},"
    return f"{wording.name(answer.label)},{sure} for {answer.image} of the test set"


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
