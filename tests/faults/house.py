"""An emulator and a mailbox for many jobs at a time, and real workers with stub attempts on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path

from infra.emulator.signatures.keys import ensure_key
from jobs import job as jobs
from jobs.clock import SystemClock
from jobs.limits import Limits
from jobs.options import Options
from jobs.queue import Queue
from jobs.storage import gcs
from jobs.storage.store import Buckets
from tests.faults.forked import Forked
from tests.servers import ACCOUNT, running, running_emulator
from tests.sources import ROOT
from tests.unit.report import samples
from vm_worker import report

KINDS = ("emails", "datasets", "models")
LEASE = 2.0  # seconds
STALE = 20  # seconds until a mail that is being sent is taken over; longer than any process stands still


@dataclass(frozen=True)
class House:
    """The two servers, and a folder for everything else."""

    storage_url: str
    mailbox_url: str
    folder: Path

    def mails(self, address: str) -> list[Message]:
        """Every mail to that address, in the order of arrival."""
        return [letter for letter in self.all_mails(address.encode()) if letter["To"] == address]

    def all_mails(self, having: bytes = b"") -> list[Message]:
        """Every mail with these bytes, in the order of arrival. To parse a mail takes long, and there are hundreds."""
        found = sorted((self.folder / "mail").glob("*.eml"), key=lambda path: int(path.name.split("-")[0]))
        held = (path.read_bytes() for path in found)
        return [message_from_bytes(letter, policy=default) for letter in held if having in letter]


@contextmanager
def open_house(folder: Path, *more: str) -> Iterator[House]:
    """Started and ended; `more` are further arguments of the emulator."""
    (folder / "mail").mkdir(parents=True)
    with ExitStack() as stack:
        key = ensure_key(folder / "key.json", ACCOUNT)
        emulator = stack.enter_context(running_emulator(folder / "buckets", key, *more))
        arguments = ["infra.local.mailbox", "--port", "0", "--folder", str(folder / "mail")]
        mailbox, _ = stack.enter_context(running(arguments))
        (folder / "report.json").write_text(json.dumps(report.build(samples.facts())), encoding="utf-8")
        yield House(emulator.url, mailbox, folder)


class Site:
    """Three buckets of their own and a folder: what one test's workers share."""

    def __init__(self, house: House, name: str) -> None:
        self.house = house
        self.name = name
        self.folder = house.folder / name
        self.stub = self.folder / "stub"
        self.stub.mkdir(parents=True)
        (self.stub / "report.json").write_bytes((house.folder / "report.json").read_bytes())
        self._client = gcs.client(house.storage_url)
        stores = [gcs.GcsStore(self._bucket(kind)) for kind in KINDS]
        self.queue = Queue(Buckets(*stores), SystemClock(), Limits())
        self.workers: list[subprocess.Popen[bytes] | Forked] = []

    def _bucket(self, kind: str) -> object:
        bucket = self._client.bucket(f"{self.name}-{kind}")
        bucket.create()
        return bucket

    def close(self) -> None:
        """End what still runs."""
        for process in self.workers:
            process.kill()
            process.wait()
        self._client.close()

    def submit(self, address: str, hmac: str = "a" * 64) -> str:
        """One job with its photos."""
        job_id = jobs.new_id()
        self.queue.submit(job_id, address, hmac, Options())
        self.queue.buckets.datasets.put(f"{job_id}.zip", b"PK", if_generation=0)
        return job_id

    def worker(self, storage_url: str = "", mailbox_url: str = "", **more: str) -> subprocess.Popen[bytes]:
        """A real worker process with stub attempts; `more` are further settings."""
        with self._log().open("wb") as log:
            command = [sys.executable, "-m", "tests.faults.stub_worker"]
            env = self._told(storage_url, mailbox_url, more)
            process = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=ROOT)
        self.workers.append(process)
        return process

    def forked(self, storage_url: str = "", mailbox_url: str = "", **more: str) -> Forked:
        """The same, forked where everything is imported, as are its attempts: they start in no time.

        It stands in the site's folder, and so does what it starts.
        """
        process = Forked(self._told(storage_url, mailbox_url, more), self._log(), folder=self.folder)
        self.workers.append(process)
        return process

    def _log(self) -> Path:
        return self.folder / f"worker-{len(self.workers)}.log"

    def _told(self, storage_url: str, mailbox_url: str, more: Mapping[str, str]) -> dict[str, str]:
        urls = {"MODELMAIL_STORAGE_URL": storage_url, "MODELMAIL_SENDGRID_URL": mailbox_url}
        return self.env() | {name: url for name, url in urls.items() if url} | dict(more)

    def env(self) -> dict[str, str]:
        """What programs on this site are told."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MODELMAIL_")}
        buckets = {
            f"MODELMAIL_{kind.upper()}_BUCKET": f"{self.name}-{kind}" for kind in ("emails", "datasets", "models")
        }
        return kept | buckets | {
            "MODELMAIL_STORAGE_URL": self.house.storage_url,
            "MODELMAIL_SENDGRID_URL": self.house.mailbox_url,
            "MODELMAIL_SENDGRID_KEY": "SG.local",
            "MODELMAIL_PUBLIC_URL": "http://127.0.0.1:1",
            "MODELMAIL_SENDER": "modelmail@example.org",
            "MODELMAIL_OPERATOR": f"operator@{self.name}.example.org",
            "MODELMAIL_SECRET": "known to these tests",
            "MODELMAIL_WORK": str(self.folder / "work"),
            "MODELMAIL_POLL_SECONDS": "0.5",
            "MODELMAIL_LEASE_SECONDS": str(LEASE),
            "MODELMAIL_LIMIT_SWEEP_SECONDS": "2",  # half of what an idle worker asks
            "MODELMAIL_LIMIT_MAIL_STALE_SECONDS": str(STALE),
            "MODELMAIL_STUB": str(self.stub),
            "PYTHONPATH": str(ROOT),  # whatever folder they stand in
        }  # fmt: skip

    def left_running(self) -> list[int]:
        """Processes that were started for this site, by its workers too: as programs, or forked, in its folder."""
        mark = f"MODELMAIL_STUB={self.stub}".encode()
        processes = Path("/proc").glob("[0-9]*")
        return [int(path.name) for path in processes if mark in _environ(path) or _folder(path) == self.folder]

    def logs(self) -> str:
        """Everything that its workers said."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("worker-*.log")))


def _environ(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:  # gone, or another user's
        return []


def _folder(process: Path) -> Path | None:
    try:
        return (process / "cwd").readlink()
    except OSError:
        return None
