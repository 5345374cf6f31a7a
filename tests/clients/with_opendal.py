"""OpenDAL, whose client in Rust is its own. It asks Google for a token unless it is given one or is anonymous."""

from __future__ import annotations

from typing import Any

import opendal
import pytest
from google.cloud import storage
from modelmail_emulator import GcsEmulator

from tests.clients.conftest import new_bucket

NAMES = ["a", "a b/ü+%.txt", "percent%20", "d?e#f", "日本/x", "~-_."]
BIG = bytes(range(256)) * 80_000


@pytest.fixture(params=["anonymous", "token"])
def place(
    request: pytest.FixtureRequest, gcs_emulator: GcsEmulator, open_emulator: GcsEmulator
) -> tuple[storage.Bucket, opendal.Operator]:
    anonymous = request.param == "anonymous"
    emulator = open_emulator if anonymous else gcs_emulator
    bucket = new_bucket(emulator)
    more: Any = {"allow_anonymous": "true"} if anonymous else {"token": "any"}
    alone = {"disable_vm_metadata": "true", "disable_config_load": "true"}
    return bucket, opendal.Operator("gcs", bucket=bucket.name, root="/top/", endpoint=emulator.url, **alone, **more)


@pytest.mark.parametrize("name", NAMES)
def test_any_name(place: tuple[storage.Bucket, opendal.Operator], name: str) -> None:
    bucket, operator = place
    operator.write(name, b"hello")
    assert (bytes(operator.read(name)), operator.stat(name).content_length) == (b"hello", 5)
    operator.copy(name, "copy")
    assert sorted(blob.name for blob in bucket.list_blobs()) == sorted([f"top/{name}", "top/copy"])
    assert {name, "copy"} <= {entry.path for entry in operator.scan("")}
    operator.delete(name)
    assert (operator.exists(name), operator.exists("copy")) == (False, True)


def test_a_large_object_and_a_folder(place: tuple[storage.Bucket, opendal.Operator]) -> None:
    bucket, operator = place
    operator.write("folder/large", BIG, chunk=8 * 1024 * 1024)  # in parts, by the XML API
    operator.create_dir("folder/empty/")
    blob = bucket.get_blob("top/folder/large")
    assert blob is not None and blob.download_as_bytes() == BIG
    with operator.open("folder/large", "rb") as file:
        file.seek(1000)
        assert file.read(3) == BIG[1000:1003]
    operator.remove_all("folder/")
    assert list(bucket.list_blobs()) == []
