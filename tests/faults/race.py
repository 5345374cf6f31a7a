"""Many submissions at once through the real function, many workers, and a storage that is too busy now and then."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import requests

from tests.faults.house import Site

ZIP = b"PK\x05\x06" + bytes(18)  # the shortest zip
CALLERS = 16  # threads that submit
BUSY_SHARE = 0.05  # of writes
TRIES = 8
WRITES = ({"method": "POST", "path": "^/upload/"}, {"method": "PUT", "path": "-datasets/"}, {"method": "DELETE"})


@dataclass
class Race:
    """What was submitted, and how long each answer of `POST /` took."""

    ids: dict[str, str] = field(default_factory=dict)  # address -> job
    seconds: list[float] = field(default_factory=list)
    refused: int = 0  # answers of `POST /` that asked to come again
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def p(self, percent: int) -> float:
        """That percentile of the seconds."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, len(self.seconds) * percent // 100)]

    def submit(self, url: str, address: str) -> None:
        """One job and its upload, as a person's program would do it."""
        for tries in range(1, TRIES + 1):
            began = time.monotonic()
            answer = requests.post(url, json={"email": address}, timeout=60)
            with self._lock:
                self.seconds.append(time.monotonic() - began)
            if answer.status_code == 201:
                break
            assert answer.status_code == 503, answer.text
            with self._lock:
                self.refused += 1
            time.sleep(0.3 * tries)
        given = answer.json()
        upload(given["upload"])
        with self._lock:
            self.ids[address] = given["job_id"]


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


def run(site: Site, jobs: int) -> Race:
    """Submit them all, from many threads."""
    race = Race()
    with function(site) as url, ThreadPoolExecutor(CALLERS) as pool:
        for outcome in [pool.submit(race.submit, url, f"racer{n}@example.org") for n in range(jobs)]:
            outcome.result()
    return race


@contextlib.contextmanager
def function(site: Site) -> Iterator[str]:
    """The real function under its framework, on the site's buckets."""
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    spec = find_spec("function.main")
    assert spec is not None and spec.origin is not None
    command = [sys.executable, "-m", "functions_framework", "--target", "handle", "--source", spec.origin]
    with (site.folder / "function.log").open("wb") as log:
        process = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(port)], env=_env(site, url),
                                   stdout=log, stderr=log)  # fmt: skip
    try:
        _wait_ready(f"{url}/health", site.folder / "function.log")
        yield url
    finally:
        process.terminate()
        process.wait()


def _env(site: Site, url: str) -> dict[str, str]:
    many = dict.fromkeys(("JOBS_PER_CLIENT_PER_DAY", "OPEN_JOBS"), "100000")
    return (
        site.env()
        | {f"MODELMAIL_LIMIT_{name}": value for name, value in many.items()}
        | {
            "MODELMAIL_PUBLIC_URL": url,
            "MODELMAIL_ALLOWED_ADDRESSES": "*",
            "MODELMAIL_SIGNING_KEY": str(site.house.folder / "key.json"),
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
