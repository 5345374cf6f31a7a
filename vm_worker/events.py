"""The messages between the worker and the child process of an attempt, each one JSON object on a line.

The child sends events; it waits for an answer after each offer of a stage or a trial.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cattrs import BaseValidationError

from jobs.job import Stage
from jobs.json_values import JsonObject
from vm_worker.as_json import AsJson, only_if_known

ProgressCallback = Callable[[float, str], None]  # takes the share of a piece of work that is done, 0..1, and a sentence


class _Message(AsJson):
    """A message whose kind is written under the key "event"."""

    kind: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """Return the fields and the kind as values that `json.dumps` takes."""
        return {"event": self.kind, **super().to_json()}


@dataclass(frozen=True)
class ProgressEvent(_Message):
    """The progress of the job. The status page shows no table for a field that is not sent."""

    kind: ClassVar[str] = "progress"
    stage: Stage
    fraction: float  # the share of the whole job that is done, 0..1
    message: str
    remaining_seconds: float | None = only_if_known()
    quoted_seconds: float | None = only_if_known()  # the quoted time from claim to outcome
    candidates: tuple[JsonObject, ...] | None = only_if_known()
    curve: tuple[JsonObject, ...] | None = only_if_known()


@dataclass(frozen=True)
class File(AsJson):
    """A file of a stage's output, in the attempt's folder."""

    name: str
    public: bool  # true: the user may download the file
    content_type: str = "application/octet-stream"


@dataclass(frozen=True)
class StageOffer(_Message):
    """A stage that has ended. The worker commits it, or answers with the result that another attempt has committed."""

    kind: ClassVar[str] = "stage"
    stage: Stage
    seconds: float
    result: JsonObject
    files: tuple[File, ...] = ()


@dataclass(frozen=True)
class TrialOffer(_Message):
    """A trial that has ended. The worker commits it in the same way as a stage."""

    kind: ClassVar[str] = "trial"
    key: str  # the trial's key, 40 hex digits
    seconds: float
    result: JsonObject
    files: tuple[File, ...] = ()
    # The stage that it is a part of.
    stage: Stage = field(default=Stage.TUNE, metadata={"omit": True})


@dataclass(frozen=True)
class Rejected(_Message):
    """A rejection: the dataset cannot be used. The child ends after this event."""

    kind: ClassVar[str] = "rejected"
    code: str
    message: str
    file: str | None = None  # the file of the dataset that causes the rejection


@dataclass(frozen=True)
class Failed(_Message):
    """A failure by an error of this program. The child ends after this event."""

    kind: ClassVar[str] = "failed"
    message: str


@dataclass(frozen=True)
class Ended:
    """The end of the child's events. It is never sent: the pipe that closes shows it."""


Event = ProgressEvent | StageOffer | TrialOffer | Rejected | Failed
ENDED = Ended()

_KINDS: dict[str, type[Event]] = {kind.kind: kind for kind in (ProgressEvent, StageOffer, TrialOffer, Rejected, Failed)}


@dataclass(frozen=True)
class Answer(AsJson):
    """The worker's answer to an offer: the offer is committed (`go`), or an earlier result counts (`adopt`)."""

    go: str | None = only_if_known()  # the name of the committed stage, or the key of the trial
    adopt: JsonObject | None = only_if_known()  # the result that another attempt has committed before

    def result(self, own: JsonObject) -> JsonObject:
        """Return the result that counts for a child whose own result is `own`."""
        return own if self.adopt is None else self.adopt


def read_event(message: JsonObject) -> Event:
    """Return the event of a child's line. Raises ValueError for a message that is no event."""
    kind = _KINDS.get(str(message.get("event")))
    if kind is None:
        raise ValueError("an event of no known kind")
    try:
        return kind.from_json(message)
    except BaseValidationError as error:
        raise ValueError(f"no {kind.kind} event: {error.exceptions[0]!r}") from error
