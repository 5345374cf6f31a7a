"""The web pages, and the description of the service that programs get instead of the first page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import flask

from function import assets
from function.answers import live_page, page
from function.curves import chart
from function.reports import ShownReport
from function.statuses import UPLOADED
from function.wire import StatusAnswer
from jobs.errors import CODES, Where
from jobs.job import Job, Stage, Status
from jobs.options import (
    CLASS_LEVELS,
    DESIGN_MINUTES,
    DESIGNERS,
    DESIGNS_LEAST,
    DESIGNS_MOST,
    EXPORTS,
    OBJECTIVES,
    PHOTOS_A_MINUTE,
    SEARCHES,
    Options,
)
from jobs.part_words import FILLER_WORDS, OPPOSITES, PART_WORDS
from jobs.settings import Settings
from jobs.tasks import TASKS

REFRESH_SECONDS = 5  # seconds between two reloads in a browser that runs no scripts
# Limits that the upload page checks before it sends anything.
PAGE_LIMITS = (
    "broken_percent",
    "class_images_min",
    "class_images_warn",
    "classes_max",
    "classes_min",
    "entry_bytes",
    "minutes_max",
    "minutes_min",
    "zip_bytes",
    "zip_entries",
    "zip_ratio",
    "zip_ratio_from_bytes",
    "zip_total_bytes",
)
# Advice of a code that the page has a field for.
PAGE_ADVICE: Mapping[str, str] = {
    "ambiguous_folders": "Say below, under “Which folders are the classes”, what is meant, or put these side by side.",
}
OBJECTIVE_WORDS: Mapping[str, str] = {
    "accuracy": "the most photos right",
    "balanced": "right and quick: the smaller of equals",
    "small": "a small and quick model, for phones",
}

TITLES: Mapping[str, str] = {
    Status.AWAITING_UPLOAD: "Waiting for your photos",
    UPLOADED: "Your photos are here",
    Status.RUNNING: "Training your model",
    Status.AWAITING_WORKER: "Waiting for a machine",
    Status.DONE: "Your model is ready",
    Status.REJECTED: "These photos cannot be used yet",
    Status.FAILED: "The training failed on our side",
}
NOT_GOOD_ENOUGH = "Your model is not good enough yet"  # in place of "ready", by its report
DESIGNER_WORDS: Mapping[str, str] = {
    "none": "no",
    "controller": "yes, by a network that learns to choose (controller)",
    "q_learning": "yes, by trial and reward (q_learning)",
    "evolution": "yes, by changing the best ones (evolution)",
    "surrogate": "yes, by forecasts of what is worth a try (surrogate)",
    "bayesian": "yes, by statistics of what worked (bayesian)",
    "random": "yes, at random (random)",
}
STAGE_TITLES: Mapping[str, str] = {
    Stage.INTAKE: "Reading the photos",
    Stage.SELECT: "Comparing networks",
    Stage.TUNE: "Tuning the best one",
    Stage.EVALUATE: "Testing on photos it has never seen",
    Stage.EXPORT: "Packing the model",
    Stage.REPORT: "Writing the report",
    Stage.FINISH: "Finishing",
}


def home(settings: Settings, origin: str, offered: Sequence[str]) -> flask.Response:
    """Return the page that shows what the service does, how to send photos, and what happens to them.

    `offered` are the networks that the workers have.
    """
    values = {
        "url": settings.public_url,
        "limits": settings.limits,
        "options": _options(settings, offered),
        "objectives": {name: OBJECTIVE_WORDS[name] for name in OBJECTIVES},
        "tasks": TASKS.values(),
        "searches": SEARCHES,
        "designers": {name: DESIGNER_WORDS[name] for name in DESIGNERS},
        "search": Options().search,
        "candidates": offered,
        "config": json.dumps(_config(settings)),
        "script": assets.path("home.js"),
    }
    return live_page("home", values, origin)


def description(settings: Settings, offered: Sequence[str]) -> dict[str, object]:
    """Return the description of the service for programs, which they get instead of the first page."""
    limits = settings.limits
    return {
        "service": "modelmail",
        "what": "Photos in, model out, by email: POST an email address, PUT a zip of class folders to the link.",
        "submit": {
            "method": "POST",
            "url": f"{settings.public_url}/",
            "fields": ["email", *_options(settings, offered)],
        },
        "options": _options(settings, offered),
        "limits": {
            "zip_bytes": limits.zip_bytes,
            "minutes": [limits.minutes_min, limits.minutes_max],
            "classes": [limits.classes_min, limits.classes_max],
            "images_per_class_min": limits.class_images_min,
            "jobs_per_address_per_day": limits.jobs_per_address_per_day,
            "model_days": limits.model_days,
        },
    }


def status(answer: StatusAnswer, report: ShownReport | None, origin: str) -> flask.Response:
    """Return the status page of a job, with its report's HTML. It updates itself until the job has ended."""
    ended = answer.status in (Status.DONE, Status.REJECTED, Status.FAILED)
    values: dict[str, object] = {
        "job": answer,
        "report": report and report.body,
        "title": TITLES[answer.status] if report is None or report.good_enough else NOT_GOOD_ENOUGH,
        "stages": _stages(answer),
        "advice": CODES[answer.error.code].advice if answer.error else "",
        "refresh": None if ended else REFRESH_SECONDS,
        "chart": None if ended else chart(answer.curve),
        "script": assets.path("status.js"),
        "report_scripts": _report_scripts(report),
    }
    return live_page("status", values, origin)


