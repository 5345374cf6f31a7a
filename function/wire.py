"""The answers of the service to programs, as frozen values and JSON: the service and its client share them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from jobs.flat import Flat
from jobs.json_values import JsonObject
from jobs.shown import CandidateShown, PointShown
from jobs.storage.links import Link

CANDIDATE_KEYS = (
    "name", "validation_accuracy", "validation_score", "metric", "validation_interval", "seconds", "state",
)  # fmt: skip
CURVE_KEYS = (
    "phase", "epoch", "accuracy", "validation_accuracy", "validation_score", "metric", "loss", "validation_loss",
)  # fmt: skip


@dataclass(frozen=True)
class Upload:
    """The link for sending the zip of a job, and the link that starts an upload in parts."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    max_bytes: int = 0
    resumable: Link | None = None  # starts an upload in parts; None: not offered
    method: str = "PUT"
    expires_at: str | None = None  # RFC 3339, UTC

    def to_json(self) -> JsonObject:
        """Return the part `upload` of an answer; it has no `resumable` when there is no such upload."""
        plain = ("method", "url", "headers", "expires_at", "max_bytes")
        resumable = {"resumable": self.resumable.to_json()} if self.resumable else {}
        return {name: getattr(self, name) for name in plain} | resumable

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Upload:
        """Read the part `upload` of an answer. Raises KeyError, TypeError for other data."""
        known = {one.name: data[one.name] for one in fields(cls) if one.name in data}
        if known.get("resumable"):
            known["resumable"] = Link.from_json({"method": "POST", **known["resumable"]})
        return cls(**known)


@dataclass(frozen=True)
class SubmissionAnswer:
    """The answer to a new job."""

    job_id: str
    upload: Upload
    status_url: str
    delete_url: str

    def to_json(self) -> JsonObject:
        """Return the answer as JSON values."""
        return {**vars(self), "upload": self.upload.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SubmissionAnswer:
        """Read the answer. Raises KeyError, TypeError for other data."""
        return cls(data["job_id"], Upload.from_json(data["upload"]), data["status_url"], data["delete_url"])


@dataclass(frozen=True)
class ErrorShown(Flat):
    """The reason why a job was refused or has failed."""

    code: str
    message: str = ""


@dataclass(frozen=True)
class FileShown(Flat):
    """A result that can be downloaded."""

    name: str
    url: str
    bytes: int | None = None


@dataclass(frozen=True)
class StatusAnswer:
    """The state of a job. Times are RFC 3339 in UTC; None means not known yet."""

    status: str
    job_id: str = ""
    stage: str | None = None
    progress: float | None = 0.0  # share of the whole job that is done, 0..1
    message: str = ""
    created_at: str | None = None
    uploaded_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    minutes: int | None = None
    quoted_seconds: float | None = None
    remaining_seconds: float | None = None
    candidates: tuple[CandidateShown, ...] = ()
    curve: tuple[PointShown, ...] = ()
    error: ErrorShown | None = None
    files: tuple[FileShown, ...] = ()
    delete_after: str | None = None
    continue_url: str | None = None  # the link by which a later job continues from this one's model; None: none can
    jobs_before: int | None = None  # jobs that were sent earlier and wait or run, while this one waits

    def to_json(self) -> JsonObject:
        """Return the answer as JSON values. Candidates and curve have only the keys that are listed here."""
        return {
            **vars(self),
            "candidates": [{key: getattr(row, key) for key in CANDIDATE_KEYS} for row in self.candidates],
            "curve": [{key: getattr(point, key) for key in CURVE_KEYS} for point in self.curve],
            "error": self.error.to_json() if self.error else None,
            "files": [file.to_json() for file in self.files],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StatusAnswer:
        """Read the answer of a service of this version, of the one before or of a later one.

        Raises KeyError, TypeError for other data.
        """
        known = {one.name: data[one.name] for one in fields(cls) if one.name in data}
        known["candidates"] = tuple(CandidateShown.from_json(row) for row in data.get("candidates", ()))
        known["curve"] = tuple(PointShown.from_json(point) for point in data.get("curve", ()))
        known["error"] = ErrorShown.from_json(data["error"]) if data.get("error") else None
        known["files"] = tuple(FileShown.from_json(file) for file in data.get("files", ()))
        return cls(**known)
