"""The report: one set of plain data, and the files that people read."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jobs.options import CANDIDATES
from jobs.render import render
from vm_worker.evaluation import advice, gallery, matrix, pareto, plots, style, tables

VERSION = 1
SKIPPED_SHOWN = 20
MAIL_PICTURES = ("curves.png", "confusion.png")  # none of the photos: a mail cannot be deleted afterwards
PARETO = "pareto.png"  # where there is more than one candidate to show
CARD = "model_card.md"
PICTURES = (*MAIL_PICTURES, "reliability.png", "learning.png")
PHOTOS = (gallery.MISTAKES, gallery.PAIRS, gallery.LOOKED)  # drawn while the photos were there, where there were any
BYTES_A_PARAMETER = 4


@dataclass(frozen=True)
class Facts:
    """What the stages committed, as plain JSON values."""

    job: Mapping[str, Any]  # id_short, created_at, started_at (ISO texts), options
    dataset: Mapping[str, Any]  # Dataset.to_json()
    select: Mapping[str, Any]  # winner, candidates, curve, note, pruning, learning_curve, suspects, suspects_count
    tune: Mapping[str, Any]  # better, trials, curve, validation_accuracy, validation_loss
    # test: of metrics.evaluate; calibration; unsure; pictures: what the photographs show, by file name;
    # model: layers, total, trainable, non_trainable, input, bytes
    evaluate: Mapping[str, Any]
    export: Mapping[str, Any]  # exports, files
    seconds: Mapping[str, float]  # by stage, of the stages that ended so far
    versions: Mapping[str, str]
    licence: Mapping[str, str]  # name, attribution: of the winner's pretrained weights
    size: int  # pixels: the side of the picture that the winner takes
    quoted_seconds: float | None = None  # told before the training, everything included
    hourly_price: float = 0.0  # of the machine; 0 = not said
    model_days: int = 30  # how long the model can be downloaded
    files_url: str = ""  # absolute, such as https://.../jobs/<id>/files; empty: links to files that lie beside


def build(facts: Facts) -> dict[str, Any]:
    """report.json: every number of the job, and the sentences that page and mail share. Pure."""
    built = {"version": VERSION, **_sayings(facts), **_learning(facts), **_judgement(facts), **_delivery(facts)}
    return {key: _finite(value) for key, value in built.items()}


def _sayings(facts: Facts) -> dict[str, Any]:
    """The job, what is said of it, and how to repeat it."""
    test, dataset = facts.evaluate["test"], facts.dataset
    return {
        "job": dict(facts.job),
        "headline": advice.headline(test, len(dataset["classes"])),
        "cautions": advice.cautions(test),
        "next_steps": _steps(facts),
        "dataset": {**dataset, "skipped": list(dataset["skipped"])[:SKIPPED_SHOWN]},
        "duplicates": dataset["duplicates"],
        "undrawn": not all(map(style.drawable, dataset["classes"])),
        "licence": dict(facts.licence),
        "versions": dict(facts.versions),
        "repeat": {"command": _command(facts), "seed": facts.job["options"]["seed"]},
        "retention": {"model_days": facts.model_days, "delete_after": _delete_after(facts)},
        "budget_minutes": facts.job["options"]["minutes"],
    }


def _learning(facts: Facts) -> dict[str, Any]:
    """What was tried, in what time."""
    return {
        "candidates": [_candidate(row, facts) for row in facts.select["candidates"]],
        "pruning": list(facts.select.get("pruning", ())),
        "winner": _winner(facts),
        "curve": [*facts.select["curve"], *facts.tune["curve"]],
        "trials": list(facts.tune["trials"]),
        "search": facts.tune.get("search"),
        "learning_curve": facts.select.get("learning_curve"),
        "suspects": list(facts.select.get("suspects", ())),
        "suspects_count": facts.select.get("suspects_count"),
        "seconds": dict(facts.seconds),
        "total_seconds": sum(facts.seconds.values()),
        "quoted_seconds": facts.quoted_seconds,
        "price": _price(facts),
    }


def _judgement(facts: Facts) -> dict[str, Any]:
    """What the photos kept aside say of the model."""
    return {
        "test": facts.evaluate["test"],
        "calibration": facts.evaluate.get("calibration"),
        "unsure": facts.evaluate.get("unsure"),
        "pictures": dict(facts.evaluate.get("pictures", {})),
        "matrix_classes": matrix.MATRIX_CLASSES,
        "shares_classes": matrix.SHARES_CLASSES,
    }


def _delivery(facts: Facts) -> dict[str, Any]:
    """What is handed over."""
    return {
        "model": facts.evaluate["model"],
        "files": list(facts.export["files"]),
        "exports": list(facts.export["exports"]),
        "pareto": pareto.rows(facts.select["candidates"], facts.export.get("costs", {})),
        "machine": facts.export.get("machine"),
        "files_url": facts.files_url,
        "mail_pictures": list(MAIL_PICTURES),
        "snippet": render("snippet.txt", size=facts.size),
    }


def write(report: Mapping[str, Any], folder: Path) -> list[str]:
    """Write report.html (self-contained), report.json, results.csv, the card and the pictures; returns their names."""
    plots.curves(folder / "curves.png", report["curve"], report["winner"]["name"])
    matrix.confusion(folder / "confusion.png", report["test"]["confusion"], report["dataset"]["classes"])
    plots.reliability(folder / "reliability.png", report["calibration"])
    plots.learning(folder / "learning.png", report["learning_curve"])
    drawn = [*PICTURES, *([PARETO] if pareto.draw(folder / PARETO, report["pareto"]) else [])]
    (folder / CARD).write_text(card(report), encoding="utf-8")
    tables.write_results(folder / "results.csv", report["candidates"], report["trials"])
    # Half characters of broken names have no UTF-8; a JSON escape keeps them as they were.
    text = json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / "report.json").write_bytes(text.encode("utf-8", "backslashreplace"))
    photos = [name for name in PHOTOS if name in report["pictures"] and (folder / name).exists()]
    pictures = {name: _data_uri(folder / name) for name in (*drawn, *photos)}
    (folder / "report.html").write_text(page(report, pictures), encoding="utf-8")
    return ["report.html", "report.json", "results.csv", CARD, *drawn]


def page(report: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """report.html, with the pictures (name -> address) in it."""
    return render("report.html", report=report, pictures=pictures)


def card(report: Mapping[str, Any]) -> str:
    """model_card.md, after Mitchell et al. (2019), "Model Cards for Model Reporting"."""
    made = [row for row in report["exports"] if row["state"] == "made" and row.get("accuracy") is not None]
    values = {"data": report["dataset"], "test": report["test"], "calibration": report["calibration"], "made": made}
    return render("model_card.txt", report=report, **values)


def _finite(value: Any) -> Any:
    """The same without NaN and infinities, which JSON does not have: what was not measured is None."""
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _steps(facts: Facts) -> list[str]:
    select, evaluate = facts.select, facts.evaluate
    curve, suspects = select.get("learning_curve"), select.get("suspects_count")
    return advice.next_steps(evaluate["test"], curve, suspects, evaluate.get("unsure"))


def _candidate(row: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """With the size of its file: of model.h5 for the chosen one, else about, by its parameters."""
    size = None if row["parameters"] is None else row["parameters"] * BYTES_A_PARAMETER
    chosen = row["name"] == facts.select["winner"]
    figures = facts.export.get("costs", {}).get(row["name"])
    return {
        **row,
        "bytes": facts.evaluate["model"]["bytes"] if chosen else size,
        "milliseconds": figures["one"]["median"] if figures else None,  # one photo, one core, as a TFLite model
    }


def _winner(facts: Facts) -> dict[str, Any]:
    name = facts.select["winner"]
    row = next(row for row in facts.select["candidates"] if row["name"] == name)
    return {
        "name": name,
        "title": row["title"],
        "size": facts.size,
        "tuned": facts.tune["better"],
        "from_scratch": facts.select.get("from_scratch") is not None,
        "validation_accuracy": facts.tune["validation_accuracy"],
        "note": facts.select["note"],
    }


def _price(facts: Facts) -> dict[str, float] | None:
    """What the machine's time was quoted at, and cost; in the unit of the hourly price."""
    if not facts.hourly_price:
        return None
    spent = {"took": sum(facts.seconds.values()), "quoted": facts.quoted_seconds or 0.0}
    return {"hourly": facts.hourly_price} | {
        name: round(seconds / 3600 * facts.hourly_price, 4) for name, seconds in spent.items()
    }


