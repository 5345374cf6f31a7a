"""The group of training machines, over a small server that answers as Compute Engine does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from google.oauth2.credentials import Credentials

from function.machines import Capacity, MachineGroup
from jobs.clock import FakeClock
from jobs.job import new_id
from jobs.limits import Limits
from jobs.options import Options
from jobs.queue import Queue
from jobs.storage.store import Buckets, MemoryStore

GROUP = "/compute/v1/projects/p/zones/z/instanceGroupManagers/modelmail-worker"


class Compute(BaseHTTPRequestHandler):
    """One group and its size."""

    size: ClassVar[int] = 0
    status: ClassVar[int] = 200
    resized: ClassVar[list[int]] = []
    asked: ClassVar[int] = 0

    def do_GET(self) -> None:
        Compute.asked += 1
        self._answer({"targetSize": Compute.size} if self.path == GROUP else None)

    def do_POST(self) -> None:
        where = urlsplit(self.path)
        right = where.path == f"{GROUP}/resize" and self.headers["Authorization"] == "Bearer token"
        if right and Compute.status == 200:
            Compute.size = int(parse_qs(where.query)["size"][0])
            Compute.resized.append(Compute.size)
        self._answer({"name": "operation"} if right else None)

    def _answer(self, value: dict[str, Any] | None) -> None:
        data = json.dumps(value or {}).encode()
        self.send_response(Compute.status if value is not None else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def group() -> Iterator[MachineGroup]:
    Compute.size, Compute.status, Compute.resized, Compute.asked = 0, 200, [], 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Compute) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}{GROUP}"
        yield MachineGroup(url, 3, Credentials(token="token"))
        server.shutdown()
        thread.join()


@pytest.fixture
def queue() -> Queue:
    clock = FakeClock()
    return Queue(Buckets(MemoryStore(clock), MemoryStore(clock), MemoryStore(clock)), clock, Limits())


def _uploaded(queue: Queue, jobs: int) -> None:
    for _ in range(jobs):
        job_id = new_id()
        queue.submit(job_id, "ada@example.org", "hmac", Options())
        queue.buckets.datasets.put(f"{job_id}.zip", b"PK")


@pytest.mark.parametrize(
    ("jobs", "before", "resized"),
    [
        (1, 0, [1]),
        (2, 0, [2]),
        (9, 0, [3]),  # never more than there may be
        (2, 1, [2]),
        (1, 1, []),  # the one that is there takes it
        (1, 3, []),  # never fewer: machines take themselves away
    ],
)
def test_there_are_as_many_machines_as_jobs(
    group: MachineGroup, queue: Queue, jobs: int, before: int, resized: list[int]
) -> None:
    Compute.size = before
    _uploaded(queue, jobs)
    assert group(queue) == Capacity(max(before, min(jobs, 3)))
    assert Compute.resized == resized


def test_a_job_without_photos_starts_nothing_and_asks_nobody(group: MachineGroup, queue: Queue) -> None:
    queue.submit(new_id(), "ada@example.org", "hmac", Options())
    assert group(queue) == Capacity(0)
    assert Compute.asked == 0


def test_machines_that_nobody_has_needed_for_long_are_taken_away(group: MachineGroup, queue: Queue) -> None:
    clock = queue.clock
    assert isinstance(clock, FakeClock)
    Compute.size = 2
    for _ in range(30):
        assert group(queue) == Capacity(0)
        clock.sleep(60)
    assert Compute.asked == 0
    assert group(queue) == Capacity(0)
    assert Compute.resized == [0]


def test_a_job_between_keeps_the_machines(group: MachineGroup, queue: Queue) -> None:
    clock = queue.clock
    assert isinstance(clock, FakeClock)
    Compute.size = 1
    group(queue)
    clock.sleep(1700)
    _uploaded(queue, 1)
    group(queue)
    for stat in list(queue.buckets.datasets.list()):
        queue.buckets.datasets.delete(stat.name)
    for _ in range(29):
        group(queue)
        clock.sleep(60)
    assert Compute.resized == []


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_group_that_refuses_is_logged_and_the_sweep_goes_on(
    group: MachineGroup, queue: Queue, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    _uploaded(queue, 1)
    Compute.status = status
    assert group(queue) == Capacity(None)
    assert "does not answer" in caplog.text and "token" not in caplog.text
    Compute.status = 200
    assert group(queue) == Capacity(1)


def test_a_group_out_of_reach_is_none(queue: Queue) -> None:
    _uploaded(queue, 1)
    credentials = Credentials(token="token")
    assert MachineGroup("http://127.0.0.1:9/group", 1, credentials)(queue) == Capacity(None)
