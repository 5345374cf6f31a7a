"""The moments in a job's life at which it is hit: some the child comes to, some are requests on their way."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults import stub
from tests.faults.gate import Seen


@dataclass(frozen=True)
class Point:
    """A named moment. `matches` None: the child says when it is there."""

    name: str
    matches: Callable[[Seen], bool] | None = None
    before: bool = True  # the request is held before it arrives; else after it is done, before its answer
    mails: int = 1  # at most, with one Message-ID


def _record(text: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.name.startswith("jobs/") and text.encode() in seen.body


def _made(part: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.method == "POST" and part in seen.name


def _stored(file: str) -> Callable[[Seen], bool]:
    """The file of whichever attempt comes so far: on a crowded machine the first may lose its lease before."""
    path = re.compile(rf"/artifacts/\d+/{re.escape(file)}$")
    return lambda seen: seen.method == "POST" and path.search(seen.name) is not None


def _asked(method: str, part: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.method == method and part in seen.path


POINTS = (
    Point("before the claim", _record('"status": "running"')),
    Point("claimed, not yet known", _record('"status": "running"'), before=False),
    Point("dataset asked for", lambda seen: "-datasets/o/" in seen.path and "alt=media" in seen.path),
    Point(stub.UNZIP),
    Point("before the intake's manifest", _made("/stages/intake.json")),
    Point("after intake", _made("/stages/intake.json"), before=False),
    Point(stub.FEATURES),
    Point("artifacts there, no manifest", _stored("head.npz"), before=False),
    Point(stub.TRIAL),
    Point("trial recorded, not answered", _made("/trials/"), before=False),
    Point(stub.TRIALS),
    Point(stub.EXPORTED),
    Point(stub.PLOTTED),
    Point(stub.RENDERED),
    Point("before the outcome", _record('"status": "done"')),
    Point("after the outcome", _record('"status": "done"'), before=False),
    Point("mail taken, not sent", _record('"state": "sending"'), before=False),
    Point("accepted, not marked", _asked("POST", "/v3/mail/send"), before=False, mails=2),
    Point("marked as sent", _record('"state": "sent"'), before=False),
    Point("before the open mark goes", _asked("DELETE", "/o/open/")),
)
