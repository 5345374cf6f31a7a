"""What the logs of a whole run tell: of a job its first eight characters, of a person nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests

from function.client import Client, zip_folder
from function.wire import SubmissionAnswer
from infra.local import demo_photos
from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack
from jobs.tokens import address_hmac, continue_link, refusal_token

SENDGRID_KEY = "SG.local"  # the local stack's
EMAIL = "ada.lovelace+photos@example.org"
SECONDS = 60.0


def _environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MODELMAIL_")}
    return {**kept, **more}


def _logs(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(errors="replace") for path in sorted(folder.rglob("*.log"))}


def secrets_of(stack: Stack, submission: SubmissionAnswer) -> dict[str, str]:
    """Everything of a job that a log must not hold."""
    secret = stack.settings.secret
    pseudonym = address_hmac(secret, EMAIL)
    local = EMAIL.partition("@")[0]
    return {
        "address": EMAIL,
        "address, quoted": quote(EMAIL, safe=""),
        "local part": local,
        "address, normalised": f"{local.partition('+')[0]}@",
        "id": submission.job_id,
        "more of the id": submission.job_id[:9],
        "end of the id": submission.job_id[8:],
        "delete token": submission.delete_url.rpartition("=")[2],
        "continue token": _continue_link(stack, submission).rpartition(":")[2],
        "refusal token": refusal_token(secret, pseudonym),
        "pseudonym": pseudonym,
        "signature": "X-Goog-Signature",
        "this link's signature": urlsplit(submission.upload.url).query.rpartition("=")[2][:40],
        "secret": secret,
        "mail key": SENDGRID_KEY,
        "bearer": "Bearer ",
        "private key": "PRIVATE KEY",
    }


def _continue_link(stack: Stack, submission: SubmissionAnswer) -> str:
    return continue_link(stack.settings.public_url, stack.settings.secret, submission.job_id)


def leaks(stack: Stack, submission: SubmissionAnswer) -> set[tuple[str, str]]:
    """Which log tells what."""
    secrets = secrets_of(stack, submission).items()
    logs = _logs(stack.data / "logs").items()
    return {(file, what) for file, text in logs for what, secret in secrets if secret in text}


def check_logs(stack: Stack, submission: SubmissionAnswer) -> None:
    """No secret in any log, and the job is there by its first characters."""
    logs = _logs(stack.data / "logs")
    assert {"buckets.log", "function.log", "mailbox.log", "worker.log"} <= set(logs)
    assert leaks(stack, submission) == set()
    for file in ("function.log", "worker.log"):
        assert submission.job_id[:8] in logs[file]


def _ended(client: Client, submission: SubmissionAnswer) -> str:
    return str([status for status in client.follow(submission.status_url, 0.2)][-1].status)


def _until(what: Callable[[], Any]) -> None:
    end = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def _raw(url: str, request: str) -> bytes:
    """Bytes that are no good HTTP, as a scanner sends them."""
    at = urlsplit(url)
    with socket.create_connection((at.hostname or "", at.port or 80), timeout=10) as connection:
        connection.sendall(request.encode())
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(65536)


def _knock(stack: Stack, job: SubmissionAnswer) -> None:
    """Requests of every kind, good and bad, that carry all there is to carry."""
    pages = {"Accept": "text/html"}
    token = job.delete_url.rpartition("=")[2]
    base = _continue_link(stack, job).partition("=")[2]
    for where in ("json", "params", "data"):
        sent: dict[str, Any] = {where: {"email": EMAIL, "base": base}}
        assert requests.post(stack.function_url, timeout=10, **sent).status_code in (400, 404)
    refuse = f"{stack.function_url}/refuse/{secrets_of(stack, job)['refusal token']}"
    path = f"/jobs/{job.job_id}/delete?token={token}&email={EMAIL}"
    for url in (job.status_url, job.delete_url, refuse, f"{job.status_url}/files/none", job.upload.url):
        for headers in (pages, {"Authorization": f"Bearer {token}", "Referer": job.delete_url}):
            requests.get(url, headers=headers, timeout=10)
        requests.put(url, data=b"no zip", timeout=10)
    requests.post(f"{job.status_url}/upload", timeout=10)
    requests.delete(f"{job.status_url}?token=wrong{token}", timeout=10)
    requests.post(stack.function_url, data=json.dumps({"email": EMAIL, "options": {"x": token}}), timeout=10)
    requests.post(f"{stack.function_url}/?email={quote(EMAIL)}&minutes=none", timeout=10)
    requests.post(
        f"{stack.function_url}/tasks/sweep", headers={"Authorization": f"Bearer {token}.{EMAIL}.x"}, timeout=10
    )
    bad = (
        f"GET {path} {EMAIL}\r\n\r\n",
        f"G<T {path} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET {path} HTTP/9\r\nX {token}\r\n\r\n",
    )
    for server in (stack.function_url, stack.storage_url, stack.mailbox_url):
        for request in bad:
            _raw(server, request)


def test_no_log_of_a_run_without_training_tells_a_secret(tmp_path: Path) -> None:
    """Upload, rejection, mail; a provider that is down; a deletion; and a stranger at the door."""
    given = _environment(MODELMAIL_WORK=str(tmp_path / "work"))
    with Stack(tmp_path / "data", EPHEMERAL, given) as stack, Client(stack.function_url) as client:
        job = client.submit(EMAIL, {"minutes": 2})
        _knock(stack, job)
        client.upload(job, _one_class(tmp_path), lambda sent, total: None)
        assert _ended(client, job) == "rejected"
        _until(lambda: any(stack.mail.glob("*.eml")))
        assert EMAIL in next(stack.mail.glob("*.eml")).read_text()
        assert requests.delete(job.delete_url, timeout=10).status_code == 200
        _knock(stack, job)
        check_logs(stack, job)
        _check_the_search_itself(stack, job)


def _check_the_search_itself(stack: Stack, job: SubmissionAnswer) -> None:
    """Each secret would be found."""
    for what, secret in secrets_of(stack, job).items():
        (stack.data / "logs" / "planted.log").write_text(f"x{secret}x")
        assert ("planted.log", what) in leaks(stack, job)


def _one_class(folder: Path) -> Path:
    photos = demo_photos.make(folder / "photos")
    with zipfile.ZipFile(folder / "brick.zip", "w") as archive:
        for path in sorted((photos / "brick").iterdir()):
            archive.write(path, f"brick/{path.name}")
    return folder / "brick.zip"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_log_of_a_whole_run_tells_a_secret(tmp_path: Path) -> None:
    with Stack(tmp_path / "data", EPHEMERAL, _environment()) as stack, Client(stack.function_url) as client:
        photos = zip_folder(demo_photos.make(tmp_path / "photos"), tmp_path / "photos.zip")
        job = client.submit(EMAIL, {"minutes": 2, "candidates": ["efficientnet_lite0"], "epochs": 5})
        client.upload(job, photos, lambda sent, total: None)
        assert _ended(client, job) == "done"
        _until(lambda: any(stack.mail.glob("*.eml")))
        for row in client.status(job.status_url).files:
            requests.get(row.url, timeout=30)
        _knock(stack, job)
        check_logs(stack, job)


@pytest.mark.faults
def test_storage_that_is_out_of_reach_is_told_without_names(tmp_path: Path) -> None:
    """The clients' errors name whole URLs: of them nothing but their kinds and places are told."""
    with Stack(tmp_path / "data", EPHEMERAL, _environment()) as stack, Client(stack.function_url) as client:
        job = client.submit(EMAIL, {})
        client.upload(job, _one_class(tmp_path), lambda sent, total: None)
        _until(lambda: job.job_id[:8] in _logs(stack.data / "logs")["worker.log"])
        os.kill(
            next(child.process.pid for child in stack._children._running if child.name == "buckets"), signal.SIGKILL
        )
        assert requests.get(job.status_url, timeout=60).status_code == 503
        assert "storage unavailable" in _logs(stack.data / "logs")["function.log"]
        _until(lambda: " WARNING " in _logs(stack.data / "logs")["worker.log"])
        check_logs(stack, job)
