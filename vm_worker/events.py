"""Messages between the worker and the child process of an attempt, each one JSON object on a line.

The child sends events; it waits for an answer after each offer of a stage or a trial.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from cattrs import BaseValidationError

from jobs.job import Stage
from jobs.json_values import JsonObject
from vm_worker.as_json import AsJson, only_if_known


class _Message(AsJson):
    """A message that says its kind under the key "event"."""

    kind: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """The fields and the kind, as values that `json.dumps` takes."""
        return {"event": self.kind, **super().to_json()}


@dataclass(frozen=True)
class ProgressEvent(_Message):
    """How far the job is. Tables that are not sent are empty on the status page."""

    kind: ClassVar[str] = "progress"
    stage: Stage
    fraction: float  # 0..1 of the whole job
    message: str
    remaining_seconds: float | None = only_if_known()
    quoted_seconds: float | None = only_if_known()  # from claim to outcome
    candidates: tuple[JsonObject, ...] | None = only_if_known()
    curve: tuple[JsonObject, ...] | None = only_if_known()


@dataclass(frozen=True)
class File(AsJson):
    """One file of a stage's output, in the attempt's folder."""

    name: str
    public: bool  # the user may download it
    content_type: str = "application/octet-stream"


@dataclass(frozen=True)
class StageOffer(_Message):
    """A stage that has ended: the worker commits it, or answers with what another attempt has committed."""

    kind: ClassVar[str] = "stage"
    stage: Stage
    seconds: float
    result: JsonObject
    files: tuple[File, ...] = ()


@dataclass(frozen=True)
class TrialOffer(_Message):
    """A trial of the tuning that has ended: committed as a stage is."""

    kind: ClassVar[str] = "trial"
    key: str  # 40 hex digits
    seconds: float
    result: JsonObject
    files: tuple[File, ...] = ()


@dataclass(frozen=True)
class Rejected(_Message):
    """The dataset cannot be used. The child ends after this event."""

    kind: ClassVar[str] = "rejected"
    code: str
    message: str
    file: str | None = None  # the file of the dataset that is to blame


@dataclass(frozen=True)
class Failed(_Message):
    """An error of the program's own. The child ends after this event."""

    kind: ClassVar[str] = "failed"
    message: str


@dataclass(frozen=True)
class Ended:
    """The end of the child's events. It is never sent: the closed pipe says so."""


Event = ProgressEvent | StageOffer | TrialOffer | Rejected | Failed
ENDED = Ended()

_KINDS: dict[str, type[Event]] = {kind.kind: kind for kind in (ProgressEvent, StageOffer, TrialOffer, Rejected, Failed)}


@dataclass(frozen=True)
class Answer(AsJson):
    """What the worker says to an offer: it is committed (`go`), or another attempt's result counts (`adopt`)."""

    go: str | None = only_if_known()  # the stage, or the trial's key
    adopt: JsonObject | None = only_if_known()  # the result that was committed before

    def result(self, own: JsonObject) -> JsonObject:
        """The result that counts for a child that has made `own`."""
        return own if self.adopt is None else self.adopt


def read_event(message: JsonObject) -> Event:
    """The event that a line of the child holds. Raises ValueError for a message that is none."""
    kind = _KINDS.get(str(message.get("event")))
    if kind is None:
        raise ValueError("an event of no known kind")
    try:
        return kind.from_json(message)
    except BaseValidationError as error:
        raise ValueError(f"no {kind.kind} event: {error.exceptions[0]!r}") from error
