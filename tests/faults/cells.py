"""One cell of the kill matrix: a job that is hit at one point by one fault, and what must be true afterwards."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum

from jobs.job import Job, Stage, Status
from jobs.outcomes import ALL_FILES
from jobs.storage.store import Store
from tests.faults import stub
from tests.faults.forked import Forked
from tests.faults.gate import Then, Trap, gate
from tests.faults.house import LEASE, House, Site
from tests.faults.points import Point

PAUSE = 0.3  # seconds between two looks: each may be a request, and many cells look at a time
PATIENCE = 300.0  # seconds for one job
END = 60.0  # seconds for a worker that is told to stop, on a crowded machine
OUTAGE = 1.5 * LEASE  # seconds
STAGES = [str(stage) for stage in Stage if stage is not Stage.FINISH]


class Fault(StrEnum):
    """What happens at the point."""

    KILL = "SIGKILL"
    TERM = "SIGTERM"
    STOP = "SIGSTOP"
    DOWN = "503"
    LOSE = "answer lost"
    LATE = "two leases late"  # the request, or its answer, arrives after another worker has taken the job over


@dataclass(frozen=True)
class Verdict:
    """How one cell ended."""

    point: str
    fault: str
    status: str = ""
    mails: int = 0
    attempts: int = 0
    seconds: float = 0.0
    wrong: str = ""  # what was not as promised


class Cell:
    """One job, its gates and its workers."""

    def __init__(self, house: House, point: Point, fault: Fault, number: int) -> None:
        self._point = point
        self._fault = fault
        self._site = Site(house, f"cell{number}")
        self._address = f"cell{number}@example.org"
        self._trap = Trap(point.matches or (lambda seen: False), point.before)
        self._storage_url = self._mailbox_url = self._job_id = ""

    def run(self) -> Verdict:
        """The whole story. Never raises for a broken promise: it is in the verdict."""
        began = time.monotonic()
        with ExitStack() as stack:
            stack.callback(self._site.close)
            house = self._site.house
            self._storage_url = stack.enter_context(gate(house.storage_url, self._trap))
            self._mailbox_url = stack.enter_context(gate(house.mailbox_url, self._trap))
            if self._point.matches is None:
                (self._site.stub / "stop-at").write_text(self._point.name, encoding="utf-8")
            self._job_id = self._site.submit(self._address)
            try:
                self._hit(self._worker())
                _until(self._settled, "the job ends and its mail is settled")
                self._stop_workers()
                wrong = "; ".join(self._broken_promises())
            except (AssertionError, subprocess.TimeoutExpired) as error:
                wrong = str(error)
            return self._verdict(time.monotonic() - began, wrong)

    def _worker(self) -> Forked:
        return self._site.forked(self._storage_url, self._mailbox_url)

    def _hit(self, worker: Forked) -> None:
        _until(self._reached, "the job comes to the point")
        {
            Fault.KILL: self._kill,
            Fault.TERM: self._term,
            Fault.STOP: self._stop,
            Fault.DOWN: self._down,
            Fault.LOSE: self._lose,
            Fault.LATE: self._late,
        }[self._fault](worker)

    def _reached(self) -> bool:
        return self._trap.reached.is_set() or (self._site.stub / "reached").exists()

    def _go_on(self, then: Then) -> None:
        self._trap.let(then)
        (self._site.stub / "stop-at").unlink(missing_ok=True)

    def _kill(self, worker: Forked) -> None:
        worker.kill()
        worker.wait()
        self._go_on(Then.DROP if self._point.before else Then.PASS)
        self._worker()

    def _term(self, worker: Forked) -> None:
        worker.terminate()
        time.sleep(0.2)
        self._go_on(Then.PASS)
        assert worker.wait(END) == 0, "a worker that was asked to stop ends with an error"
        if not self._settled():
            self._worker()

    def _stop(self, worker: Forked) -> None:
        os.kill(worker.pid, signal.SIGSTOP)
        self._go_on(Then.PASS)
        self._worker()
        time.sleep(2 * LEASE)
        os.kill(worker.pid, signal.SIGCONT)

    def _down(self, worker: Forked) -> None:
        self._trap.go_down(OUTAGE)
        self._go_on(Then.REFUSE if self._point.before else Then.PASS)

    def _lose(self, worker: Forked) -> None:
        if self._point.matches is None:
            self._trap.lose_next_write()
        self._go_on(Then.LOSE)

    def _late(self, worker: Forked) -> None:
        """Let it pass once another worker owns the job, or after two leases: at some points that one may not."""
        before = self._token()
        self._worker()
        _until(lambda: self._site.logs().count("polling every") == 2, "another worker polls")
        end = time.monotonic() + 2 * LEASE
        while time.monotonic() < end and self._token() == before:
            time.sleep(0.1)
        self._go_on(Then.PASS)

    def _token(self) -> int:
        lease = self._job().lease
        return lease.token if lease else 0

    # Afterwards.

    @property
    def _models(self) -> Store:
        return self._site.queue.buckets.models

    def _job(self) -> Job:
        record = self._site.queue.read(self._job_id)
        assert record is not None, "the record is gone"
        return record.job

    def _settled(self) -> bool:
        buckets = self._site.queue.buckets
        return self._job().settled and buckets.emails.stat(f"open/{self._job_id}") is None

    def _stop_workers(self) -> None:
        time.sleep(0.3)
        for process in self._site.workers:
            if process.poll() is None:
                process.terminate()
        for process in self._site.workers:
            assert process.wait(END) in (0, -signal.SIGKILL), f"a worker ended with {process.returncode}"

    def _broken_promises(self) -> list[str]:
        job, site = self._job(), self._site
        kept = {entry.object for entry in job.files.values()}
        manifests = {f"{self._job_id}/stages/{stage}.json" for stage in STAGES}
        manifests |= {f"{self._job_id}/trials/{key}.json" for key in stub.TRIAL_KEYS}
        objects = {stat.name for stat in site.queue.buckets.models.list()}
        mails = site.house.mails(self._address)
        promises = {
            f"ended as {job.status}: {job.error}": job.status is Status.DONE,
            "more than one outcome": sum(line.event in ("done", "rejected", "failed") for line in job.history) == 1,
            f"{len(mails)} mails": 1 <= len(mails) <= self._point.mails,
            "mails with several Message-IDs": len({mail["Message-ID"] for mail in mails}) == 1,
            f"objects {sorted(objects ^ (kept | manifests))}": objects == kept | manifests,
            f"other bytes: {self._other_bytes(job)}": not self._other_bytes(job),
            f"written twice: {self._twice()}": not self._twice(),
            f"made again: {self._again()}": not self._again(),
            "the photos are still there": not list(site.queue.buckets.datasets.list()),
            "the address is still there": job.email is None,
            f"processes {site.left_running()}": not site.left_running(),
            "files in the work folder": not list((site.folder / "work").glob("*/*")),
        }
        return [text for text, kept_promise in promises.items() if not kept_promise]

    def _other_bytes(self, job: Job) -> list[str]:
        """Files of the user's that are not, byte for byte, what one attempt has made, nor a zip of all of these."""
        lines = (self._site.stub / "bytes").read_text(encoding="utf-8").splitlines()
        made = {tuple(line.split(" ")) for line in lines}
        held = {name: blob.data for name, entry in job.files.items() if (blob := self._models.get(entry.object))}
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in held.items() if name != ALL_FILES}
        wrong = {name for name, digest in hashes.items() if (name, digest) not in made}
        wrong |= {name for name, entry in job.files.items() if entry.bytes != len(held.get(name, b""))}
        with zipfile.ZipFile(io.BytesIO(held[ALL_FILES])) as whole:
            packed = {name: hashlib.sha256(whole.read(name)).hexdigest() for name in whole.namelist()}
        return sorted(wrong | ({ALL_FILES} if packed != hashes else set()))

    def _twice(self) -> list[str]:
        """Manifests that were created more than once, by the storage's own word."""
        manifests = (f"{self._job_id}/stages/", f"{self._job_id}/trials/")
        return [name for name, times in self._trap.made.items() if name.startswith(manifests) and len(times) > 1]

    def _again(self) -> list[str]:
        """Work that was begun after its manifest was there.

        An attempt need not know what one before it wrote late: after this one's claim.
        """
        found = []
        for line in (self._site.stub / "made").read_text(encoding="utf-8").splitlines():
            at, what, _, attempt = line.split(" ")
            claimed = self._trap.claims[int(attempt)]
            writes = self._trap.made.get(f"{self._job_id}/{what}.json", [])
            there = [made for made in writes if made.token >= int(attempt) or made.at < claimed]
            found += [what for made in there if float(at) > made.at]
        return found

    def _verdict(self, seconds: float, wrong: str) -> Verdict:
        job = self._job()
        attempts = job.lease.token if job.lease else 0
        mails = len(self._site.house.mails(self._address))
        return Verdict(self._point.name, self._fault, str(job.status), mails, attempts, seconds, wrong)


def _until(what: Callable[[], bool], promise: str) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, f"not in {PATIENCE:g} s: {promise}"
        time.sleep(PAUSE)
