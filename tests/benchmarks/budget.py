"""Whole jobs of 2 to 4 minutes: what was quoted, what was allowed, what it took.

    MODELMAIL_BENCH_PHOTOS=photos.zip pytest tests/benchmarks/budget.py -o python_files='*.py' -m "" -s

The child process of an attempt runs as it does in the service; its parent here commits whatever it offers. Without
the variable the photos are scikit-learn's digits as pictures. Uploads and mail are not in these figures.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jobs.job import Stage
from jobs.limits import Limits
from jobs.options import Options
from tests.benchmarks.shrunk import digits
from vm_worker.attempt import Attempt
from vm_worker.events import Answer, Ended, Event, ProgressEvent, StageOffer, TrialOffer
from vm_worker.spec import Spec

LITES = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
JOBS: tuple[tuple[int, tuple[str, ...]], ...] = ((2, LITES), (3, LITES), (4, LITES), (2, ("efficientnet_lite2",)))
if os.environ.get("MODELMAIL_WEIGHTS"):
    JOBS = (*JOBS, (2, ("xception",)), (3, ("mobilenet", "xception", "vgg16")))
ALLOWED = 1.1  # times the budget


@dataclass
class Run:
    """What a job told."""

    quoted: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failure: str = ""


@pytest.mark.timeout(3600)
def test_jobs_end_within_their_budget(tmp_path: Path) -> None:
    photos = os.environ.get("MODELMAIL_BENCH_PHOTOS")
    source = Path(photos) if photos else digits(tmp_path, 60, 0)
    print(f"\n{'candidates':<52}{'budget, s':>10}{'quoted':>8}{'took':>7}{'share':>7}  stages")
    shares = []
    for number, (minutes, candidates) in enumerate(JOBS):
        started = time.monotonic()
        run = _run(source, tmp_path / str(number), minutes, candidates)
        took = time.monotonic() - started
        assert not run.failure, run.failure
        shares.append(took / (minutes * 60))
        stages = ", ".join(f"{name} {seconds:.0f}" for name, seconds in run.seconds.items())
        names = " ".join(name.replace("efficientnet_", "") for name in candidates)
        figures = f"{minutes * 60:>10}{run.quoted or 0:>8.0f}{took:>7.0f}{shares[-1]:>7.2f}"
        print(f"{names:<52}{figures}  {stages}", flush=True)
        for row in run.results[Stage.SELECT]["candidates"]:
            print(f"    {row['name']:<22}{row['state']:<10}{row['note']}")
    print(f"largest share of a budget: {max(shares):.2f}, allowed {ALLOWED}")


def _run(source: Path, home: Path, minutes: int, candidates: tuple[str, ...]) -> Run:
    home.mkdir()
    spec = Spec(
        job="benchmrk",
        dataset=source,
        folder=home / "artifacts",
        options=Options(minutes=minutes, candidates=candidates, exports=("h5", "keras")),
        limits=Limits(),
        seconds=minutes * 60.0,
        created_at="2026-01-01T00:00:00+00:00",
        started_at="2026-01-01T00:00:00+00:00",
        weights=os.environ.get("MODELMAIL_WEIGHTS", ""),
    )
    child, run = Attempt(spec, home), Run()
    try:
        while not isinstance(event := child.next_event(0.2), Ended):
            if event is not None:
                _hear(run, child, event)
    finally:
        child.stop()
    if Stage.REPORT not in run.results and not run.failure:
        run.failure = (home / "attempt.log").read_text(encoding="utf-8")[-2000:]
    return run


def _hear(run: Run, child: Attempt, event: Event) -> None:
    match event:
        case ProgressEvent():
            run.quoted = event.quoted_seconds or run.quoted
        case StageOffer():
            run.seconds[event.stage], run.results[event.stage] = event.seconds, event.result
            child.answer(Answer(go=event.stage))
        case TrialOffer():
            child.answer(Answer(go=event.key))
        case _:
            run.failure = str(event)
