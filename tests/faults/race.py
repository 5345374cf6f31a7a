"""Many submissions, deletions and sweeps at once through the real function, and a storage that is too busy at times."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import requests

from jobs.job import Status
from tests.faults.house import Site
from tests.unit.function.issuer import running_issuer

ZIP = b"PK\x05\x06" + bytes(18)  # the shortest zip
CALLERS = 16  # threads that submit
BUSY_SHARE = 0.05  # of writes
TRIES = 8
SCHEDULER = "scheduler@project.iam.gserviceaccount.com"
SWEEP_SECONDS = 0.5  # between two sweeps of the function
DELETE_SECONDS = 20.0  # from the upload to the deletion, at most
WRITES = ({"method": "POST", "path": "^/upload/"}, {"method": "PUT", "path": "-datasets/"}, {"method": "DELETE"})


@dataclass(frozen=True)
class Plan:
    """Whose jobs are submitted, and what happens beside them."""

    addresses: Sequence[str]  # one for each submission
    deletes_every: int = 0  # every so many jobs one is deleted by its user; 0: none
    sweeps: bool = False  # whether a scheduler has the function sweep beside the workers


@dataclass
class Race:
    """What was submitted, and how long each answer of `POST /` took."""

    jobs: dict[str, str] = field(default_factory=dict)  # job -> its address
    deleted: dict[str, str] = field(default_factory=dict)  # job -> its status when its user asked
    seconds: list[float] = field(default_factory=list)
    refused: int = 0  # answers of `POST /` that asked to come again
    full: int = 0  # submissions of an address that had no job left
    sweeps: int = 0  # that were done
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def p(self, percent: int) -> float:
        """That percentile of the seconds."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, len(self.seconds) * percent // 100)]

    def submit(self, url: str, address: str) -> str:
        """One job and its upload, as a person's program would do it; the link that deletes it. Empty: no job left."""
        for tries in range(1, TRIES + 1):
            began = time.monotonic()
            answer = requests.post(url, json={"email": address}, timeout=60)
            with self._lock:
                self.seconds.append(time.monotonic() - began)
                self.refused += answer.status_code == 503
                self.full += answer.status_code == 429
            if answer.status_code == 429:
                return ""
            if answer.status_code == 201:
                break
            assert answer.status_code == 503, answer.text
            time.sleep(0.3 * tries)
        given = answer.json()
        upload(given["upload"])
        with self._lock:
            self.jobs[given["job_id"]] = address
        return str(given["delete_url"])

    def delete(self, site: Site, link: str, seconds: float | None) -> None:
        """Delete a job so long after its upload, wherever it is by then; None: once a worker has it in hand."""
        job_id = urlsplit(link).path.split("/")[2]
        time.sleep(seconds or 0)
        while seconds is None and _status(site, job_id) is Status.AWAITING_UPLOAD:
            time.sleep(1)
        status = _status(site, job_id)
        for tries in range(1, TRIES + 1):
            answer = requests.delete(link, timeout=60)
            if answer.status_code != 503:
                break
            time.sleep(0.3 * tries)
        assert answer.status_code == 200 or (answer.status_code == 404 and tries > 1), answer.text  # an answer was lost
        with self._lock:
            self.deleted[job_id] = str(status)

    def sweep(self, url: str, token: str, end: threading.Event) -> None:
        """What the scheduler does each minute, more often."""
        while not end.wait(SWEEP_SECONDS):
            answer = requests.post(url, headers={"Authorization": f"Bearer {token}"}, timeout=120)
            assert answer.status_code in (200, 503), answer.text
            self.sweeps += answer.status_code == 200


def _status(site: Site, job_id: str) -> Status:
    record = site.queue.read(job_id)
    assert record is not None
    return record.job.status


def upload(link: dict[str, str]) -> None:
    """Send the zip; 412 after a lost answer means that it is there."""
    for tries in range(1, TRIES + 1):
        answer = requests.put(link["url"], data=ZIP, headers=link["headers"], timeout=60)  # type: ignore[arg-type]
        if answer.status_code in (200, 412):
            return
        time.sleep(0.2 * tries)
    raise AssertionError(f"the upload is refused: {answer.status_code} {answer.text}")


def make_busy(site: Site) -> None:
    """429 to one write in twenty, whoever writes."""
    rules = [{"path": "", **which, "action": "status", "status": 429, "share": BUSY_SHARE} for which in WRITES]
    requests.put(f"{site.house.storage_url}/_emulator/faults", json=rules, timeout=10).raise_for_status()


@contextlib.contextmanager
def run(site: Site, plan: Plan) -> Iterator[Race]:
    """Submit them all, from many threads; the function stays until the block ends, and with it the scheduler."""
    race, end, chance = Race(), threading.Event(), random.Random(1)  # noqa: S311 - repeatable
    with contextlib.ExitStack() as stack:
        issuer = stack.enter_context(running_issuer())
        url = stack.enter_context(function(site, issuer.url))
        deleting, submitting, scheduler = (
            stack.enter_context(ThreadPoolExecutor(threads)) for threads in (len(plan.addresses), CALLERS, 1)
        )
        stack.callback(end.set)
        if plan.sweeps:
            token = issuer.token(f"{url}/tasks/sweep", SCHEDULER)
            sweeping = scheduler.submit(race.sweep, f"{url}/tasks/sweep", token, end)
        links = [submitting.submit(race.submit, url, address) for address in plan.addresses]
        deletions = []
        for number, link in enumerate(links):
            if link.result() and plan.deletes_every and number % plan.deletes_every == 0:
                seconds = chance.uniform(0, DELETE_SECONDS) if chance.random() < 0.5 else None
                deletions.append(deleting.submit(race.delete, site, link.result(), seconds))
        for deletion in deletions:
            deletion.result()
        yield race
        end.set()
        if plan.sweeps:
            sweeping.result()


@contextlib.contextmanager
def function(site: Site, certs_url: str) -> Iterator[str]:
    """The real function under its framework, on the site's buckets."""
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    spec = find_spec("function.main")
    assert spec is not None and spec.origin is not None
    command = [sys.executable, "-m", "functions_framework", "--target", "handle", "--source", spec.origin]
    with (site.folder / "function.log").open("wb") as log:
        process = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(port)],
                                   env=_env(site, url, certs_url), stdout=log, stderr=log)  # fmt: skip
    try:
        _wait_ready(f"{url}/health", site.folder / "function.log")
        yield url
    finally:
        process.terminate()
        process.wait()


def _env(site: Site, url: str, certs_url: str) -> dict[str, str]:
    many = dict.fromkeys(("JOBS_PER_CLIENT_PER_DAY", "OPEN_JOBS"), "100000")
    return (
        site.env()
        | {f"MODELMAIL_LIMIT_{name}": value for name, value in many.items()}
        | {
            "MODELMAIL_PUBLIC_URL": url,
            "MODELMAIL_ALLOWED_ADDRESSES": "*",
            "MODELMAIL_SIGNING_KEY": str(site.house.folder / "key.json"),
            "MODELMAIL_SCHEDULER": SCHEDULER,
            "MODELMAIL_CERTS_URL": certs_url,
        }
    )


def _wait_ready(url: str, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=2).ok:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text())
