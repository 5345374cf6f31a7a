"""The front door with parts in memory: real routes, real signatures, a clock that is set by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import flask
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from werkzeug.test import Client, TestResponse

from function.handlers import Parts
from function.main import App
from jobs.clock import FakeClock
from jobs.errors import Transient
from jobs.job import FileEntry, Job, Status
from jobs.queue import Queue
from jobs.settings import Settings
from jobs.storage.signing import SignedLinks, key_signer
from jobs.storage.store import Blob, Buckets, MemoryStore, Stat

PUBLIC_URL = "https://models.example.org"
STORAGE_URL = "http://127.0.0.1:9000"
SECRET = "a secret of the tests"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}  # as browsers say


class Down(MemoryStore):
    """A bucket that does not answer."""

    def list(self, prefix: str = "") -> Iterator[Stat]:
        raise Transient("https://storage.example/secret?X-Goog-Signature=abc")

    def get(self, name: str, known: Blob | None = None) -> Blob | None:
        raise Transient("https://storage.example/secret?X-Goog-Signature=abc")


@dataclass
class Front:
    """The service and what a test wants to look at behind it."""

    app: App
    clock: FakeClock
    buckets: Buckets

    @property
    def queue(self) -> Queue:
        return self.app.parts.queue

    def call(self, method: str, path: str, **how: Any) -> TestResponse:
        """One request, from 203.0.113.7 unless said otherwise."""
        environ = {"REMOTE_ADDR": "203.0.113.7", **how.pop("environ", {})}
        return Client(self._wsgi).open(path, method=method, environ_overrides=environ, **how)

    def submitted(self, email: str = "ada@example.org", **how: Any) -> dict[str, Any]:
        """A new job's answer."""
        answer = self.call("POST", "/", json={"email": email}, **how)
        assert answer.status_code == 201, answer.text
        return dict(answer.get_json())

    def upload(self, job_id: str) -> None:
        """The zip arrives in the bucket."""
        self.buckets.datasets.put(f"{job_id}.zip", b"PK", if_generation=0)

    def change(self, job_id: str, **changes: Any) -> Job:
        """Set fields of the record, as a worker would."""
        return self.queue.update(job_id, lambda job: replace(job, **changes)).job

    def token(self, job_id: str) -> str:
        """The job's delete token."""
        return self.app.parts.addresses.delete(job_id).rpartition("token=")[2]

    def on(self, emails: MemoryStore) -> Front:
        """The same service with another bucket of records."""
        parts = self.app.parts
        queue = Queue(replace(self.buckets, emails=emails), self.clock, parts.settings.limits)
        return Front(App(replace(parts, queue=queue)), self.clock, self.buckets)

    def limited(self, **limits: int) -> Front:
        """The same service under other limits."""
        parts = self.app.parts
        settings = replace(parts.settings, limits=replace(parts.settings.limits, **limits))
        queue = Queue(self.buckets, self.clock, settings.limits)
        return Front(App(replace(parts, settings=settings, queue=queue)), self.clock, self.buckets)

    def with_settings(self, **changes: Any) -> Front:
        """The same service with other settings."""
        parts = self.app.parts
        return Front(App(replace(parts, settings=replace(parts.settings, **changes))), self.clock, self.buckets)

    def _wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        with closing(flask.Request(environ)) as request:
            return self.app(request)(environ, start_response)


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service account's key file, made for this run."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    path = tmp_path_factory.mktemp("keys") / "key.json"
    content = {
        "type": "service_account",
        "client_email": "signer@local.iam.gserviceaccount.com",
        "private_key": pem,
        "private_key_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def front(key_file: Path) -> Front:
    """A service in memory that allows every address."""
    return front_at(PUBLIC_URL, key_file)


def front_at(public_url: str, key_file: Path) -> Front:
    """The same at that public address."""
    settings = Settings(public_url=public_url, secret=SECRET, storage_url=STORAGE_URL, allowed_addresses=("*",))
    clock = FakeClock()
    buckets = Buckets(MemoryStore(clock), MemoryStore(clock), MemoryStore(clock))
    queue = Queue(buckets, clock, settings.limits)
    links = SignedLinks(key_signer(str(key_file), STORAGE_URL), settings)
    return Front(App(Parts(settings, queue, links, clock)), clock, buckets)


@pytest.fixture
def done(front: Front) -> Iterator[str]:
    """The id of a job that has ended well, with two files."""
    job_id = front.submitted()["job_id"]
    front.buckets.models.put(f"{job_id}/artifacts/1/model.h5", b"weights")
    files = {
        "model.h5": FileEntry(f"{job_id}/artifacts/1/model.h5", 7, "application/x-hdf5"),
        "report.html": FileEntry(f"{job_id}/artifacts/1/report.html", 9, "text/html"),
    }
    now = front.clock.now()
    front.change(job_id, status=Status.DONE, started_at=now, finished_at=now, files=files)
    yield job_id
