"""A job as frozen values, and the table of the changes of its status. This module reads and writes no files.

awaiting_upload -> running -> done | rejected | failed
awaiting_upload -> expired
running -> running            takeover of a dead lease
running -> awaiting_worker    the owner lets go: preempted, or its attempt crashed
any but deleted -> deleted    a tombstone without address
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from jobs.errors import Bug
from jobs.flat import Flat
from jobs.json_values import JsonObject
from jobs.options import Options
from jobs.shown import CandidateShown, PointShown

ID_BYTES = 16  # 128 random bits: everybody who knows the id sees the status and the downloads
ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{22}")
HISTORY_LENGTH = 50  # most entries in the record


class Status(StrEnum):
    """The states of a job."""

    AWAITING_UPLOAD = "awaiting_upload"
    RUNNING = "running"
    AWAITING_WORKER = "awaiting_worker"
    DONE = "done"
    REJECTED = "rejected"  # the dataset cannot be used
    FAILED = "failed"  # an error of this program or of its environment
    EXPIRED = "expired"  # no zip was uploaded in time
    DELETED = "deleted"

    @property
    def terminal(self) -> bool:
        """True when no more training will happen."""
        return self in TERMINAL


TERMINAL = frozenset({Status.DONE, Status.REJECTED, Status.FAILED, Status.EXPIRED, Status.DELETED})

TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.AWAITING_UPLOAD: frozenset({Status.RUNNING, Status.EXPIRED, Status.FAILED, Status.DELETED}),
    Status.RUNNING: frozenset(
        {Status.RUNNING, Status.AWAITING_WORKER, Status.DONE, Status.REJECTED, Status.FAILED, Status.DELETED}
    ),
    Status.AWAITING_WORKER: frozenset({Status.RUNNING, Status.FAILED, Status.DELETED}),
    Status.DONE: frozenset({Status.DELETED}),
    Status.REJECTED: frozenset({Status.DELETED}),
    Status.FAILED: frozenset({Status.DELETED}),
    Status.EXPIRED: frozenset({Status.DELETED}),
    Status.DELETED: frozenset(),
}


class Stage(StrEnum):
    """The stages of a job, in order."""

    INTAKE = "intake"
    SELECT = "select"
    TUNE = "tune"
    EVALUATE = "evaluate"
    EXPORT = "export"
    REPORT = "report"
    FINISH = "finish"


class MailState(StrEnum):
    """The states of a mail. The write of the outcome promises it (`pending`), and it is sent later."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    UNDELIVERABLE = "undeliverable"
    REFUSED = "refused"  # the address refuses mail; the status page has the result

    @property
    def settled(self) -> bool:
        """True when no more tries will be made."""
        return self in (MailState.SENT, MailState.UNDELIVERABLE, MailState.REFUSED)


@dataclass(frozen=True)
class Lease(Flat):
    """The ownership of a running job. Its token grows with every claim, so that writes of older owners are refused."""

    owner: str
    token: int


@dataclass(frozen=True)
class Progress:
    """The progress that the status page shows while the job runs."""

    stage: str = Stage.INTAKE
    fraction: float = 0.0  # share of the whole job that is done, 0..1
    message: str = ""
    quoted_seconds: float | None = None
    remaining_seconds: float | None = None
    candidates: tuple[CandidateShown, ...] = ()
    curve: tuple[PointShown, ...] = ()

    def to_json(self) -> JsonObject:
        """Return the progress as the record holds it."""
        candidates, curve = ([row.to_json() for row in rows] for rows in (self.candidates, self.curve))
        return {**vars(self), "candidates": candidates, "curve": curve}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Progress:
        """Read the JSON that `to_json` of this version or of the one before wrote. Unknown keys are left out."""
        known = {name: value for name, value in dict(data).items() if name in cls.__dataclass_fields__}
        known["candidates"] = tuple(CandidateShown.from_json(row) for row in known.get("candidates", ()))
        known["curve"] = tuple(PointShown.from_json(point) for point in known.get("curve", ()))
        return cls(**known)


@dataclass(frozen=True)
class JobError(Flat):
    """The reason why a job was rejected or has failed."""

    code: str  # a code of the table in errors.py
    message: str = ""
    file: str = ""  # the file that caused the error; empty: none


@dataclass(frozen=True)
class FileEntry(Flat):
    """A file that the user of a finished job may download."""

    object: str  # the object's name in the models bucket
    bytes: int | None = None
    content_type: str = "application/octet-stream"


@dataclass(frozen=True)
class HistoryLine(Flat):
    """A change of a job's status."""

    at: str  # RFC 3339, UTC
    event: str


@dataclass(frozen=True)
class PendingMail:
    """A mail of the record."""

    state: MailState = MailState.PENDING
    owner: str = ""
    since: datetime | None = None
    tries: int = 0
    retry_at: datetime | None = None


