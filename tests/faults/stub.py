"""A stage table that learns nothing: the real worker, pipes, manifests and buckets, in milliseconds.

`MODELMAIL_STUB` names a folder. It holds `report.json`, the report that every job gets; `made` notes each piece
of work that a child begins; and a child that comes to the point named in `stop-at` says so in `reached` and
waits until `stop-at` is gone. `eats-memory-<job>` makes each attempt at that job die
for want of memory, in the way that it names.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from pathlib import Path
from typing import IO

from jobs.job import Stage
from vm_worker.events import File, TrialOffer
from vm_worker.stages import Output, Work

UNZIP = "half-way through unzip"
FEATURES = "half-way through features"
TRIAL = "a trial finished, not recorded"
TRIALS = "all trials done"
EXPORTED = "export written"
PLOTTED = "plots written"
RENDERED = "report rendered"
TRIAL_KEYS = tuple(hashlib.sha1(f"trial {n}".encode(), usedforsecurity=False).hexdigest() for n in range(3))

_LOCKS: list[IO[str]] = []


def _folder() -> Path:
    return Path(os.environ["MODELMAIL_STUB"])


def _note(work: Work, what: str) -> None:
    with (_folder() / "made").open("a", encoding="utf-8") as file:
        file.write(f"{time.time()} {what} {work.spec.job}\n")


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


def _file(work: Work, name: str, public: bool) -> File:
    (work.folder / name).write_text(f"{name} of {work.spec.job}", encoding="utf-8")
    return File(name, public, "text/plain")


def intake(work: Work) -> Output:
    """As if unpacked; or the end of all memory."""
    _alone(work.spec.job)
    _note(work, "stages/intake")
    how = _folder() / f"eats-memory-{work.spec.job}"
    if how.exists():
        _eat(how.read_text(encoding="utf-8"))
    _point(UNZIP)
    return Output({"photos": 40})


def _eat(how: str) -> None:
    if how == "MemoryError":
        raise MemoryError
    os.kill(os.getpid(), 9)  # what the system does to the largest process


def select(work: Work) -> Output:
    """One private file."""
    _note(work, "stages/select")
    _point(FEATURES)
    return Output({"winner": "stub"}, (_file(work, "head.npz", False),))


def tune(work: Work) -> Output:
    """Three trials, each recorded once."""
    _note(work, "stages/tune")
    for number, key in enumerate(TRIAL_KEYS):
        if key in work.spec.trials:
            continue
        _note(work, f"trials/{key}")
        if number == 1:
            _point(TRIAL)
        work.link.commit(TrialOffer(key, 1.0, {"loss": 0.5}))
    _point(TRIALS)
    return Output({"better": True}, (_file(work, "tuned.weights.h5", False),))


def evaluate(work: Work) -> Output:
    """The model."""
    _note(work, "stages/evaluate")
    return Output({}, (_file(work, "model.h5", True),))


def export(work: Work) -> Output:
    """Another format."""
    _note(work, "stages/export")
    made = _file(work, "model.keras", True)
    _point(EXPORTED)
    return Output({}, (made,))


def report(work: Work) -> Output:
    """The report that the mail is made of."""
    _note(work, "stages/report")
    plot = _file(work, "curves.png", True)
    _point(PLOTTED)
    text = (_folder() / "report.json").read_text(encoding="utf-8")
    (work.folder / "report.json").write_text(json.dumps(json.loads(text)), encoding="utf-8")
    _point(RENDERED)
    return Output({}, (plot, File("report.json", True, "application/json")))


STEPS = {
    Stage.INTAKE: intake,
    Stage.SELECT: select,
    Stage.TUNE: tune,
    Stage.EVALUATE: evaluate,
    Stage.EXPORT: export,
    Stage.REPORT: report,
}
