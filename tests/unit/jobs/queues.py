"""What the queue's tests share: a bucket with faults, and the first steps of a job."""

from __future__ import annotations

from jobs import job as jobs
from jobs.clock import FakeClock
from jobs.errors import Transient
from jobs.job import Job, Status
from jobs.options import Options
from jobs.queue import Queue, Waiting
from jobs.records import Record
from jobs.storage.store import Blob, MemoryStore


class FlakyStore(MemoryStore):
    """A bucket whose next writes fail, before or after they are done, and that cannot be read for a while."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.faults: list[str] = []  # "refuse" | "lose"
        self.unreadable = 0  # reads to come that fail

    def get(self, name: str, known: Blob | None = None) -> Blob | None:
        if self.unreadable:
            self.unreadable -= 1
            raise Transient("503")
        return super().get(name, known)

    def put(
        self, name: str, data: bytes, *, if_generation: int | None = None, content_type: str = "application/json"
    ) -> int:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "refuse":
            raise Transient("503")
        generation = super().put(name, data, if_generation=if_generation, content_type=content_type)
        if fault == "lose":
            raise Transient("the answer was lost")
        return generation


def submit(queue: Queue, email: str = "ada@example.org", options: Options = Options()) -> Job:  # noqa: B008 (frozen)
    return queue.submit(jobs.new_id(), email, "a" * 64, options)


def upload(queue: Queue, job: Job) -> Waiting:
    queue.buckets.datasets.put(f"{job.id}.zip", b"PK", if_generation=0)
    return next(one for one in queue.waiting() if one.record.job.id == job.id)


def claimed(queue: Queue, owner: str = "w1") -> Record:
    record = queue.claim(upload(queue, submit(queue)), owner)
    assert record is not None
    return record


def status(queue: Queue, job_id: str) -> Status:
    record = queue.read(job_id)
    assert record is not None
    return record.job.status
