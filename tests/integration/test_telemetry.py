"""Metrics of a real worker and of the function, as a receiver of OTLP/HTTP gets them; and their absence."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from infra.local.ports import EPHEMERAL, reserved
from jobs.job import Status
from tests.faults.house import House, Site, open_house
from tests.sources import ROOT

STAGES = ("intake", "select", "tune", "evaluate", "export", "report")
OFTEN = {"OTEL_METRIC_EXPORT_INTERVAL": "300"}  # milliseconds; the library's own variable


class Receiver(ThreadingHTTPServer):
    """An OTLP collector of metrics, which keeps what it was last told by each process."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taker)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.told: dict[str, ExportMetricsServiceRequest] = {}  # by service
        self.bodies: list[bytes] = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()  # polls every 0.02 s

    def figures(self, service: str) -> dict[str, float]:
        """`"name word word"` -> the sum of a counter, the count of a histogram, the value of a gauge."""
        found: dict[str, float] = {}
        metrics = [
            metric
            for resource in self.told.get(service, ExportMetricsServiceRequest()).resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]
        for metric in metrics:
            kind = metric.WhichOneof("data")
            for point in getattr(metric, kind).data_points:
                words = [one.value.string_value for one in sorted(point.attributes, key=lambda one: one.key)]
                found[" ".join([metric.name, *words])] = _value(kind, point)
        return found


def _value(kind: str, point: Any) -> float:
    return float(point.count if kind == "histogram" else point.as_int or point.as_double)


class Taker(BaseHTTPRequestHandler):
    """Takes `POST /v1/metrics`."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/metrics" and self.headers["Content-Type"] == "application/x-protobuf"
        request = ExportMetricsServiceRequest.FromString(body)
        service = next(
            one.value.string_value
            for one in request.resource_metrics[0].resource.attributes
            if one.key == "service.name"
        )
        self.server.bodies.append(body)
        self.server.told[service] = request
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Silence."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("telemetry")) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server
        server.shutdown()


@contextmanager
def site_of(house: House, name: str) -> Iterator[Site]:
    site = Site(house, name)
    try:
        yield site
    finally:
        site.close()


def until(what: Callable[[], object], site: Site) -> None:
    end = time.monotonic() + 90
    while not what():
        assert time.monotonic() < end, site.logs()
        time.sleep(0.05)


def done(site: Site, job_id: str) -> bool:
    record = site.queue.read(job_id)
    return record is not None and record.job.status is Status.DONE and record.job.settled


def test_a_workers_job_is_told_stage_by_stage(house: House, receiver: Receiver) -> None:
    with site_of(house, "told") as site:
        job_id = site.submit("ada@example.org")
        worker = site.worker(MODELMAIL_TELEMETRY_URL=receiver.url)
        until(lambda: done(site, job_id), site)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0
    figures = receiver.figures("modelmail-worker")  # the last ones, sent at the end and not by the minute
    expected = {
        "modelmail.jobs claimed": 1,
        "modelmail.jobs done": 1,
        "modelmail.job.duration done": 1,
        "modelmail.trials": 3,
        "modelmail.mails report sent": 1,
        "modelmail.waiting.age": 0,
    } | {f"modelmail.stage.duration {stage}": 1 for stage in STAGES}
    assert figures == expected
    sent = b"".join(receiver.bodies)
    assert not [secret for secret in (job_id, job_id[:8], "ada@", "told", "secret") if secret.encode() in sent]
    assert not [name for name in (socket.gethostname(), str(ROOT)) if name.encode() in sent]


def test_the_function_tells_what_is_submitted_and_how_long_it_waits(house: House, receiver: Receiver) -> None:
    with site_of(house, "front") as site, reserved(EPHEMERAL) as ports:
        site.submit("ada@example.org")  # nobody takes it
        port = ports.function
        env = site.env() | OFTEN | {
            "MODELMAIL_TELEMETRY_URL": f"{receiver.url}/",
            "MODELMAIL_SIGNING_KEY": str(house.folder / "key.json"),
            "MODELMAIL_ALLOWED_ADDRESSES": "*",
        }  # fmt: skip
        source = str(ROOT / "function" / "main.py")
        command = ["-m", "functions_framework", "--target", "handle", "--source", source]
        arguments = [sys.executable, *command, "--host", "127.0.0.1", "--port", str(port)]
        with (site.folder / "worker-front.log").open("wb") as log:
            process = subprocess.Popen(arguments, env=env, stdout=log, stderr=log, cwd=ROOT, start_new_session=True)
        try:
            until(lambda: _posted(port), site)
            until(lambda: receiver.figures("modelmail-function").get("modelmail.jobs submitted"), site)
            until(lambda: receiver.figures("modelmail-function").get("modelmail.waiting.age", 0) > 0, site)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # its own workers with it
            process.wait()


def _posted(port: int) -> bool:
    with suppress(requests.ConnectionError):
        return requests.post(f"http://127.0.0.1:{port}/?email=ada@example.org", timeout=20).status_code == 201
    return False


@pytest.mark.slow  # waits for time-outs; the fast suite has those of the sender itself
@pytest.mark.parametrize("silence", ["nobody listens", "nobody answers"])
def test_a_receiver_that_is_not_there_stops_no_job(house: House, silence: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, site_of(house, silence.replace(" ", "-")) as site:
        port = deaf.getsockname()[1]
        if silence == "nobody listens":
            deaf.close()
        jobs = [site.submit(f"{name}@example.org", hmac=name * 64) for name in "ab"]
        worker = site.worker(MODELMAIL_TELEMETRY_URL=f"http://127.0.0.1:{port}", **OFTEN)
        until(lambda: all(done(site, job_id) for job_id in jobs), site)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=10) == 0  # what systemd allows it


LOADED = """
import sys, threading
from jobs.settings import Settings
from vm_worker import main
settings = Settings(storage_url="http://127.0.0.1:1", sendgrid_key="k", work=__import__("pathlib").Path("unused"))
main.build(settings, threading.Event(), settings.work, lambda spec, home: None)
from function.main import build
print(*sorted(name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter",
    "opentelemetry.proto", "opentelemetry.metrics", "jobs.otlp"))))
"""


@pytest.mark.slow
def test_unless_it_is_asked_for_nothing_of_it_is_imported() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MODELMAIL_", "OTEL_"))}
    switched = LOADED.replace('sendgrid_key="k"', 'sendgrid_key="k", telemetry_url="http://127.0.0.1:1"')
    for code, expected in ((LOADED, False), (switched, True)):
        command = [sys.executable, "-c", code]
        ended = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        assert ("opentelemetry.sdk" in ended.stdout) is expected
        assert bool(ended.stdout.strip()) is expected, ended.stdout
