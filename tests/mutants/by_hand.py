"""Faults of durability and fencing that no operator makes: what must not be left out, and what must not be swapped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.operators import Mutant

SYNCED = ("tests/emulator/test_synced.py", "tests/emulator/test_durability.py")
TURNS = ("tests/emulator/test_turns.py",)
TRANSACTIONS = ("tests/emulator/test_transactions.py",)
KEPT = ("tests/unit/learn/test_atomic_files.py", "tests/unit/staged/test_experiment.py")


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
_TABLES = "infra/emulator/store/tables.py"
_STORE = "jobs/storage/store.py"
_GCS = "jobs/storage/gcs.py"
_ATOMIC = "vm_worker/learn/atomic_files.py"

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
        "        await asyncio.to_thread(incoming.sync_with_name)\n",
        "        await asyncio.to_thread(self._store.index.advance_session, saved)\n"
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
    Fault("preconditions are not sent", _GCS,
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
    Fault("a lease that has ended lives one second longer", _WORKER, "> self._config.lease.seconds",
          "> self._config.lease.seconds + 1"),
    Fault("a lease ends one second early", _WORKER, "> self._config.lease.seconds", "> self._config.lease.seconds - 1"),
    Fault("a beat that failed renews the lease", _KEEPER,
          "            self._next_beat = self._clock.monotonic() + wait\n",
          "            self._next_beat = self._clock.monotonic() + wait\n            self._renewed = now\n"),
    Fault("an owner is known by its name alone", _RECORDS, "current.job.lease != record.job.lease",
          "getattr(current.job.lease, 'owner', '') != getattr(record.job.lease, 'owner', '')"),
    Fault("a job that is let go forgets its token", _QUEUE, "counted = replace(job, ",
          "counted = replace(job, lease=None, "),
    Fault("no sweep hears of a deletion that broke off", _QUEUE,
          '        self.records.create(f"open/{job_id}", b"")\n        self.update(', "        self.update("),
    Fault(
        "a deletion is recorded before a sweep can hear of it", _QUEUE,
        '        self.records.create(f"open/{job_id}", b"")\n        self.update(job_id, change)\n',
        '        self.update(job_id, change)\n        self.records.create(f"open/{job_id}", b"")\n',
    ),
    Fault(
        "a deletion's mark goes before the models", _QUEUE,
        "        self.remove_models(job_id, keep=lambda name: False)\n",
        '        self.buckets.emails.delete(f"open/{job_id}")\n'
        "        self.remove_models(job_id, keep=lambda name: False)\n",
    ),
    Fault("a claim that lost keeps the slot it took", _QUEUE, "if slot and slot != job.slot:", "if False:"),
    Fault("a claim that lost frees the job's own slot", _QUEUE, "if slot and slot != job.slot:", "if slot:"),
    Fault("each try of a fresh link takes a slot", _QUEUE,
          'if job.slot == "" and not taken:\n                taken.append(',
          'if job.slot == "":\n                taken.insert(0, '),
    Fault("a list ends with its first page", _GCS, "timeCreated),nextPageToken", "timeCreated)",
          ("tests/unit/jobs/test_gcs_bodies.py",)),
    Fault("a download is written in place", _GCS, 'path.with_name(path.name + ".part")', "path",
          ("tests/unit/jobs/test_gcs_bodies.py",)),
    Fault("the bucket in memory writes without its lock", _STORE,
          "        with self._lock:\n            self._check(", "        if True:\n            self._check("),
    Fault("a request lets the next one into its session", _RESUMABLE, "            self._close(session.id)\n",
          "            self._forget(session.id)\n", TURNS),
    Fault("a session acknowledges what its range says", _RESUMABLE, "_incomplete(session.received, request)",
          "_incomplete(span.end or session.received, request)", TURNS),
    Fault("a chunk that is cut off takes back what counted", _RESUMABLE, "max(session.received, incoming.size - ",
          "max(0, incoming.size - ", TURNS),
    Fault("a session forgets a condition", "infra/emulator/resources/preconditions.py",
          '            "metageneration": self.metageneration,\n', "", TURNS),
    Fault("an object is there before its session has ended", _INDEX,
          "            if session and not self",
          "        with self._write() as db:\n            if session and not self", TRANSACTIONS),
    Fault("an upload that was cancelled makes an object", _INDEX,
          "                raise ApiError(NO_SUCH_UPLOAD)  #", "                pass  #", TRANSACTIONS),
    Fault("a session that was cancelled comes back", _RESUMABLE, "self._store.index.advance_session, saved",
          "self._store.index.save_session, saved", TURNS),
    Fault("an object is nowhere while it moves", _INDEX, "            tables.remove(db, moved)\n",
          "            tables.remove(db, moved)\n        with self._write() as db:\n", TRANSACTIONS),
    Fault("generations go back with the clock", _TABLES, "max(last + 1, time.time_ns() // 1000)",
          "time.time_ns() // 1000", TRANSACTIONS),
    Fault("a start removes the contents of old versions", _INDEX, '("objects", "versions", "soft_objects")',
          '("objects", "soft_objects")', TRANSACTIONS),
    Fault("an old session's content is a stray while it moves", _FILES, "        os.utime(incoming.path)  #",
          "        #", TRANSACTIONS),
    Fault("a content is synced before it is flushed", _FILES, "        file.flush()\n        os.fsync(file.fileno())\n",
          "        os.fsync(file.fileno())\n        file.flush()\n", TRANSACTIONS),
    Fault("a temporary file has a fixed name", _ATOMIC, "{PART}{uuid.uuid4().hex}-", "{PART}", KEPT),
    Fault("the old file goes before the new one comes", _ATOMIC, "        part.replace(path)\n",
          "        path.unlink(missing_ok=True)\n        part.replace(path)\n", KEPT),
    Fault("a file is copied into its place", _ATOMIC, "        part.replace(path)\n",
          "        path.write_bytes(part.read_bytes())\n", KEPT),
    Fault("a file is not synced before its name", _ATOMIC, "            _sync(part)\n", "            pass\n", KEPT),
    Fault("what a training came to does not last", "vm_worker/staged/kept.py",
          '.json", lasting=True)', '.json")', KEPT),
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