def ask_delete(job: Job, token: str) -> flask.Response:
    """Return the page with the delete button."""
    return page("delete", {"short_id": job.short_id, "created_at": job.created_at, "token": token})


def deleted() -> flask.Response:
    """Return the page that follows the delete button."""
    return page("deleted", {})


def ask_refusal() -> flask.Response:
    """Return the page with the button that refuses further mail."""
    return page("refuse", {})


def refused() -> flask.Response:
    """Return the page that follows this button."""
    return page("refused", {})


def _config(settings: Settings) -> dict[str, object]:
    """Return what the upload page's scripts know of the service, so that they read an upload as the worker does."""
    return {
        "limits": {name: getattr(settings.limits, name) for name in PAGE_LIMITS},
        "parts": {"words": PART_WORDS, "fillers": sorted(FILLER_WORDS), "opposites": OPPOSITES},
        "advice": {
            code: PAGE_ADVICE.get(code, row.advice) for code, row in CODES.items() if row.where is Where.DATASET
        },
        "photos_a_minute": PHOTOS_A_MINUTE,
        "design_minutes": DESIGN_MINUTES,
    }


def _options(settings: Settings, offered: Sequence[str]) -> dict[str, str]:
    limits = settings.limits
    return {
        "minutes": f"{limits.minutes_min} to {limits.minutes_max}, {limits.minutes_default} if not given",
        "objective": _choices(OBJECTIVES),
        "candidates": f"some of {_choices(offered)}; all of them if not given" if offered else "none are here",
        "search": _choices(SEARCHES),
        "epochs": f"1 to {limits.epochs_max}",
        "trials": "none, or a whole number",
        "exports": f"some of {_choices(EXPORTS)}",
        "mirror": "true or false: photos may be flipped left to right in training",
        "from_scratch": "true or false: small networks without pretrained weights are tried too",
        "seed": "a whole number; the same seed gives the same split and the same order of trials",
        "task": f"{_choices(tuple(TASKS))}; recognised from the zip if not given",
        "classes": f"{_choices(CLASS_LEVELS)}: the folders that name the classes; found by their names if not given",
        "goal": "a number up to 1: learning stops when the validation photos reach this accuracy",
        "base": f"the continue link of an earlier job, whose model this one starts from; of up to "
        f"{limits.bases_max} links, in a list, the one whose photos are most like these is chosen; only in the body",
        "keep_photos": "true or false: the photos are kept as long as the model, so that a later job can add some",
        "add": "true or false: these photos are added to those that the earlier job kept",
        "design": f"{_choices(DESIGNERS)}: small networks are designed for these photos, and the best one is tried",
        "designs": f"none, or {DESIGNS_LEAST} to {DESIGNS_MOST}: networks that are designed at most",
        "architecture": "a network of your own as text (docs/designs.md), trained beside the others",
        "start_mail": "true or false: a mail tells when the training starts",
    }


def _choices(names: Sequence[str]) -> str:
    return ", ".join(names)


def _report_scripts(report: ShownReport | None) -> list[str]:
    """Return the addresses of the scripts that parts of the report ask for."""
    return [] if report is None else [assets.path(name) for name in report.scripts]


def _stages(answer: StatusAnswer) -> list[dict[str, str]]:
    """Return each stage with its state: "done", "now" or "later"."""
    order = [str(stage) for stage in Stage]
    if answer.status == Status.DONE:
        current = len(order)
    else:
        current = order.index(answer.stage) if answer.stage in order else -1
    states = ["done" if place < current else "now" if place == current else "later" for place in range(len(order))]
    return [{"title": STAGE_TITLES[name], "state": state} for name, state in zip(order, states, strict=True)]
