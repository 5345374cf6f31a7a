"""Tests that acknowledged writes survive any end of the process, and that no partial write does."""

from __future__ import annotations

import base64
import json
import logging
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from google.cloud import storage

from infra.emulator.resources.preconditions import NONE
from infra.emulator.resources.rows import Draft, Session, Target
from infra.emulator.signatures.keys import ensure_key, load_key
from infra.emulator.store.files import SMALL_BYTES
from infra.emulator.store.store import Store
from tests.emulator.big import MIB, Growth, md5_of, resumable, signed_put
from tests.emulator.on_disk import missing, strays
from tests.servers import ACCOUNT, EmulatorUnderTest, running_emulator


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return ensure_key(tmp_path / "key.json", ACCOUNT)


def wait_for(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def test_a_restart_keeps_buckets_objects_and_generations(tmp_path: Path, key: Path) -> None:
    data = tmp_path / "data"
    with running_emulator(data, key) as first:
        bucket = first.bucket(labels={"a": "b"})
        blob = bucket.blob("x")
        blob.metadata = {"k": "v"}
        blob.upload_from_string("content")
        other = bucket.blob("deleted")
        other.upload_from_string("")
        last = other.generation
        other.delete()
    with running_emulator(data, key) as second:
        again = second.client.get_bucket(bucket.name)
        found = again.get_blob("x")
        assert found is not None and again.labels == {"a": "b"}
        assert (found.generation, found.time_created) == (blob.generation, blob.time_created)
        assert found.metadata == {"k": "v"}
        assert found.download_as_bytes() == b"content"
        found.upload_from_string("new")
        assert found.generation > last


def test_kill_9_in_the_middle_of_writes(tmp_path: Path, key: Path) -> None:
    data = tmp_path / "data"
    acknowledged: dict[str, bytes] = {}
    with running_emulator(data, key) as first:
        bucket = first.bucket().name
        threads = [threading.Thread(target=_write, args=(first, bucket, i, acknowledged)) for i in range(8)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(acknowledged) > 100)
        first.process.kill()
        for thread in threads:
            thread.join()
    with running_emulator(data, key) as second:
        found = {blob.name: blob.download_as_bytes() for blob in second.client.bucket(bucket).list_blobs()}
        assert acknowledged.items() <= found.items()
        assert all(content == _content(name) for name, content in found.items())
        assert missing(data) == set()
        wait_for(lambda: strays(data) == set())


def _content(name: str) -> bytes:
    """Every other one too large for the index."""
    return name.encode() * (20_000 if name[-1] in "02468" else 200)


def _write(emulator: EmulatorUnderTest, bucket: str, writer: int, acknowledged: dict[str, bytes]) -> None:
    url = f"{emulator.url}/upload/storage/v1/b/{bucket}/o"
    with requests.Session() as session:
        for number in range(10_000):
            name = f"{writer}-{number}"
            try:
                params = {"uploadType": "media", "name": name}
                answer = session.post(url, params=params, data=_content(name), timeout=10)
            except requests.RequestException:
                return
            if answer.status_code == 200:
                acknowledged[name] = _content(name)


def test_a_session_goes_on_after_a_kill(tmp_path: Path, key: Path) -> None:
    data, size = tmp_path / "data", 256 * 1024
    content = bytes(range(256)) * 2048  # two chunks
    with running_emulator(data, key) as first:
        bucket = first.bucket().name
        start = f"{first.url}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name=big"
        path = requests.post(start, timeout=10).headers["location"].removeprefix(first.url)
        headers = {"content-range": f"bytes 0-{size - 1}/{2 * size}"}
        assert requests.put(first.url + path, data=content[:size], headers=headers, timeout=10).status_code == 308
        first.process.kill()
    with running_emulator(data, key) as second:
        asked = requests.put(second.url + path, headers={"content-range": f"bytes */{2 * size}"}, timeout=10)
        assert (asked.status_code, asked.headers["range"]) == (308, f"bytes=0-{size - 1}")
        headers = {"content-range": f"bytes {size}-{2 * size - 1}/{2 * size}"}
        assert requests.put(second.url + path, data=content[size:], headers=headers, timeout=10).status_code == 200
        assert second.client.bucket(bucket).blob("big").download_as_bytes() == content
        assert missing(data) | strays(data) == set()


SLOW_SIZES = [pytest.param(size, marks=pytest.mark.slow) for size in (0, 1, 3_000_000)]


@pytest.mark.parametrize("size", [*SLOW_SIZES, SMALL_BYTES, SMALL_BYTES + 1])
def test_replaced_deleted_and_refused_contents_leave_the_disk(tmp_path: Path, key: Path, size: int) -> None:
    data = tmp_path / "data"
    with running_emulator(data, key) as emulator:
        bucket = emulator.bucket()
        bucket.soft_delete_policy.retention_duration_seconds = 0
        bucket.patch()
        for digit in (b"1", b"2", b"3"):
            bucket.blob("a").upload_from_string(digit * size)
        bucket.blob("b").upload_from_string(b"x" * size)
        bucket.blob("b").delete()
        url = f"{emulator.url}/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=c"
        wrong = {"x-goog-hash": "crc32c=AAAAAQ=="}
        assert requests.post(url, data=b"x" * size, headers=wrong, timeout=10).status_code == 400
        assert requests.post(f"{url}&ifGenerationMatch=1", data=b"x" * size, timeout=10).status_code == 412
        assert bucket.blob("a").download_as_bytes() == b"3" * size
        assert strays(data) | missing(data) == set()
        assert len(list((data / "objects").iterdir())) == (1 if size > SMALL_BYTES else 0)


def test_it_listens_soon_and_makes_a_key_when_it_has_none(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "infra.emulator", "--port", "0", "--data", str(tmp_path / "data")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip().removeprefix("service account key: "))
        url = process.stdout.readline().split()[-1]
        assert requests.get(f"{url}/_emulator/health", timeout=10).status_code == 200
        process.terminate()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path).email == json.loads(path.read_text())["client_email"]


