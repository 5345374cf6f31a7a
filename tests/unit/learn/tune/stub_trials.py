"""Work for the tests of tuning: the same answers as training gives, out of a formula."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jobs.json_values import Json
from vm_worker.executors.executor import MessageSink

CUTS = ("block7a_expand_conv", "block6b_expand_conv", "block6a_expand_conv", "block5a_expand_conv", "image")
asked: list[Mapping[str, Any]] = []
memory = 1000  # a batch above this is too much
head = 0.5  # accuracy of the selected head
gain = 0.01  # that views bring
late: set[str] = set()  # what does not end in time
broken: set[str] = set()  # what raises an error
delay = 0.0  # seconds of a trial
surely = True  # whether a mean with a trial is surely better than what is selected


def work(task: Mapping[str, Any], tell: MessageSink) -> dict[str, Any]:
    """Answer the task."""
    asked.append(task)
    if task["do"] in late:
        return {"state": "out_of_time"}
    if task["do"] in broken:
        raise ValueError("no such luck")
    answers = {"survey": _survey, "prepare": _prepare, "trial": _trial, "final": _final}
    return answers[task["do"]](task, tell)


def _survey(task: Mapping[str, Any], tell: MessageSink) -> dict[str, Any]:
    shares = dict(zip(CUTS, (0.05, 0.1, 0.2, 0.5, 1.0), strict=True))
    seconds = {"forward": 1e-4, "step": 3e-4, "frozen": 1 / task["images_per_second"], "view_seconds": 1e-5}
    counts = {"activations_at": dict.fromkeys(CUTS, 1000), "activations_above": dict.fromkeys(CUTS, 1000)}
    return {"state": "ended", "share_above": shares, "products": "float32", **counts, **seconds}


def _prepare(task: Mapping[str, Any], tell: MessageSink) -> dict[str, Any]:
    folder = Path(task["inputs"]["folder"])
    for name in ("head", "views"):
        np.save(folder / f"{name}.npy", np.full((12, 3), 1 / 3, np.float32))
    plain, viewed = _score(1 - head), _score(1 - head - gain)
    seen = {"surely": surely} if task["inputs"]["share"] < 1 else {}
    return {"state": "ended", "head": plain, "views": viewed, "seen": 5, "seconds": 0.1, **seen}


def error(recipe: Mapping[str, Any]) -> float:
    """Low for a rate near 1e-3 and little dropout."""
    return float(0.05 + 0.05 * abs(np.log10(recipe["rate"]) + 3) + 0.1 * recipe["dropout"])


def _score(error: float) -> dict[str, float]:
    return {"accuracy": round(1 - error, 4), "loss": error, "error": error}


def _trial(task: Mapping[str, Any], tell: MessageSink) -> dict[str, Any]:
    recipe = task["recipe"]
    if recipe["batch"] > memory:
        raise MemoryError
    time.sleep(delay)
    found, points = error(recipe), []
    for number in range(1, recipe["epochs"] + 1):
        judged: dict[str, Json] = {"validation_accuracy": 1 - found, "validation_loss": found}
        points.append({"phase": "tune", "epoch": number, "accuracy": 1 - found, "loss": found, **judged})
        tell({"epoch": points[-1], "trial": task["key"]})
    Path(task["weights"]).write_text("weights")
    np.save(Path(task["weights"]).with_suffix(".npy"), np.full((12, 3), 1 / 3, np.float32))
    result = {"state": "ended", "score": _score(found), "epochs": recipe["epochs"], "points": points}
    result |= {"surely": surely} if task["inputs"]["share"] < 1 else {}
    return {**result, "errors": [found] * recipe["epochs"], "pace": 1e-4, "seconds": 0.5}


def _final(task: Mapping[str, Any], tell: MessageSink) -> dict[str, Any]:
    training = task["training"] or {"start": "", "epochs": 0}
    if training["start"]:
        assert Path(training["start"]).read_text() == "weights", "a trial's own"
    Path(task["weights"]).write_text("final")
    return {"state": "ended", "epochs": training["epochs"]}
