"""The report: one JSON object with every number of a job, and the files that people read."""

from __future__ import annotations

import base64
import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jobs import wording
from jobs.json_values import JsonObject
from jobs.options import CANDIDATES, not_taken, without_effect
from jobs.render import render
from jobs.tasks import row_of
from vm_worker.evaluation import earlier, pareto, plots, snippets, style, tables
from vm_worker.evaluation.tables import CandidateCost
from vm_worker.intake.files.grey import GREY_16_MAX
from vm_worker.learn.networks.catalogue import LARGER, plain
from vm_worker.report_facts import Facts
from vm_worker.results.candidates import CandidateRow
from vm_worker.time_notes import busy, time_notes
from vm_worker.winner_notes import BYTES_A_PARAMETER, milliseconds, winner_notes

VERSION = 1
SKIPPED_SHOWN = 20
CURVES = "curves.png"
PARETO = "pareto.png"  # drawn when there is more than one candidate to show
CARD = "model_card.md"


def build(facts: Facts) -> dict[str, Any]:
    """Return report.json: every number of the job, and the sentences that page and mail share."""
    figures = {"pictures": {}, **facts.sections.figures(facts)}
    built: dict[str, Any] = {
        "version": VERSION,
        **_sayings(facts),
        **_learning(facts),
        **earlier.told(facts),
        **figures,
        **_delivery(facts),
    }
    # A task without such a threshold is sure of each answer.
    unsure = built.get("unsure") or {}
    white = facts.dataset.grey_white or GREY_16_MAX
    delivered = [row.name for row in facts.export.files] if row_of(built).tried else []  # programs that name a class
    built["snippets"] = snippets.shown(delivered, facts.size, unsure.get("threshold") or 0, white)
    return {key: _finite(value) for key, value in built.items()}


def _sayings(facts: Facts) -> JsonObject:
    """Return the part about the job itself: its sentences, and how to repeat it."""
    dataset, sections = facts.dataset, facts.sections
    return {
        "task": sections.task,
        "job": facts.job.to_json(),
        "subject": sections.subject(facts),
        "headline": sections.headline(facts),
        "cautions": [
            *(*_missing(facts), *_without_effect(facts), *time_notes(facts)),
            *(*earlier.cautions(facts), *_goal(facts), *sections.cautions(facts)),
        ],
        "next_steps": sections.next_steps(facts),
        "dataset": replace(dataset, skipped=dataset.skipped[:SKIPPED_SHOWN]).to_json(),
        "duplicates": dataset.duplicates.to_json(),
        "undrawn": not all(map(style.drawable, dataset.classes)),
        "licence": facts.licence.to_json(),
        "versions": dict(facts.versions),
        "repeat": {"command": _command(facts), "seed": facts.job.options.seed},
        "retention": {"model_days": facts.model_days, "delete_after": _delete_after(facts)},
        "budget_minutes": facts.job.options.minutes,
        "photos_kept": facts.job.options.keep_photos and earlier.can_continue(facts),
    }


def _missing(facts: Facts) -> list[str]:
    """Return a sentence where other networks were tried than the job asked for, as those have no weights here."""
    options, rows = facts.job.options, facts.select.candidates
    absent = {row.name for row in rows if row.state == "no_weights"}
    said = []
    if options.candidates and absent.issuperset(options.candidates):
        said.append(
            f"No network that you asked for has weights on the training machine ({', '.join(options.candidates)}); "
            "those that it has were tried in their place."
        )
    if facts.select.from_scratch is not None and not (options.small_networks or facts.select.from_scratch.plan):
        said.append(
            "The training machine has no pretrained networks, so a small one was trained from scratch. "
            "A pretrained one is usually right more often."
        )
    return said


def _without_effect(facts: Facts) -> list[str]:
    """Return a sentence about options that were set and that the task which recognised the upload does not take."""
    said = without_effect(facts.job.options, facts.sections.task)
    return [said] if said else []


