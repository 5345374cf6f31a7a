"""Real workers against a running stack, to be killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from function.client import Client, zip_folder
from infra.local.demo_photos import make
from infra.local.environment import Place, children_env
from infra.local.stack import Stack
from jobs import job as jobs
from jobs.storage import gcs

LEASE = 10.0  # seconds; a disk that others write to may keep an answer waiting for six
PATIENCE = 400.0  # seconds for the whole job: its two minutes and the ends of them, on a crowded machine
OPTIONS = {"minutes": 2, "candidates": ["efficientnet_lite0"], "epochs": 10}

T = TypeVar("T")


@contextmanager
def worker(
    stack: Stack, folder: Path, program: str = "vm_worker.main", **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker in a process of its own, which is killed at the end; `more` are further settings."""
    place = Place(
        function_url=stack.function_url,
        storage_url=stack.storage_url,
        mailbox_url=stack.mailbox_url,
        work=folder / "work",
        signing_key=stack.data / "key.json",
        secret=(stack.data / "secret").read_text(),
    )
    folder.mkdir()
    env = children_env(place) | {"MODELMAIL_LEASE_SECONDS": str(LEASE), "MODELMAIL_POLL_SECONDS": "0.3", **more}
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", program], env=env, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def until(what: Callable[[], T], seconds: float = PATIENCE, pause: float = 0.3) -> T:
    """The first true answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(pause)
    raise AssertionError("it did not happen in time")


def child_of(pid: int) -> int:
    """The attempt's process."""
    (child,) = children_of(pid)
    return child


def children_of(pid: int) -> list[int]:
    """The processes that it has started, whichever of its threads did."""
    return [int(one) for path in Path(f"/proc/{pid}/task").glob("*/children") for one in path.read_text().split()]


def runs(pid: int) -> bool:
    """Whether the process lives (and is not only waiting to be reaped)."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@dataclass
class Journey:
    """One submitted job on a stack without workers."""

    stack: Stack
    client: Client
    status_url: str
    job_id: str

    @classmethod
    def start(
        cls, stack: Stack, folder: Path, options: Mapping[str, Any] = OPTIONS, photos: Path | None = None
    ) -> Journey:
        """Submit a folder of photos, the demo's unless told, and upload them."""
        photos = zip_folder(photos or make(folder / "photos"), folder / "photos.zip")
        client = Client(stack.function_url)
        submission = client.submit("ada@example.org", dict(options))
        client.upload(submission, photos, lambda done, total: None)
        return cls(stack, client, submission.status_url, submission.job_id)

    def __post_init__(self) -> None:
        self.models = gcs.GcsStore(gcs.client(self.stack.storage_url).bucket(self.stack.settings.models_bucket))

    def manifest(self, stage: str) -> dict[str, Any]:
        """The stage's manifest; empty before its commit."""
        blob = self.models.get(f"{self.job_id}/stages/{stage}.json")
        return dict(json.loads(blob.data)) if blob else {}

    def trials(self) -> list[dict[str, Any]]:
        """The committed trials' manifests."""
        blobs = [self.models.get(stat.name) for stat in self.models.list(f"{self.job_id}/trials/")]
        return [dict(json.loads(blob.data)) for blob in blobs if blob]

    def end(self, seconds: float = PATIENCE) -> None:
        """Wait for the outcome and its mail, and for a second mail that must not come."""
        until(lambda: self.client.status(self.status_url).status == "done", seconds)
        until(self.mails)
        time.sleep(2)

    def mails(self) -> list[str]:
        """The mails that arrived."""
        return sorted(path.name for path in self.stack.mail.glob("*.eml"))

    def strays(self) -> set[str]:
        """Artifacts that neither a manifest names nor the record, as it does the zip of all files."""
        stages = ("intake", "select", "tune", "evaluate", "export", "report")
        named = {entry["object"] for stage in stages for entry in self.manifest(stage)["files"].values()}
        named |= {entry.object for entry in self._record().files.values()}
        return {stat.name for stat in self.models.list(f"{self.job_id}/artifacts/")} - named

    def takeovers(self) -> int:
        """How many attempts came after one that had lost its lease, and after no other fault."""
        record = self._record()
        assert (record.crashes, record.preemptions) == (0, 0)
        return record.takeovers

    def _record(self) -> jobs.Job:
        emails = gcs.GcsStore(gcs.client(self.stack.storage_url).bucket(self.stack.settings.emails_bucket))
        record = emails.get(f"jobs/{self.job_id}.json")
        assert record is not None
        return jobs.from_bytes(record.data)

    def left_over(self) -> set[str]:
        """Photos, and marks of jobs that are not settled."""
        client, names = gcs.client(self.stack.storage_url), self.stack.settings
        datasets, emails = (gcs.GcsStore(client.bucket(name)) for name in (names.datasets_bucket, names.emails_bucket))
        return {stat.name for stat in (*datasets.list(), *emails.list("open/"))}
