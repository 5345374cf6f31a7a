"""Buckets in memory, and workers on them whose attempts refuse every dataset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jobs import job as jobs
from jobs.catalogue import Stock
from jobs.clock import FakeClock
from jobs.job import Status
from jobs.limits import Limits
from jobs.mail.letters import Letterhead
from jobs.mail.message import ListMailer
from jobs.mail.postman import Postman
from jobs.options import Options
from jobs.queue import Queue
from jobs.records import Record
from jobs.storage.store import Buckets, MemoryStore
from vm_worker.events import Answer, Rejected
from vm_worker.lease_keeper import LeasePolicy
from vm_worker.spec import Spec
from vm_worker.worker import Worker
from vm_worker.worker_config import Launch, WorkerConfig

LEASE = 60.0
REJECTION = Rejected("one_class", "There is only the class cats.", "cats/")


@dataclass
class Refuser:
    """A child that finds every dataset wanting."""

    said: bool = False

    def next_event(self, timeout: float) -> Rejected:
        return REJECTION

    def answer(self, answer: Answer) -> None:
        raise AssertionError("there is no stage to answer")

    def stop(self) -> int:
        return 0

    def wait(self) -> int:
        return 1


class House:
    """Buckets in memory and workers on them."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.queue = Queue(Buckets(*(MemoryStore(self.clock) for _ in range(3))), self.clock, Limits())
        self.mailer = ListMailer()
        self.folder = folder
        self.launched: list[str] = []
        self.launch: Launch = self._launch
        self.stopping = False

    def _launch(self, spec: Spec, home: Path) -> Refuser:
        self.launched.append(spec.job)
        return Refuser()

    def worker(self, name: str, stock: Stock | None = None) -> Worker:
        head = Letterhead("modelmail@example.org", "operator@example.org", "http://here", "secret")
        postman = Postman(self.queue, self.mailer, head, name)
        config = WorkerConfig(
            self.queue,
            lambda spec, home: self.launch(spec, home),
            LeasePolicy(LEASE),
            stopping=lambda: self.stopping,
            stock=stock,
            host=f"host-of-{name}",
        )
        return Worker(config, postman, name, self.folder / name)

    def submit(self, hmac: str = "a" * 64) -> str:
        job_id = self.queue.submit(jobs.new_id(), "ada@example.org", hmac, Options()).id
        self.clock.advance(1)
        self.queue.buckets.datasets.put(f"{job_id}.zip", b"PK")
        return job_id

    def claim_elsewhere(self, job_id: str) -> Record:
        waiting = next(one for one in self.queue.waiting() if one.record.job.id == job_id)
        record = self.queue.claim(waiting, "elsewhere")
        assert record is not None
        return record

    def status(self, job_id: str) -> Status:
        record = self.queue.read(job_id)
        assert record is not None
        return record.job.status
