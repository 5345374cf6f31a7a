"""The real function under functions-framework, with the real clients, against the bucket emulator."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import functions_framework
import pytest
import requests

from function import main
from function.client import Client, zip_folder
from function.wire import Upload
from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack
from jobs.installation import open_queue
from jobs.job import FileEntry, Status
from jobs.queue import Queue

ZIP = b"PK\x05\x06" + bytes(18)  # the shortest zip


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("data"), ports=EPHEMERAL, worker=False) as one:
        yield one


@pytest.fixture
def queue(stack: Stack) -> Queue:
    """The buckets as a worker sees them."""
    return open_queue(stack.settings)


def submit(stack: Stack, **options: Any) -> dict[str, Any]:
    answer = requests.post(stack.function_url, json={"email": "ada@example.org", "options": options}, timeout=10)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def put(upload: dict[str, Any], data: bytes = ZIP, changed: dict[str, str] | None = None) -> requests.Response:
    headers = upload["headers"] | (changed or {})
    return requests.put(upload["url"], data=data, headers=headers, timeout=10)


def status(job: dict[str, Any]) -> str:
    return str(requests.get(job["status_url"], timeout=10).json()["status"])


def test_submit_upload_status(stack: Stack, queue: Queue) -> None:
    job = submit(stack, minutes=2)
    assert status(job) == "awaiting_upload"
    assert put(job["upload"]).status_code == 200
    assert status(job) == "uploaded"
    stat = queue.uploaded(job["job_id"])
    assert stat is not None and stat.size == len(ZIP)
    record = queue.read(job["job_id"])
    assert record is not None
    assert (record.job.status, record.job.options.minutes) == (Status.AWAITING_UPLOAD, 2)
    # Twice: the object is write-once, and no fresh link is given.
    assert put(job["upload"], b"PK other").status_code == 412
    assert requests.post(f"{job['status_url']}/upload", timeout=10).status_code == 409
    assert queue.buckets.datasets.get(f"{job['job_id']}.zip").data == ZIP  # type: ignore[union-attr]
    assert requests.get(f"{stack.function_url}/health", timeout=10).json()["oldest_waiting_seconds"] >= 0


def test_curl_uploads_with_the_headers_of_the_answer(stack: Stack, tmp_path: Path) -> None:
    job = submit(stack)
    (tmp_path / "photos.zip").write_bytes(ZIP)
    headers = [part for name, value in job["upload"]["headers"].items() for part in ("-H", f"{name}: {value}")]
    command = ["curl", "-sS", "--fail", "-m", "20", "-T", str(tmp_path / "photos.zip"), *headers, job["upload"]["url"]]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert status(job) == "uploaded"


@pytest.mark.parametrize(
    "changed",
    [
        {"content-type": "application/octet-stream"},
        {"x-goog-content-length-range": "1,99999999999"},
        {"x-goog-if-generation-match": "1"},
    ],
)
def test_a_wrong_header_is_refused(stack: Stack, changed: dict[str, str]) -> None:
    job = submit(stack)
    assert put(job["upload"], changed=changed).status_code == 403
    assert status(job) == "awaiting_upload"


@pytest.mark.parametrize("missing", ["content-type", "x-goog-content-length-range", "x-goog-if-generation-match"])
def test_a_missing_header_is_refused(stack: Stack, missing: str) -> None:
    job = submit(stack)
    headers = {name: value for name, value in job["upload"]["headers"].items() if name != missing}
    assert requests.put(job["upload"]["url"], data=ZIP, headers=headers, timeout=10).status_code in (400, 403)
    assert status(job) == "awaiting_upload"


def test_the_link_is_for_one_object_and_one_method(stack: Stack) -> None:
    job, other = submit(stack), submit(stack)
    upload = job["upload"]
    moved = upload | {"url": upload["url"].replace(job["job_id"], other["job_id"])}
    assert put(moved).status_code == 403
    assert put(upload | {"url": upload["url"].replace("/modelmail-datasets/", "/modelmail-models/")}).status_code == 403
    for method in ("GET", "DELETE", "POST"):
        answer = requests.request(method, upload["url"], headers=upload["headers"], timeout=10)
        assert answer.status_code == 403
    assert (status(job), status(other)) == ("awaiting_upload", "awaiting_upload")


def test_an_empty_upload_is_refused(stack: Stack) -> None:
    job = submit(stack)
    assert put(job["upload"], b"").status_code == 400
    assert status(job) == "awaiting_upload"


def test_the_resumable_link(stack: Stack) -> None:
    job = submit(stack)
    start = job["upload"]["resumable"]
    begun = requests.request(start["method"], start["url"], headers=start["headers"], timeout=10)
    assert begun.status_code == 201, begun.text
    assert requests.put(begun.headers["Location"], data=ZIP, timeout=10).status_code == 200
    assert status(job) == "uploaded"


@pytest.fixture
def short_lived(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same service, in this process, with links of one second."""
    for name in ("public_url", "secret", "storage_url", "signing_key"):
        monkeypatch.setenv(f"MODELMAIL_{name.upper()}", getattr(stack.settings, name))
    monkeypatch.setenv("MODELMAIL_ALLOWED_ADDRESSES", "*")
    monkeypatch.setenv("MODELMAIL_LIMIT_JOBS_PER_ADDRESS_PER_DAY", "1000")
    monkeypatch.setenv("MODELMAIL_LIMIT_UPLOAD_SECONDS", "1")
    return functions_framework.create_app("handle", main.__file__).test_client()


