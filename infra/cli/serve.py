"""`modelmail serve`: the REST and SOAP service of a job's folder, the same as in its service.pyz."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.cli.screen import Screen
from vm_worker.exports.service.runtime.bundle import MODEL, About, Bundle, from_folder, from_zip
from vm_worker.exports.service.runtime.serve import run as serve


def run(model: Path, host: str, port: int) -> int:
    """Serve until Ctrl-C; return the exit status. `model` is a service.pyz, a job's folder, or a file in it."""
    screen = Screen()
    try:
        if not model.exists():
            raise ValueError(f"There is no {model}")
        bundle = from_zip(model) if model.suffix == ".pyz" else _of_folder(model if model.is_dir() else model.parent)
        return serve(bundle, host, port)
    except (ValueError, OSError) as error:
        screen.say(f"{error}.")
        if MODEL in str(error):
            screen.say('A job makes it when its option "exports" names tflite.')
        return 2


def _of_folder(folder: Path) -> Bundle:
    bundle = from_folder(folder)
    try:
        known = about(json.loads((folder / "report.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError):  # a model without a report
        known = {}
    return replace(bundle, about=known or bundle.about)


def about(report: Mapping[str, Any]) -> About:
    """Return the facts of a report that a service shows; empty where they are not in it."""
    try:
        known: About = {"title": report["winner"]["title"], "licence": report["licence"]["name"]}
        if "detection" in report:
            scores = report["detection"]["scores"]
            known["count_error"] = float(scores["count_error"])
            known["labelled"], known["found"] = int(scores["labelled"]), int(scores["found"])
        else:
            known["accuracy"], known["interval"] = report["test"]["accuracy"], report["test"]["interval"]
            known["threshold"] = (report.get("unsure") or {}).get("threshold")
    except (KeyError, TypeError, ValueError):
        return {}
    return known
