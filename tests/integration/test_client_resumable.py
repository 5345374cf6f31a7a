"""The client sends a large zip through every interruption that the storage can order, and sends nothing twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage

from function.client import Client, ClientError, Resume
from function.resumable import CHUNK
from function.wire import SubmissionAnswer, Upload
from infra.emulator.signatures.keys import ensure_key
from jobs.clock import FakeClock
from tests.servers import ACCOUNT, EmulatorUnderTest, running_emulator

HEADERS = {
    "content-type": "application/zip",
    "x-goog-content-length-range": "1,100000000",
    "x-goog-if-generation-match": "0",
}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorUnderTest]:
    """An emulator that takes orders for faults."""
    folder = tmp_path_factory.mktemp("faulty")
    with running_emulator(folder / "buckets", ensure_key(folder / "key.json", ACCOUNT), "--admin") as running:
        yield running


@pytest.fixture
def blob(faulty: EmulatorUnderTest) -> Iterator[storage.Blob]:
    """Where the zip will lie; no faults are left behind."""
    yield faulty.bucket().blob("photos.zip")
    faulty.order()


@pytest.fixture
def zip_file(tmp_path: Path) -> Path:
    """Two chunks and a half."""
    path = tmp_path / "photos.zip"
    path.write_bytes(os.urandom(5 * CHUNK // 2))
    return path


def _submission(faulty: EmulatorUnderTest, blob: storage.Blob) -> SubmissionAnswer:
    start = {**HEADERS, "x-goog-resumable": "start"}
    upload = {
        "url": faulty.sign(blob, "PUT", headers=dict(HEADERS)),
        "headers": HEADERS,
        "max_bytes": 10**8,
        "resumable": {"url": faulty.sign(blob, "RESUMABLE", headers=dict(HEADERS)), "headers": start},
    }
    return SubmissionAnswer("id", Upload.from_json(upload), f"{faulty.url}/nothing", "")


def _rule(method: str, path: str, **more: Any) -> dict[str, Any]:
    return {"method": method, "path": path, "count": 1, **more}


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [_rule("PUT", "upload_id", action="reset", skip=1)],
        [_rule("PUT", "upload_id", action="lose_answer")],
        [_rule("PUT", "upload_id", action="lose_answer", skip=2)],  # the last one: all is there
        [_rule("PUT", "upload_id", action="status", status=503, count=2)],
        [_rule("POST", "photos.zip", action="status", status=429)],
    ],
    ids=["none", "reset", "answer lost", "last answer lost", "503 twice", "429 at the start"],
)
def test_every_interruption_is_overcome(
    faulty: EmulatorUnderTest, blob: storage.Blob, zip_file: Path, rules: list[dict[str, Any]]
) -> None:
    faulty.order(*rules)
    told: list[int] = []
    with Client(faulty.url, FakeClock()) as client:
        client.upload(_submission(faulty, blob), zip_file, lambda sent, total: told.append(sent))
    assert blob.download_as_bytes() == zip_file.read_bytes()
    assert told == sorted(told)  # no byte is sent again that the storage had


def test_another_program_goes_on_where_the_first_was_stopped(
    faulty: EmulatorUnderTest, blob: storage.Blob, zip_file: Path
) -> None:
    sessions: list[str] = []
    submission = _submission(faulty, blob)

    def stop(sent: int, total: int) -> None:
        if sent == CHUNK:
            raise KeyboardInterrupt

    with Client(faulty.url, FakeClock()) as client, pytest.raises(KeyboardInterrupt):
        client.upload(submission, zip_file, stop, Resume(keep=sessions.append))
    told: list[int] = []
    with Client(faulty.url, FakeClock()) as client:
        client.upload(submission, zip_file, lambda sent, total: told.append(sent), Resume(session=sessions[0]))
    assert told[0] == CHUNK
    assert blob.download_as_bytes() == zip_file.read_bytes()


def test_a_link_that_is_no_link_is_a_clear_refusal(
    faulty: EmulatorUnderTest, blob: storage.Blob, zip_file: Path
) -> None:
    submission = _submission(faulty, blob)
    start = submission.upload.resumable
    assert start is not None
    spoilt = replace(start, url=start.url[:-2] + "00")
    wrong = SubmissionAnswer("id", replace(submission.upload, resumable=spoilt), "", "")
    with Client(faulty.url, FakeClock()) as client, pytest.raises(ClientError, match="upload link is not valid"):
        client.upload(wrong, zip_file, lambda sent, total: None)
    assert not blob.exists()