def _goal(facts: Facts) -> list[str]:
    """Return a sentence where the validation photos did not reach the accuracy that the user asked for."""
    goal, found = facts.job.options.goal, facts.tune.validation_score
    if goal is None or found is None or found >= goal or "goal" in not_taken(facts.job.options, facts.sections.task):
        return []
    written = [(wording.percent(goal, digits), wording.percent(found, digits)) for digits in range(4)]
    asked, came = next((pair for pair in written if pair[0] != pair[1]), written[-1])  # 95 % is not missed by 95 %
    each = facts.tune.metric == "balanced_accuracy"
    photos = f"on average {came} of each kind's validation photos" if each else f"{came} of the validation photos"
    return [f"The goal of {asked} was not reached: {photos} are right."]


def _learning(facts: Facts) -> JsonObject:
    """Return the part about learning: the candidates and trials, and their times."""
    select, tune = facts.select.to_json(), facts.tune.to_json()
    return {
        "candidates": [one.to_json() for one in _candidates(facts)],
        "pruning": select["pruning"],
        "winner": _winner(facts),
        "curve": [*select["curve"], *tune["curve"]],
        "trials": tune["trials"],
        "search": tune["search"],
        "learning_curve": select["learning_curve"],
        "suspects": select["suspects"],
        "suspects_count": facts.select.suspects_count,
        "seconds": dict(facts.seconds),
        "total_seconds": sum(facts.seconds.values()),
        "quoted_seconds": facts.quoted_seconds,
        "price": _price(facts),
        "crowding": busy(facts),
    }


def _delivery(facts: Facts) -> JsonObject:
    """Return the part about the delivered files."""
    export = facts.export.to_json()
    return {
        "model": facts.evaluate.model.to_json(),
        "files": export["files"],
        "exports": export["exports"],
        "pareto": [point.to_json() for point in _pareto(facts)],
        "machine": export["machine"],
        "mail_pictures": [CURVES, *facts.sections.mail_pictures],
    }


def write(facts: Facts, built: Mapping[str, Any], folder: Path) -> list[str]:
    """Write the report and its pictures; return the names of the files.

    report.html is self-contained, `built` becomes report.json, results.csv lists the candidates and the trials.
    """
    drawn = facts.sections.draw(facts, folder)
    if curve := [*facts.select.curve, *facts.tune.curve]:
        plots.curves(folder / CURVES, curve, facts.select.winner)
        drawn = [CURVES, *drawn]
    if pareto.draw(folder / PARETO, _pareto(facts)):
        drawn.append(PARETO)
    (folder / CARD).write_text(card(built), encoding="utf-8")
    # A task without classes has no such list.
    wrong = built.get("test", {}).get("mistakes", ())
    tables.write_results(folder / "results.csv", _candidates(facts), facts.tune.trials, wrong)
    # A file name may hold lone surrogates, which UTF-8 cannot encode; a JSON escape keeps them.
    text = json.dumps(built, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / "report.json").write_bytes(text.encode("utf-8", "backslashreplace"))
    photos = [name for name in facts.sections.shown(facts) if (folder / name).exists()]
    pictures = {name: _data_uri(folder / name) for name in (*drawn, *photos)}
    (folder / "report.html").write_text(page(built, pictures), encoding="utf-8")
    return ["report.html", "report.json", "results.csv", CARD, *drawn]