@dataclass(frozen=True)
class Job:
    """The record of a job, as an immutable value of its state at one time."""

    id: str
    email: str | None  # None when the last mail is settled
    email_hmac: str
    created_at: datetime
    options: Options = field(default_factory=Options)
    status: Status = Status.AWAITING_UPLOAD
    lease: Lease | None = None
    progress: Progress = field(default_factory=Progress)
    link_expires_at: datetime | None = None
    slot: str | None = None  # the day's slot of its address; empty: given back; None: it takes none
    uploaded_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    retry_at: datetime | None = None
    delete_after: datetime | None = None
    takeovers: int = 0
    preemptions: int = 0
    crashes: int = 0
    error: JobError | None = None
    files: Mapping[str, FileEntry] = field(default_factory=dict)  # key: the name that the user sees
    mails: Mapping[str, PendingMail] = field(default_factory=dict)
    history: tuple[HistoryLine, ...] = ()
    continues: str = ""  # the task of the model, where a later job can continue from it; empty: none can
    base_sha256: str = ""  # of the manifest that a later job reads to continue from the model
    write_id: str = ""

    @property
    def short_id(self) -> str:
        """The first characters of the id. A log may hold no more of it."""
        return self.id[:8]

    @property
    def moved_at(self) -> datetime:
        """The time when the job last changed its status."""
        return datetime.fromisoformat(self.history[-1].at) if self.history else self.created_at

    @property
    def settled(self) -> bool:
        """True when the job has ended and every mail is sent or given up."""
        return self.status.terminal and all(mail.state.settled for mail in self.mails.values())


def new_id() -> str:
    """Return a new, unguessable job id of 22 url-safe characters."""
    return secrets.token_urlsafe(ID_BYTES)


def valid_id(text: str) -> bool:
    """Return whether the text has the form of a job's id. It is checked before any read."""
    return ID_PATTERN.fullmatch(text) is not None


def moved(job: Job, to: Status, at: datetime, event: str, **changes: Any) -> Job:
    """Return the job in another status, with a line of history.

    Raises Bug for a change that the table does not allow.
    """
    if to not in TRANSITIONS[job.status]:
        raise Bug(f"job {job.short_id} cannot go from {job.status} to {to}")
    line = HistoryLine(_stamp(at) or "", event)
    history = (*job.history, line)[-HISTORY_LENGTH:]
    return replace(job, status=to, history=history, **changes)


def to_bytes(job: Job) -> bytes:
    """Return the record as JSON."""
    return json.dumps(_job_to_json(job), ensure_ascii=False, indent=1).encode()


def from_bytes(data: bytes) -> Job:
    """Read the record from JSON. Unknown keys are left out, so that an older program can read a newer record."""
    return _job_from_json(json.loads(data))


_TIMES = ("created_at", "link_expires_at", "uploaded_at", "started_at", "finished_at", "retry_at", "delete_after")


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _job_to_json(job: Job) -> JsonObject:
    data = {name: getattr(job, name) for name in Job.__dataclass_fields__}
    data["options"] = job.options.to_json()
    data["lease"] = job.lease.to_json() if job.lease else None
    data["progress"] = job.progress.to_json()
    data["error"] = job.error.to_json() if job.error else None
    data["files"] = {name: entry.to_json() for name, entry in job.files.items()}
    data["history"] = [line.to_json() for line in job.history]
    data["mails"] = {
        kind: {**vars(mail), "since": _stamp(mail.since), "retry_at": _stamp(mail.retry_at)}
        for kind, mail in job.mails.items()
    }
    data.update({name: _stamp(getattr(job, name)) for name in _TIMES})
    return data


def _job_from_json(data: Mapping[str, Any]) -> Job:
    known: dict[str, Any] = {name: data[name] for name in Job.__dataclass_fields__ if name in data}
    known["status"] = Status(data["status"])
    known["options"] = Options.from_json(data["options"])
    known["lease"] = Lease.from_json(data["lease"]) if data.get("lease") else None
    known["progress"] = Progress.from_json(data["progress"])
    known["error"] = JobError.from_json(data["error"]) if data.get("error") else None
    known["files"] = {name: FileEntry.from_json(entry) for name, entry in data.get("files", {}).items()}
    known["mails"] = {kind: _mail_from_json(mail) for kind, mail in data["mails"].items()}
    known["history"] = tuple(HistoryLine.from_json(line) for line in data["history"])
    known.update({name: _moment(data.get(name)) for name in _TIMES})
    return Job(**known)


def _mail_from_json(data: Mapping[str, Any]) -> PendingMail:
    return PendingMail(
        state=MailState(data["state"]),
        owner=data["owner"],
        since=_moment(data["since"]),
        tries=data["tries"],
        retry_at=_moment(data["retry_at"]),
    )