@pytest.fixture
def small(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same service, in this process, for zips of at most 100 bytes."""
    for name in ("public_url", "secret", "storage_url", "signing_key"):
        monkeypatch.setenv(f"MODELMAIL_{name.upper()}", getattr(stack.settings, name))
    monkeypatch.setenv("MODELMAIL_ALLOWED_ADDRESSES", "*")
    monkeypatch.setenv("MODELMAIL_LIMIT_ZIP_BYTES", "100")
    return functions_framework.create_app("handle", main.__file__).test_client()


def test_a_zip_over_the_size_is_refused(stack: Stack, small: Any) -> None:
    job = small.post("/", data={"email": "size@example.org"}).get_json()
    upload = job["upload"]
    assert upload["max_bytes"] == 100
    assert put(upload, bytes(101)).status_code == 400
    chunked = requests.put(upload["url"], data=iter([bytes(60), bytes(60)]), headers=upload["headers"], timeout=10)
    assert chunked.status_code in (400, 411)
    assert put(upload, bytes(101), {"x-goog-content-length-range": "1,1000"}).status_code == 403
    start = upload["resumable"]
    begun = requests.post(start["url"], headers=start["headers"], timeout=10)
    assert requests.put(begun.headers["Location"], data=bytes(101), timeout=10).status_code == 400
    assert status(job) == "awaiting_upload"
    assert put(upload, bytes(100)).status_code == 200


def test_a_link_that_has_ended_is_refused_and_a_fresh_one_works(stack: Stack, short_lived: Any) -> None:
    job = short_lived.post("/", data={"email": "ada@example.org"}).get_json()
    time.sleep(2.1)
    late = put(job["upload"])
    assert (late.status_code, "ExpiredToken" in late.text) == (400, True)
    assert status(job) == "awaiting_upload"
    fresh = requests.post(f"{job['status_url']}/upload", timeout=10).json()["upload"]
    assert put(fresh).status_code == 200


def test_the_client_replaces_a_link_that_has_ended(stack: Stack, short_lived: Any, tmp_path: Path) -> None:
    job = short_lived.post("/", data={"email": "ada@example.org"}).get_json()
    time.sleep(2.1)
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    (tmp_path / "photos" / "cats" / "1.jpg").write_bytes(os.urandom(3_000_000))
    with Client(stack.function_url) as client:
        submission = client.submit("ada@example.org", {})
        ended = replace(
            submission, job_id=job["job_id"], upload=Upload.from_json(job["upload"]), status_url=job["status_url"]
        )
        told: list[int] = []
        path = zip_folder(tmp_path / "photos", tmp_path / "photos.zip")
        client.upload(ended, path, lambda sent, total: told.append(sent))
        client.upload(ended, path, lambda sent, total: None)  # the zip is there: nothing more to do
        assert client.status(job["status_url"]).status == "uploaded"
    assert told[-1] == path.stat().st_size


@pytest.fixture
def done(stack: Stack, queue: Queue) -> dict[str, Any]:
    """A job that has ended well, with a model in the bucket."""
    job = submit(stack)
    put(job["upload"])
    name = f"{job['job_id']}/artifacts/1/model.h5"
    queue.buckets.models.put(name, b"weights", content_type="application/x-hdf5")
    files = {"model.h5": FileEntry(name, 7, "application/x-hdf5")}
    now = datetime.now(UTC)
    queue.update(job["job_id"], lambda one: replace(one, status=Status.DONE, started_at=now, files=files))
    return job


def test_results_come_through_a_redirect(stack: Stack, done: dict[str, Any], tmp_path: Path) -> None:
    (file,) = requests.get(done["status_url"], timeout=10).json()["files"]
    answer = requests.get(file["url"], timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"].startswith(stack.storage_url)) == (302, True)
    result = requests.get(file["url"], timeout=10)
    assert (result.status_code, result.content) == (200, b"weights")
    assert result.headers["Content-Disposition"] == "attachment; filename=model.h5"
    assert result.headers["Content-Type"] == "application/x-hdf5"
    with Client(stack.function_url) as client:
        client.download(file["url"], tmp_path / "model.h5")
    assert (tmp_path / "model.h5").read_bytes() == b"weights"


def test_a_download_link_fetches_one_result_and_nothing_else(stack: Stack, queue: Queue, done: dict[str, Any]) -> None:
    other = f"{done['job_id']}/artifacts/1/report.json"
    queue.buckets.models.put(other, b"{}")
    (file,) = requests.get(done["status_url"], timeout=10).json()["files"]
    link = requests.get(file["url"], timeout=10, allow_redirects=False).headers["Location"]
    assert "X-Goog-Expires=600" in link
    assert requests.get(link, timeout=10).status_code == 200
    assert requests.get(link.replace("model.h5?", "report.json?"), timeout=10).status_code == 403
    assert requests.get(link.replace("X-Goog-Expires=600", "X-Goog-Expires=6000"), timeout=10).status_code == 403
    for method in ("PUT", "DELETE", "POST"):
        assert requests.request(method, link, data=b"x", timeout=10).status_code in (400, 403)
    assert requests.get(link, timeout=10).content == b"weights"
    assert requests.get(f"{done['status_url']}/files/report.json", timeout=10).status_code == 404
    assert requests.get(f"{done['status_url']}/files/..%2F..%2Fstages", timeout=10).status_code == 404


def test_the_delete_link_deletes(stack: Stack, queue: Queue, done: dict[str, Any]) -> None:
    (file,) = requests.get(done["status_url"], timeout=10).json()["files"]
    page = requests.get(done["delete_url"], headers={"Accept": "text/html"}, timeout=10)
    assert (page.status_code, "Delete everything" in page.text) == (200, True)
    assert status(done) == "done"
    assert requests.delete(done["delete_url"], timeout=10).json()["status"] == "deleted"
    for url in (done["status_url"], file["url"], done["delete_url"]):
        assert requests.get(url, timeout=10).status_code == 404
    for store in (queue.buckets.datasets, queue.buckets.models):
        assert [stat.name for stat in store.list() if done["job_id"] in stat.name] == []
    record = queue.read(done["job_id"])
    assert record is not None and record.job.email is None


def test_the_log_of_the_function_tells_no_secret(stack: Stack) -> None:
    job = submit(stack)
    token = job["delete_url"].rpartition("=")[2]
    requests.get(job["status_url"], timeout=10)
    requests.get(job["delete_url"], timeout=10)
    text = "".join(path.read_text() for path in (stack.data / "logs").glob("function*"))
    for secret in (job["job_id"], token, "ada@example.org", "X-Goog-Signature", json.dumps(job["upload"]["url"])):
        assert secret not in text
