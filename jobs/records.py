"""Reading and writing the records of jobs: every change is a compare-and-swap on the generation.

An answer can be lost although the write was done. So each write carries a random `write_id`, and
whoever meets a failed precondition or a dead connection reads again: its own `write_id` there means
that the write counts.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from jobs import job as jobs
from jobs.clock import Clock
from jobs.errors import LeaseLost, Transient, UserError
from jobs.job import Job, Status
from jobs.retries import RECORD
from jobs.store import Blob, PreconditionFailed, Store

TRIES = 12  # more than the writers that one record can have at a time
CACHED = 1000  # records kept to be read again by generation

Change = Callable[[Job], Job]


@dataclass(frozen=True)
class Record:
    """A job as it stood at one generation."""

    job: Job
    generation: int


class Records:
    """The records in the emails bucket."""

    def __init__(self, emails: Store, clock: Clock) -> None:
        self._emails = emails
        self._clock = clock
        self._seen: dict[str, Blob] = {}
        self._lock = threading.Lock()

    def read(self, job_id: str) -> Record | None:
        """The job's record, or None for an id that nobody has. An unchanged one is not sent again."""
        with self._lock:
            known = self._seen.get(job_id)
        blob = self._emails.get(name_of(job_id), known)
        if blob is None:
            self.forget(job_id)
            return None
        with self._lock:
            if len(self._seen) >= CACHED:
                self._seen.clear()
            self._seen[job_id] = blob
        return Record(jobs.from_bytes(blob.data), blob.generation)

    def forget(self, job_id: str) -> None:
        """Keep the record in memory no longer."""
        with self._lock:
            self._seen.pop(job_id, None)

    def create(self, name: str, data: bytes) -> None:
        """Write an object whose name holds a fresh id. Raises Transient."""
        for tries in range(1, 4):
            try:
                self._emails.put(name, data, if_generation=0, content_type="application/json")
                return
            except PreconditionFailed:
                return  # ids are random: what is there is ours, its answer was lost
            except Transient:
                self._clock.sleep(RECORD.wait(tries))
        raise Transient("the storage does not answer")

    def swap(self, record: Record, job: Job) -> Record:
        """One write. Raises PreconditionFailed when the record has changed, Transient when nobody knows."""
        job = replace(job, write_id=secrets.token_hex(8))
        try:
            generation = self._emails.put(
                name_of(job.id), jobs.to_bytes(job), if_generation=record.generation, content_type="application/json"
            )
        except (PreconditionFailed, Transient):
            current = self.read(job.id)
            if current is not None and current.job.write_id == job.write_id:
                return current
            raise
        return Record(job, generation)

    def swapped(self, record: Record, job: Job) -> Record | None:
        """One write; None when another was faster."""
        try:
            return self.swap(record, job)
        except PreconditionFailed:
            return None

    def update(self, job_id: str, change: Change) -> Record:
        """Apply a change again and again until it is in. Raises UserError `not_found`, Transient."""
        for tries in range(1, TRIES + 1):
            record = self.read(job_id)
            if record is None:
                raise UserError("not_found", "There is no such job.")
            job = change(record.job)
            if job is record.job:
                return record
            try:
                return self.swap(record, job)
            except (PreconditionFailed, Transient):
                self._clock.sleep(RECORD.wait(tries))
        raise Transient(f"the record of job {job_id[:8]} is too busy")

    def owned(self, record: Record, change: Change, most: int = TRIES) -> Record:
        """A write of the lease's owner, tried at most so often. Raises LeaseLost when the lease is another's."""
        mine = record.job.lease
        for tries in range(1, most + 1):
            try:
                return self.swap(record, change(record.job))
            except Transient:
                self._clock.sleep(RECORD.wait(tries))
            except PreconditionFailed:
                current = self.read(record.job.id)
                if current is None or current.job.status is not Status.RUNNING or current.job.lease != mine:
                    raise LeaseLost(f"job {record.job.short_id} has another owner") from None
                record = current
        raise Transient(f"the record of job {record.job.short_id} cannot be written")


def name_of(job_id: str) -> str:
    """The record's object name."""
    return f"jobs/{job_id}.json"
