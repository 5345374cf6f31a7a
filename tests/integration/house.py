"""Buckets in memory and a worker with real children: whole jobs without a function, a mailbox or a network."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jobs import job as jobs
from jobs.clock import SystemClock
from jobs.job import Job, Status
from jobs.limits import Limits
from jobs.options import Options
from jobs.queue import Queue
from jobs.storage.store import Buckets, MemoryStore
from vm_worker.attempt import Attempt
from vm_worker.job_run import JobRun
from vm_worker.lease_keeper import LeasePolicy
from vm_worker.spec import USUAL_STAGES, Spec
from vm_worker.worker_config import WorkerConfig


@dataclass
class House:
    """Buckets in memory, and a worker whose children run the stages of a module."""

    queue: Queue
    folder: Path
    options: Options
    weights: str = ""
    stages: str = USUAL_STAGES

    @classmethod
    def build(cls, folder: Path, options: Options, **more: str) -> House:
        """A house without jobs; `options` are those of each job."""
        clock = SystemClock()
        queue = Queue(Buckets(*(MemoryStore(clock) for _ in range(3))), clock, Limits())
        return cls(queue, folder, options, **more)

    def run(self, photos: bytes, before: Callable[[], None] = lambda: None, **options: Any) -> Job:
        """Run one job to its end; `before` is called when its child is about to start."""
        queue, job_id = self.queue, jobs.new_id()
        queue.submit(job_id, "ada@example.org", "a" * 64, replace(self.options, **options))
        queue.buckets.datasets.put(f"{job_id}.zip", photos)
        (waiting,) = queue.waiting()
        record = queue.claim(waiting, "w")
        assert record is not None

        def launch(spec: Spec, home: Path) -> Attempt:
            before()
            return Attempt(replace(spec, stages=self.stages), home)

        config = WorkerConfig(queue, launch, LeasePolicy(60.0), weights=self.weights)
        home = self.folder / job_id
        home.mkdir()
        JobRun(config, record, home, queue.clock.monotonic()).run()
        ended = queue.read(job_id)
        assert ended is not None
        assert ended.job.status is Status.DONE, (home / "attempt.log").read_text()
        queue.close(job_id)
        return ended.job

    def report(self, job: Job) -> Any:
        """The job's report.json."""
        blob = self.queue.buckets.models.get(job.files["report.json"].object)
        assert blob is not None
        return json.loads(blob.data)

    def objects(self, job: Job) -> set[str]:
        """The names of the job's objects in the models bucket, without their folders."""
        return {stat.name.rpartition("/")[2] for stat in self.queue.buckets.models.list(f"{job.id}/")}
