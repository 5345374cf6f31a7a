"""Buckets in memory, one job in them, and a scripted child in place of the trainer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs import job as jobs
from jobs.clock import FakeClock
from jobs.job import Job, Stage
from jobs.limits import Limits
from jobs.options import Options
from jobs.queue import Queue
from jobs.records import Record
from jobs.storage.store import Buckets, MemoryStore
from jobs.telemetry import Tally
from vm_worker.events import ENDED, Answer, Ended, Event, File, StageOffer, TrialOffer
from vm_worker.job_run import JobRun
from vm_worker.lease_keeper import LeasePolicy
from vm_worker.spec import Spec
from vm_worker.worker_config import WorkerConfig

LEASE = 60.0
KEY, OTHER_KEY = "ab" * 20, "cd" * 20
STAGES = [stage for stage in Stage if stage is not Stage.FINISH]


@dataclass
class ScriptedChild:
    """Says its lines; a callable among them happens to the world instead."""

    lines: list[Event | Callable[[], None]]
    clock: FakeClock
    exit_status: int = 0
    answers: list[Answer] = field(default_factory=list)
    stopped: bool = False

    def next_event(self, timeout: float) -> Event | Ended | None:
        self.clock.advance(timeout)
        if not self.lines:
            return ENDED
        line = self.lines.pop(0)
        if callable(line):
            line()
            return None
        return line

    def answer(self, answer: Answer) -> None:
        self.answers.append(answer)

    def stop(self) -> int:
        self.stopped = True
        return -9

    def wait(self) -> int:
        return self.exit_status


class World:
    """Buckets in memory, one uploaded job, and a way to run it."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.queue = Queue(Buckets(*(MemoryStore(self.clock) for _ in range(3))), self.clock, Limits())
        self.home = folder
        self.job = self.queue.submit(jobs.new_id(), "ada@example.org", "a" * 64, Options())
        self.queue.buckets.datasets.put(f"{self.job.id}.zip", b"PK")
        self.specs: list[Spec] = []
        self.stopping = False
        self.tally = Tally()
        self.child: ScriptedChild | None = None

    def claim(self, owner: str = "w") -> Record:
        record = self.queue.claim(next(self.queue.waiting()), owner)
        assert record is not None
        return record

    def run(self, *lines: Event | Callable[[], None], exit_status: int = 0) -> None:
        child = self.child = ScriptedChild(list(lines), self.clock, exit_status)

        def launch(spec: Spec, home: Path) -> ScriptedChild:
            self.specs.append(spec)
            return child

        config = WorkerConfig(
            self.queue, launch, LeasePolicy(LEASE), stopping=lambda: self.stopping, telemetry=self.tally
        )
        JobRun(config, self.claim(), self.home, self.clock.monotonic()).run()

    def stage(self, stage: Stage, *, result: Any = None, public: bool = True, text: str = "x") -> StageOffer:
        path = self.home / "artifacts" / f"{stage}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return StageOffer(stage, 2.0, result or {}, (File(path.name, public, "text/plain"),))

    def trial(self, key: str, *, seconds: float = 3.0, result: Any = None) -> TrialOffer:
        return TrialOffer(key, seconds, result or {})

    def now(self) -> Job:
        record = self.queue.read(self.job.id)
        assert record is not None
        return record.job

    def manifest(self, stage: Stage) -> dict[str, Any]:
        return self.read(f"stages/{stage}.json")

    def read(self, name: str) -> dict[str, Any]:
        blob = self.queue.buckets.models.get(f"{self.job.id}/{name}")
        assert blob is not None
        return dict(json.loads(blob.data))