def page(report: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """Return report.html with its pictures; `pictures` gives the address of each picture by name."""
    # The files lie beside it. An address would hold the job's id, and whoever is sent the report could use that.
    beside = {**report, "files_url": ""}
    return render("report.html", report=beside, pictures=pictures, body=row_of(report).page)


def card(report: Mapping[str, Any]) -> str:
    """Return model_card.md, after Mitchell et al. (2019), "Model Cards for Model Reporting"."""
    made = [row for row in report["exports"] if row["state"] == "made" and row.get("accuracy") is not None]
    return render(row_of(report).card, report=report, data=report["dataset"], made=made)


def _finite(value: Any) -> Any:
    """Return the value with None in place of NaN and infinities, which JSON does not have. None means not measured."""
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _candidates(facts: Facts) -> list[CandidateCost]:
    return [_candidate(row, facts) for row in facts.select.rows_with(facts.pair)]


def _candidate(row: CandidateRow, facts: Facts) -> CandidateCost:
    """Return the row with the size of its model's file, in bytes.

    The chosen candidate has the size of model.h5, any other an estimate by its number of parameters. What is made of
    two networks, or of some layers twice, has the parameters that the file holds.
    """
    size = None if row.parameters is None else row.parameters * BYTES_A_PARAMETER
    chosen, cost = row.state == "chosen", facts.export.costs.get(row.name)
    joined = facts.pair or facts.tune.share is not None
    return CandidateCost(
        row=replace(row, parameters=facts.evaluate.model.total) if chosen and joined else row,
        bytes=facts.evaluate.model.bytes if chosen else size,
        milliseconds=milliseconds(facts) if chosen and joined else None if cost is None else cost.one.median,
    )


def _pareto(facts: Facts) -> list[pareto.ParetoPoint]:
    return pareto.rows(facts.select.candidates, facts.export.costs)


def _winner(facts: Facts) -> JsonObject:
    pair = facts.pair
    return {
        "name": facts.select.winner,
        "title": facts.select.best.title if pair is None else pair.title,
        "size": facts.size,
        "tuned": facts.tune.better,
        "from_scratch": facts.select.from_scratch is not None,
        "validation_accuracy": facts.tune.validation_accuracy,
        "validation_score": facts.tune.validation_score,
        "metric": facts.tune.metric,
        "note": " ".join([facts.select.note, *winner_notes(facts)]),
        "mean": facts.tune.share is not None,
        **({} if pair is None else {"pair": pair.to_json()}),
    }


def _price(facts: Facts) -> JsonObject | None:
    """Return the quoted and the real price of the machine's time, in the currency of the hourly price."""
    if not facts.hourly_price:
        return None
    spent = {"took": sum(facts.seconds.values()), "quoted": facts.quoted_seconds or 0.0}
    return {"hourly": facts.hourly_price} | {
        name: round(seconds / 3600 * facts.hourly_price, 4) for name, seconds in spent.items()
    }


def _delete_after(facts: Facts) -> str:
    started = datetime.fromisoformat(facts.job.started_at)
    return (started + timedelta(days=facts.model_days)).isoformat()


def _command(facts: Facts) -> str:
    """Return the command that repeats the run. It names the candidates that were measured.

    Other pretrained weights or another speed of the machine therefore do not change the candidates.
    """
    options = facts.job.options
    measured = [row.name for row in facts.select.candidates if row.validation_score is not None]
    ran = [row for row in facts.tune.trials if row.state != "skipped" and row.kind != "views"]
    flags = {
        "minutes": options.minutes,
        "objective": options.objective,
        # Networks trained from scratch have an option of their own.
        "candidates": ",".join(key for key in dict.fromkeys(map(_asked, measured)) if key in CANDIDATES),
        "search": options.search,
        "epochs": options.epochs,
        "trials": len(ran),
        "exports": ",".join(options.exports),
        "mirror": str(options.mirror).lower(),
        "from_scratch": str(options.from_scratch).lower(),
        "seed": options.seed,
        "classes": options.classes,
        "goal": "" if options.goal is None else options.goal,
        "base": " --base ".join(f"LINK-OF-{base}" for base in options.base) + (" --add" if options.add else ""),
        "design": options.design or "",
        "designs": "" if facts.select.design is None else len(facts.select.design.networks),
        "architecture": shlex.quote(options.architecture) if options.architecture else "",
    }
    return "modelmail submit photos.zip --email you@example.org --url URL " + " ".join(
        f"--{name.replace('_', '-')} {value}" for name, value in flags.items() if value != ""
    )


def _asked(key: str) -> str:
    """Return the name by which a job asks for a candidate: one at a larger side comes with its network."""
    key = plain(key)
    return LARGER[key].of if key in LARGER else key


def _data_uri(path: Path) -> str:
    kind = {".jpg": "jpeg", ".svg": "svg+xml"}.get(path.suffix, "png")
    return f"data:image/{kind};base64," + base64.b64encode(path.read_bytes()).decode()
