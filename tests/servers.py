"""The local servers as tests need them: child processes on free ports, ended by whoever started them."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import requests
from google.cloud import storage
from google.oauth2 import service_account

from infra.local.ports import EPHEMERAL, remember
from jobs.storage import gcs

ACCOUNT = "tests@local.iam.gserviceaccount.com"


def with_own_ports(data: Path) -> Path:
    """A data folder whose stack takes no usual port: a test beside would take that as soon as it is free again."""
    data.mkdir()
    remember(data / "ports.json", EPHEMERAL)
    return data


@dataclass(frozen=True)
class EmulatorUnderTest:
    """A running emulator, the key that it trusts, and a client of it."""

    url: str
    key: Path
    client: storage.Client
    process: subprocess.Popen[str]

    def bucket(self, **fields: Any) -> storage.Bucket:
        """A fresh bucket."""
        bucket = self.client.bucket(f"test-{uuid.uuid4().hex[:12]}")
        for name, value in fields.items():
            setattr(bucket, name, value)
        bucket.create()
        return bucket

    def store(self) -> gcs.GcsStore:
        """A fresh bucket as our port."""
        return gcs.GcsStore(self.bucket())

    def sign(self, blob: storage.Blob, method: str = "GET", seconds: int = 600, **more: Any) -> str:
        """A V4 signed URL, made by the real client; `more` as `Blob.generate_signed_url` takes it."""
        credentials = credentials_of(more.pop("key", self.key))
        given = {"api_access_endpoint": self.url, "credentials": credentials, **more}
        lifetime = timedelta(seconds=seconds)
        return str(blob.generate_signed_url(version="v4", expiration=lifetime, method=method, **given))

    def order(self, *rules: Mapping[str, Any]) -> None:
        """These faults from now on, and no others; the emulator must have been started with `--admin`."""
        self.tell("faults", rules)

    def tell(self, route: str, value: Any, method: str = "PUT") -> Any:
        """Ask an admin route; its answer."""
        answer = requests.request(method, f"{self.url}/_emulator/{route}", json=value, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()


@cache
def credentials_of(key: Path) -> service_account.Credentials:
    """What the real client signs with."""
    return service_account.Credentials.from_service_account_file(str(key))


@contextmanager
def running(arguments: Sequence[str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`python -m ...` until the block ends, without coverage; gives the URL that it says it listens on."""
    env = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"}
    with subprocess.Popen([sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on "), line
            yield line.split()[-1], process
        finally:
            process.terminate()


@contextmanager
def running_emulator(data: Path, key: Path, *more: str) -> Iterator[EmulatorUnderTest]:
    """An emulator on a free port."""
    arguments = ["infra.emulator", "--port", "0", "--data", str(data), "--service-account", str(key), *more]
    with running(arguments) as (url, process):
        client = gcs.client(url)
        try:
            yield EmulatorUnderTest(url, key, client, process)
        finally:
            client.close()


def api(bucket: storage.Bucket, path: str = "", prefix: str = "/storage/v1") -> str:
    """A URL of the JSON API, below the bucket."""
    return f"{bucket.client._connection.API_BASE_URL}{prefix}/b/{bucket.name}{path}"
