"""Clients that make paths or files of objects: smart_open, cloudpathlib, universal_pathlib, Apache Libcloud."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import smart_open
from cloudpathlib import GSClient
from google.cloud import storage
from libcloud.storage.drivers import google_storage
from libcloud.storage.types import ObjectDoesNotExistError
from modelmail_emulator import GcsEmulator
from upath import UPath

from tests.clients.conftest import new_bucket

KIB = 1024
NAMES = ["a b+ü.txt", "a%2Fb", "a//b", "x/../y", "q?x=1&y", "h#ash", "it's (1)!*", "emoji-😀", "{b}[c]^`|<>~", "%"]


@pytest.fixture
def bucket(gcs_emulator: GcsEmulator) -> storage.Bucket:
    return new_bucket(gcs_emulator)


def test_smart_open(gcs_emulator: GcsEmulator, bucket: storage.Bucket) -> None:
    given = {"client": gcs_emulator.client(), "min_part_size": 256 * KIB}

    def opened(name: str, mode: str = "rb") -> Any:
        return smart_open.open(f"gs://{bucket.name}/{name}", mode, transport_params=given)

    content = os.urandom(900_000)
    with opened("large", "wb") as file:
        for start in range(0, len(content), 7000):
            file.write(content[start : start + 7000])
    with opened("large") as file:
        file.seek(-5, os.SEEK_END)
        assert file.read() == content[-5:]
        file.seek(0)
        assert file.read() == content
    for name in NAMES:
        with opened(name, "wb") as file:
            file.write(name.encode())
        assert opened(name).read() == name.encode()
    opened("empty", "wb").close()
    assert opened("empty").read() == b""
    with pytest.raises(KeyError), opened("half", "wb") as file:
        file.write(content)
        raise KeyError
    assert bucket.get_blob("half") is None


def test_cloudpathlib(gcs_emulator: GcsEmulator, bucket: storage.Bucket, tmp_path: Path) -> None:
    root = GSClient(storage_client=gcs_emulator.client(), local_cache_dir=tmp_path).GSPath(f"gs://{bucket.name}")
    for name in ("d/1 ü", "d/e/2", "d/e/3"):
        (root / name).write_text(name, encoding="utf-8")
    assert sorted(path.name for path in (root / "d").iterdir()) == ["1 ü", "e"]
    assert [path.name for path in root.rglob("*3")] == ["3"]
    (root / "d").copytree(root / "t")
    (root / "t/1 ü").rename(root / "t/4")
    assert (root / "t/4").read_text(encoding="utf-8") == "d/1 ü" and not (root / "t/1 ü").exists()
    (root / "t").rmtree()
    assert not (root / "t").exists() and (root / "d/e/2").stat().st_size == 5


def test_universal_pathlib(gcs_emulator: GcsEmulator, bucket: storage.Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    root = UPath(f"gs://{bucket.name}/up", project="p", token="anon", endpoint_url=gcs_emulator.url)
    (root / "x/y ü").write_text("z")
    assert [path.name for path in root.rglob("*ü")] == ["y ü"] and (root / "x").is_dir()
    (root / "x/y ü").rename(root / "x/w")
    assert (root / "x/w").read_text() == "z"


def test_libcloud(gcs_emulator: GcsEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    place = urlsplit(gcs_emulator.url)
    for connection in (google_storage.GoogleStorageConnection, google_storage.GoogleStorageJSONConnection):
        monkeypatch.setattr(connection, "host", place.hostname)
    metadata, secret = gcs_emulator.client().create_hmac_key("robot@example.org")
    driver = google_storage.GoogleStorageDriver(metadata.access_id, secret, secure=False)
    for used in (driver.connection, driver.json_connection):
        used.auth_type, used.port = "GCS_S3", place.port  # it would take the host for the kind of credentials
        used.connect()
    container = driver.create_container("libcloud-bucket")
    driver.upload_object_via_stream(io.BytesIO(b"hello"), container, "a ü", extra={"meta_data": {"k": "v"}})
    found = container.get_object("a ü")
    assert (found.size, found.meta_data["k"], b"".join(found.as_stream())) == (5, "v", b"hello")
    assert b"".join(found.range_as_stream(1, 3)) == b"el"
    with pytest.raises(ObjectDoesNotExistError):
        container.get_object("none")
    assert [item.name for item in container.list_objects()] == ["a ü"]
    assert requests.get(f"{gcs_emulator.url}/libcloud-bucket/a%20%C3%BC", timeout=10).status_code == 403
    assert found.delete() and container.delete()
