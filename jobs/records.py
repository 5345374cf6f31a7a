"""The records of jobs in their bucket. Every change is a compare-and-swap on the generation.

An answer can be lost although the write was done. So each write carries a random `write_id`. After a failed
precondition or a lost connection, the writer reads the record again: if it finds its own `write_id`, the write has
succeeded.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from jobs import job as jobs
from jobs.clock import Clock
from jobs.errors import LeaseLost, Transient, UserError
from jobs.job import Job, Status
from jobs.retries import RECORD
from jobs.storage.store import Blob, PreconditionFailed, Store
from jobs.telemetry import Silent, Telemetry, note

TRIES = 12  # more than the writers that one record can have at the same time
CACHED = 1000  # records kept in memory, to be read again by generation

Change = Callable[[Job], Job]


@dataclass(frozen=True)
class Record:
    """A job in its state at one generation."""

    job: Job
    generation: int


class Records:
    """The records in the emails bucket."""

    def __init__(self, emails: Store, clock: Clock, telemetry: Telemetry | None = None) -> None:
        self._emails = emails
        self._clock = clock
        self.telemetry = telemetry or Silent()
        self._seen: dict[str, Blob] = {}
        self._lock = threading.Lock()

    def read(self, job_id: str) -> Record | None:
        """Return the job's record, or None for an unknown id. An unchanged record is not transferred again."""
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
        """Remove the record from this process's memory."""
        with self._lock:
            self._seen.pop(job_id, None)

    def create(self, name: str, data: bytes) -> None:
        """Create an object whose name holds a new id. Raises Transient."""
        for tries in range(1, 4):
            try:
                self._emails.put(name, data, if_generation=0, content_type="application/json")
                return
            except PreconditionFailed:
                return  # ids are random: an object that exists is from this call, whose first answer was lost
            except Transient:
                self._clock.sleep(RECORD.wait(tries))
        raise Transient("the storage does not answer")

    def swap(self, record: Record, job: Job) -> Record:
        """Write once. Raises PreconditionFailed when the record has changed, Transient when the result is unknown."""
        write_id = _fresh()
        try:
            return self._write(record, job, write_id)
        except (PreconditionFailed, Transient):
            current = self.read(job.id)
            if current is not None and current.job.write_id == write_id:
                return self._in(record.job, current)
            raise

    def swapped(self, record: Record, job: Job) -> Record | None:
        """Write once; return None when another writer was faster."""
        try:
            return self.swap(record, job)
        except PreconditionFailed:
            return None

    def update(self, job_id: str, change: Change, *, patient: bool = False) -> Record:
        """Apply a change again and again until the write succeeds. Raises UserError `not_found`, Transient.

        A read without an answer ends the call, as the store itself has already waited for it. With `patient`, the read
        is repeated.
        """
        write_id = _fresh()
        before: Job | None = None  # the job that the last try was based on
        for tries in range(1, TRIES + 1):
            try:
                record = self.read(job_id)
                if record is None:
                    raise UserError("not_found", "There is no such job.")
                if record.job.write_id == write_id:
                    return self._in(before, record)
                job = change(record.job)
                if job is record.job:
                    return record
                before = record.job
            except Transient:
                if not patient:
                    raise
            else:
                with suppress(PreconditionFailed, Transient):
                    return self._write(record, job, write_id)
            self._clock.sleep(RECORD.wait(tries))
        raise Transient(f"the record of job {job_id[:8]} is too busy")

    def owned(self, record: Record, change: Change, *, patient: bool = True) -> Record:
        """Write as the owner of the lease. Raises LeaseLost when another worker has the lease.

        Raises Transient when the storage does not answer: at once, or with `patient` after many tries.
        """
        write_id = _fresh()
        current: Record | None = record
        before = record.job
        for tries in range(1, TRIES + 1):
            try:
                current = current or self._reread(record, write_id)
                if current.job.write_id == write_id:
                    return self._in(before, current)
                before = current.job
                return self._write(current, change(before), write_id)
            except PreconditionFailed:
                current = None
            except Transient:
                if not patient:
                    raise
                self._clock.sleep(RECORD.wait(tries))
        raise Transient(f"the record of job {record.job.short_id} cannot be written")

    def _reread(self, record: Record, write_id: str) -> Record:
        """Read the record after a failed write. Raises LeaseLost when it has another owner."""
        current = self.read(record.job.id)
        if current is not None and current.job.write_id == write_id:
            return current
        if current is None or current.job.status is not Status.RUNNING or current.job.lease != record.job.lease:
            raise LeaseLost(f"job {record.job.short_id} has another owner")
        return current

    def _write(self, record: Record, job: Job, write_id: str) -> Record:
        job = replace(job, write_id=write_id)
        generation = self._emails.put(
            name_of(job.id), jobs.to_bytes(job), if_generation=record.generation, content_type="application/json"
        )
        return self._in(record.job, Record(job, generation))

    def _in(self, before: Job | None, after: Record) -> Record:
        """Count this process's own successful write for telemetry. Nothing else counts it."""
        if before is not None:
            note(self.telemetry, before, after.job)
        return after


def name_of(job_id: str) -> str:
    """Return the name of the record's object."""
    return f"jobs/{job_id}.json"


def _fresh() -> str:
    return secrets.token_hex(8)
