"""A job's record as the answer that its owner sees: only the keys listed here ever leave the service."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from function.answers import stamp
from function.links import Links
from jobs.job import Job, Status
from jobs.store import Stat

UPLOADED = "uploaded"  # a value of the answer, never of the record
CANDIDATE_KEYS = ("name", "validation_accuracy", "validation_interval", "seconds", "state")
CURVE_KEYS = ("phase", "epoch", "accuracy", "validation_accuracy", "loss", "validation_loss")

_MESSAGES: Mapping[str, str] = {
    Status.AWAITING_UPLOAD: "Waiting for the zip.",
    UPLOADED: "The zip is here. The training starts as soon as a machine is free.",
    Status.AWAITING_WORKER: "Waiting for a machine to go on.",
    Status.DONE: "The model and its report are ready to download.",
    Status.REJECTED: "These photos cannot be used as they are.",
    Status.FAILED: "Something broke on our side.",
}


def gone(job: Job, now: datetime) -> bool:
    """Whether the job answers like one that never was: expired, deleted, or past its time."""
    past = job.delete_after is not None and now >= job.delete_after
    return past or job.status in (Status.EXPIRED, Status.DELETED)


def status_answer(job: Job, dataset: Stat | None, links: Links) -> dict[str, Any]:
    """The status of a job. `dataset` is the uploaded zip, None where there is none."""
    waiting = job.status is Status.AWAITING_UPLOAD
    status = UPLOADED if waiting and dataset is not None else str(job.status)
    uploaded_at = job.uploaded_at or (dataset.created if dataset else None)
    return {
        "job_id": job.id,
        "status": status,
        "stage": str(job.progress.stage) if job.started_at else None,
        "progress": 1.0 if job.status is Status.DONE else _number(job.progress.fraction),
        "message": _message(job, status),
        "created_at": stamp(job.created_at),
        "uploaded_at": stamp(uploaded_at),
        "started_at": stamp(job.started_at),
        "finished_at": stamp(job.finished_at),
        "minutes": job.options.minutes,
        "quoted_seconds": _number(job.progress.quoted_seconds),
        "remaining_seconds": 0.0 if job.status.terminal else _number(job.progress.remaining_seconds),
        "candidates": _rows(job.progress.candidates, CANDIDATE_KEYS),
        "curve": _rows(job.progress.curve, CURVE_KEYS),
        "error": {"code": job.error["code"], "message": job.error["message"]} if job.error else None,
        "files": [
            {"name": name, "url": links.file(job.id, name), "bytes": row.get("bytes")}
            for name, row in job.files.items()
        ],
        "delete_after": stamp(job.delete_after),
    }


def _message(job: Job, status: str) -> str:
    if job.error:
        return job.error["message"]
    return _MESSAGES.get(status) or job.progress.message


def _rows(rows: Iterable[Mapping[str, Any]], keys: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{key: _number(row.get(key)) for key in keys} for row in rows]


def _number(value: Any) -> Any:
    """The value; None for a loss or an interval that is not finite, because JSON has no NaN."""
    parts = value if isinstance(value, list | tuple) else (value,)
    finite = all(math.isfinite(part) for part in parts if isinstance(part, float))
    return value if finite else None