def _delete_after(facts: Facts) -> str:
    started = datetime.fromisoformat(facts.job["started_at"])
    return (started + timedelta(days=facts.model_days)).isoformat()


def _command(facts: Facts) -> str:
    """The same run again: what was measured is named, so that other weights or another speed change nothing."""
    options = facts.job["options"]
    measured = [row["name"] for row in facts.select["candidates"] if row["validation_accuracy"] is not None]
    ran = [row for row in facts.tune["trials"] if row["state"] != "skipped" and row["kind"] != "views"]
    flags = {
        "minutes": options["minutes"],
        "objective": options["objective"],
        "candidates": ",".join(key for key in measured if key in CANDIDATES),  # those from scratch have a flag
        "search": options["search"],
        "epochs": options["epochs"],
        "trials": len(ran),
        "exports": ",".join(options["exports"]),
        "mirror": str(options["mirror"]).lower(),
        "from_scratch": str(options.get("from_scratch", False)).lower(),
        "seed": options["seed"],
    }
    return "modelmail submit photos.zip --email you@example.org --url URL " + " ".join(
        f"--{name.replace('_', '-')} {value}" for name, value in flags.items() if value != ""
    )


def _data_uri(path: Path) -> str:
    kind = "jpeg" if path.suffix == ".jpg" else "png"
    return f"data:image/{kind};base64," + base64.b64encode(path.read_bytes()).decode()
