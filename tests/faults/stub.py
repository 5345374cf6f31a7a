"""A stage table that learns nothing: the real worker, pipes, manifests and buckets, in milliseconds.

`MODELMAIL_STUB` names a folder. It holds `report.json`, the report that every job gets; `made` notes each piece of work
that a child begins, and of which attempt, `bytes` the hash of each file that it makes. A child that comes to the point
named in `stop-at` says so in `reached` and waits until `stop-at` is gone. `eats-memory-<job>` makes each attempt at
that job die for want of memory, in the way that it names.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from jobs.job import Stage
from vm_worker.as_json import AsJson
from vm_worker.events import File, TrialOffer
from vm_worker.results.candidates import Selected
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output

UNZIP = "half-way through unzip"
FEATURES = "half-way through features"
TRIAL = "a trial finished, not recorded"
TRIALS = "all trials done"
EXPORTED = "export written"
PLOTTED = "plots written"
RENDERED = "report rendered"
TRIAL_KEYS = tuple(hashlib.sha1(f"trial {n}".encode(), usedforsecurity=False).hexdigest() for n in range(3))


@dataclass(frozen=True)
class Photos(AsJson):
    """How many photos there are said to be."""

    photos: int


@dataclass(frozen=True)
class Better(AsJson):
    """Whether tuning is said to have helped."""

    better: bool


@dataclass(frozen=True)
class Nothing(AsJson):
    """An empty result."""


_LOCKS: list[IO[str]] = []


def _folder() -> Path:
    return Path(os.environ["MODELMAIL_STUB"])


def _note(context: StageContext, what: str) -> None:
    attempt = context.spec.folder.parent.name.rpartition("-")[2]
    with (_folder() / "made").open("a", encoding="utf-8") as file:
        file.write(f"{time.time()} {what} {context.spec.job} {attempt}\n")


def _alone(job: str) -> None:
    """Hold a lock on the job for as long as this attempt lives, and note when another holds it."""
    lock = (_folder() / f"lock-{job}").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        (_folder() / f"overlap-{job}").touch()
    _LOCKS.append(lock)


def overlaps(folder: Path) -> list[str]:
    """The jobs that two attempts worked on at a time."""
    return sorted(path.name for path in folder.glob("overlap-*"))


def _point(name: str) -> None:
    wanted = _folder() / "stop-at"
    if wanted.exists() and wanted.read_text(encoding="utf-8") == name:
        (_folder() / "reached").touch()
        while wanted.exists():
            time.sleep(0.02)


def _file(context: StageContext, name: str, public: bool) -> File:
    """A file that no two attempts make alike, so that one of mixed origin shows."""
    _write(context, name, f"{name} of {context.spec.job} by {os.getpid()}\n".encode() * 1000)
    return File(name, public, "text/plain")


def _write(context: StageContext, name: str, data: bytes) -> None:
    (context.folder / name).write_bytes(data)
    with (_folder() / "bytes").open("a", encoding="utf-8") as file:
        file.write(f"{name} {hashlib.sha256(data).hexdigest()}\n")


def intake(context: StageContext) -> Output:
    """As if unpacked; or the end of all memory."""
    _alone(context.spec.job)
    _note(context, "stages/intake")
    how = _folder() / f"eats-memory-{context.spec.job}"
    if how.exists():
        _eat(how.read_text(encoding="utf-8"))
    _point(UNZIP)
    return Output(Photos(40))


def _eat(how: str) -> None:
    if how == "MemoryError":
        raise MemoryError
    os.kill(os.getpid(), 9)  # what the system does to the largest process


def select(context: StageContext) -> Output:
    """One private file."""
    _note(context, "stages/select")
    _point(FEATURES)
    return Output(Selected("stub", (), (), ""), (_file(context, "head.npz", False),))


def tune(context: StageContext) -> Output:
    """Three trials, each recorded once."""
    _note(context, "stages/tune")
    for number, key in enumerate(TRIAL_KEYS):
        if key in context.spec.trials:
            continue
        _note(context, f"trials/{key}")
        if number == 1:
            _point(TRIAL)
        context.link.commit(TrialOffer(key, 1.0, {"loss": 0.5}))
    _point(TRIALS)
    return Output(Better(True), (_file(context, "tuned.weights.h5", False),))


def evaluate(context: StageContext) -> Output:
    """The model."""
    _note(context, "stages/evaluate")
    return Output(Nothing(), (_file(context, "model.h5", True),))


def export(context: StageContext) -> Output:
    """Another format."""
    _note(context, "stages/export")
    made = _file(context, "model.keras", True)
    _point(EXPORTED)
    return Output(Nothing(), (made,))


def report(context: StageContext) -> Output:
    """The report that the mail is made of."""
    _note(context, "stages/report")
    plot = _file(context, "curves.png", True)
    _point(PLOTTED)
    text = (_folder() / "report.json").read_text(encoding="utf-8")
    _write(context, "report.json", json.dumps(json.loads(text)).encode())
    _point(RENDERED)
    return Output(Nothing(), (plot, File("report.json", True, "application/json")))


STAGES = {
    Stage.INTAKE: intake,
    Stage.SELECT: select,
    Stage.TUNE: tune,
    Stage.EVALUATE: evaluate,
    Stage.EXPORT: export,
    Stage.REPORT: report,
}