def test_a_key_is_made_once_and_checked(tmp_path: Path) -> None:
    path = ensure_key(tmp_path / "deep" / "key.json", ACCOUNT)
    before = path.read_bytes()
    assert ensure_key(path, "other@example.org").read_bytes() == before
    assert load_key(path).email == ACCOUNT
    for text in ("", "[]", "{}", '{"private_key": "x", "client_email": "y"}'):
        bad = tmp_path / "bad.json"
        bad.write_text(text)
        with pytest.raises(ValueError, match=r"bad\.json"):
            load_key(bad)


def refused(data: Path, key: Path, *more: str) -> str:
    """What an emulator says that cannot start."""
    command = ["--port", "0", "--data", str(data), "--service-account", str(key), *more]
    ended = subprocess.run(
        [sys.executable, "-m", "infra.emulator", *command],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize(
    ("size", "session", "expected"),
    [
        (SMALL_BYTES, "", []),  # synced with the index, by SQLite
        (SMALL_BYTES + 1, "", ["fsync", "rename", "fsync"]),
        (SMALL_BYTES + 1, "0" * 64, ["fsync", "link", "fsync"]),  # the session goes on should the index not be written
    ],
)
def test_a_content_is_on_disk_before_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, session: str, expected: list[str]
) -> None:
    store, called = Store(tmp_path), list[str]()
    store.index.insert_bucket("some-bucket", {})
    store.index.save_session(Session(session, "some-bucket", "a", 0, 0, {}))
    incoming = store.files.resume(session, 0) if session else store.files.begin()
    incoming.write(b"x" * size)
    for name in ("fsync", "rename", "link"):
        monkeypatch.setattr(os, name, _noted(name, getattr(os, name), called))
    draft = Draft("some-bucket", "a", size, incoming.md5, incoming.crc32c, "", {})
    row = store.commit(incoming, draft, NONE, session)
    assert called == expected
    found, file = store.open(Target("some-bucket", "a"))
    with file:
        assert (found, file.read()) == (row, b"x" * size)
    assert missing(tmp_path) | strays(tmp_path) == set()


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.index.insert_bucket("some-bucket", {})
    no_content: Any = object()  # refused after the row is written
    draft = Draft("some-bucket", "a", 1, "", "", "", {}, content=no_content)
    with pytest.raises(sqlite3.Error):
        store.put(draft, NONE)
    assert store.index.object("some-bucket", "a") is None


def _noted(name: str, call: Callable[..., Any], called: list[str]) -> Callable[..., Any]:
    def noted(*arguments: Any) -> Any:
        called.append(name)
        return call(*arguments)

    return noted


def test_it_says_why_it_cannot_start(tmp_path: Path, key: Path, emulator: EmulatorUnderTest) -> None:
    data, broken, file = tmp_path / "data", tmp_path / "broken.json", tmp_path / "file"
    port = emulator.url.rpartition(":")[2]
    assert refused(data, key, "--port", port).startswith(f"Port {port} of 127.0.0.1 is in use.")
    broken.write_text("{}")
    assert refused(data, broken) == f"{broken} is not a service-account key file\n"
    assert refused(data, tmp_path / "none.json") == f"{tmp_path / 'none.json'}: No such file or directory\n"
    file.touch()
    assert refused(file, key) == f"{file}: File exists\n"
    spoiled = tmp_path / "spoiled"
    spoiled.mkdir()
    (spoiled / "index.sqlite").write_bytes(b"this is no database, but it is long enough to be read as one" * 100)
    assert refused(spoiled, key) == f"The index in {spoiled} cannot be used: file is not a database\n"


def test_two_emulators_never_share_a_folder(tmp_path: Path, key: Path) -> None:
    data = tmp_path / "data"
    with running_emulator(data, key) as first:
        assert refused(data, key) == (f"Another emulator is running with {data}. Stop it, or choose another --data.\n")
        first.bucket()
    with running_emulator(data, key):
        pass


def test_no_signature_is_ever_printed(tmp_path: Path, key: Path, caplog: pytest.LogCaptureFixture) -> None:
    command = [sys.executable, "-m", "infra.emulator", "--port", "0", "--data", str(tmp_path / "d"),
               "--service-account", str(key)]  # fmt: skip
    caplog.set_level(logging.DEBUG)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        requests.get(f"{url}/some-bucket/a?X-Goog-Signature=secret-signature", timeout=10)
        requests.get(f"{url}/some-bucket/%FF?X-Goog-Signature=secret-signature", timeout=10)
        process.terminate()
        assert "secret-signature" not in process.stdout.read()


@pytest.mark.parametrize("send", [pytest.param(signed_put, marks=pytest.mark.slow), resumable])
def test_large_bodies_pass_through_little_memory(
    tmp_path: Path, key: Path, send: Callable[[EmulatorUnderTest, storage.Bucket, int], storage.Blob]
) -> None:
    with running_emulator(tmp_path / "data", key) as emulator:
        bucket = emulator.bucket()
        bucket.blob("first").upload_from_string(b"x" * 3 * MIB)  # what the first large one needs once
        with Growth(emulator.process.pid) as growth:
            blob = send(emulator, bucket, 200)
        assert base64.b64decode(blob.md5_hash) == md5_of(200)
        assert growth.bytes < 40 * MIB
