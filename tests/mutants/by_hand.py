"""Faults of durability and fencing that no operator makes: what must not be left out, and what must not be swapped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.operators import Mutant

SYNCED = ("tests/emulator/test_synced.py", "tests/emulator/test_durability.py")


@dataclass(frozen=True)
class Fault:
    """A text of a module, and what stands there instead."""

    name: str
    path: str
    before: str  # once in the module
    after: str
    tests: tuple[str, ...] = ()  # files; empty: as for other mutants


_FILES = "infra/emulator/store/files.py"
_INDEX = "infra/emulator/store/index.py"
_RESUMABLE = "infra/emulator/transfers/resumable.py"
_DATABASE = "infra/emulator/store/database.py"
_QUEUE = "jobs/queue.py"
_RECORDS = "jobs/records.py"
_POSTMAN = "jobs/mail/postman.py"
_KEEPER = "vm_worker/lease_keeper.py"
_MANIFESTS = "vm_worker/manifests.py"
_RUN = "vm_worker/job_run.py"
_WORKER = "vm_worker/worker.py"

FAULTS = (
    Fault("the index is not synced", _DATABASE, "synchronous = FULL", "synchronous = OFF", SYNCED),
    Fault("the index is synced with its checkpoints only", _DATABASE, "= FULL", "= NORMAL", SYNCED),
    Fault("a content is not synced", _FILES, "        os.fsync(file.fileno())\n", "", SYNCED),
    Fault("folders are not synced", _FILES, "        os.fsync(descriptor)\n", "        pass\n", SYNCED),
    Fault(
        "a content's name is not synced", _FILES,
        "self._objects / name)\n        _sync_folder(self._objects)\n", "self._objects / name)\n", SYNCED,
    ),
    Fault(
        "a copy's name is not synced", _FILES,
        "self._objects / new)\n        _sync_folder(self._objects)\n", "self._objects / new)\n", SYNCED,
    ),
    Fault(
        "a session's chunk counts before it is synced", _RESUMABLE,
        "        await asyncio.to_thread(incoming.sync_with_name)\n"
        "        await asyncio.to_thread(self._store.index.save_session, saved)\n",
        "        await asyncio.to_thread(self._store.index.save_session, saved)\n"
        "        await asyncio.to_thread(incoming.sync_with_name)\n", SYNCED,
    ),
    Fault("a session's file loses its name", _RESUMABLE, "incoming.sync_with_name", "incoming.sync", SYNCED),
    Fault("a start removes contents that have rows", _FILES, "entry.name not in known and ", "", SYNCED),
    Fault("a start removes the contents of sessions", _FILES, "if entry.name not in sessions", "if entry.name", SYNCED),
    Fault(
        "a session's content is moved before its row is there", "infra/emulator/store/store.py",
        "moved=not session", "moved=True", SYNCED,
    ),
    Fault(
        "an object's precondition is not checked in its transaction", _INDEX,
        "            only.check(old)\n            self.rate.admit(draft.bucket, draft.name)\n",
        "            self.rate.admit(draft.bucket, draft.name)\n",
    ),
    Fault("a failed transaction is committed", _DATABASE, '("ROLLBACK")', '("COMMIT")'),
    Fault("a record is written whatever is there", _RECORDS, "if_generation=record.generation, ", ""),
    Fault("an id's record is created over another", _RECORDS, "if_generation=0, ", ""),
    Fault("an owner ignores a takeover", _RECORDS, " or current.job.lease != record.job.lease", ""),
    Fault("an owner ignores a deletion", _RECORDS, "current.job.status is not Status.RUNNING or ", ""),
    Fault("a lost answer is a lost lease", _RECORDS, "current.job.write_id == write_id:\n            return current\n",
          "current.job.write_id == write_id:\n            pass\n"),
    Fault("a takeover has the old token", _QUEUE, "job.lease else 0) + 1", "job.lease else 0)"),
    Fault("a job is taken over for ever", _QUEUE, "job.takeovers >= self.limits.takeovers_max", "False"),
    Fault("a job that runs is closed", _QUEUE, "if not record.job.status.terminal:", "if False:"),
    Fault(
        "a deletion begins with the photos", _QUEUE,
        '        self.records.create(f"open/{job_id}", b"")\n        self.update(job_id, change)\n',
        '        self.buckets.datasets.delete(f"{job_id}.zip")\n        self.update(job_id, change)\n',
    ),
    Fault(
        "the open mark goes first", _QUEUE,
        "            self.tidy(record.job)\n        self.buckets.emails.delete(f\"open/{job_id}\")\n",
        "            self.buckets.emails.delete(f\"open/{job_id}\")\n            self.tidy(record.job)\n",
    ),
    Fault("the record is made before its open mark", _QUEUE,
          '        self.records.create(f"open/{job_id}", b"")\n'
          "        self.records.create(name_of(job_id), jobs.to_bytes(job))\n",
          "        self.records.create(name_of(job_id), jobs.to_bytes(job))\n"
          '        self.records.create(f"open/{job_id}", b"")\n'),
    Fault("a slow sender sends what another may have taken over", _POSTMAN, "if self._late(began):", "if False:"),
    Fault("a mail is sent that another sends", _POSTMAN, "taken = mail is not None and self._due(mail)",
          "taken = mail is not None"),
    Fault("a mail is marked before it is sent", _POSTMAN, "                self._mailer.send(mail)\n",
          "                self._mark(job, kind, MailState.SENT)\n                self._mailer.send(mail)\n"),
    Fault("a mail is sent before it is taken", _POSTMAN, "return job if taken else None", "return job"),
    Fault("a mail is postponed that another has taken over", _POSTMAN,
          "change(mail) if mail == taken.mails[kind] else mail", "change(mail)"),
    Fault("preconditions are not sent", "jobs/storage/gcs.py",
          "                if_generation_match=if_generation,\n                timeout=self._timeout,\n"
          "                retry=self._retry if if_generation is None",
          "                timeout=self._timeout,\n                retry=self._retry if if_generation is None"),
    Fault("the lease counts from the answer", _KEEPER, "self._renewed = now\n",
          "self._renewed = self._clock.monotonic()\n"),
    Fault("work goes on without the lease", _KEEPER, "        self.check()\n        now", "        now"),
    Fault("a renewal that comes late gives the lease back", _KEEPER, "self._given_up or ", ""),
    Fault("the child outlives the lease", _RUN, "guarding(child.stop)", "guarding(lambda: None)"),
    Fault("a lost lease counts as a crash", _RUN, "            self._lease.check()  #", "            #"),
    Fault("the lease counts from the claim's answer", _RUN, "config.lease, claimed_at)", "config.lease, self._began)"),
    Fault("a manifest is written over another", _MANIFESTS,
          "data, if_generation=0))\n        except", "data))\n        except"),
    Fault("what is put once is written again", _MANIFESTS,
          "data, if_generation=0))\n        there", "data))\n        there"),
    Fault("another's manifest counts as one's own", _MANIFESTS, " and there.token != self._token", " and False"),
    Fault("a write begins without the lease", _MANIFESTS,
          "            self._check()\n            try:", "            try:"),
    Fault("two attempts write one artifact", _MANIFESTS, "/artifacts/{self._token}/", "/artifacts/"),
    Fault("a worker takes over whatever it has seen twice", _WORKER, "before.since > self._config.lease.seconds",
          "before.since >= 0"),
    Fault("a beat is no sign of life", _WORKER, " or before.generation != record.generation", ""),
    Fault(
        "the lease counts from the claim's end", _WORKER,
        "            claimed_at = self._clock.monotonic()\n"
        "            record = self._queue.claim(waiting, self._name)\n",
        "            record = self._queue.claim(waiting, self._name)\n"
        "            claimed_at = self._clock.monotonic()\n",
    ),
)  # fmt: skip


def mutants(tree: Path, modules: tuple[str, ...]) -> Iterator[tuple[Fault, Mutant]]:
    """Those whose path begins with one of these. Raises ValueError for a text that is not once in its module."""
    for fault in FAULTS:
        if fault.path.startswith(modules):
            source = (tree / fault.path).read_text(encoding="utf-8")
            if source.count(fault.before) != 1:
                raise ValueError(f"{fault.name}: its text is {source.count(fault.before)} times in {fault.path}")
            first = source[: source.index(fault.before)].count("\n") + 1
            lines = range(first, first + fault.before.count("\n") + 1)
            changed = source.replace(fault.before, fault.after)
            yield fault, Mutant(fault.path, fault.name, lines, "by hand", "", "", changed)
