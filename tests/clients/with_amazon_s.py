"""Clients of Amazon's beside boto3, with an HMAC key: minio's for Python, s3cmd, s5cmd, and rclone as it speaks S3."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from google.cloud import storage
from minio import Minio
from minio.commonconfig import CopySource
from minio.deleteobjects import DeleteObject
from modelmail_emulator import GcsEmulator

from tests.clients.conftest import new_bucket

MIB = 1024 * 1024
Key = tuple[str, str]
Run = Callable[..., str]


@pytest.fixture
def bucket(gcs_emulator: GcsEmulator) -> storage.Bucket:
    return new_bucket(gcs_emulator)


@pytest.fixture
def key(gcs_emulator: GcsEmulator) -> Key:
    metadata, secret = gcs_emulator.client().create_hmac_key("robot@example.org")
    return metadata.access_id, secret


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Some files to send."""
    (tmp_path / "tree" / "a").mkdir(parents=True)
    (tmp_path / "tree" / "a" / "x y+ü.txt").write_text("one")
    (tmp_path / "tree" / "large").write_bytes(bytes(range(256)) * (20 * MIB // 256))
    return tmp_path / "tree"


@pytest.mark.parametrize("region", [None, "auto"])
def test_minio(gcs_emulator: GcsEmulator, bucket: storage.Bucket, key: Key, region: str | None) -> None:
    client = Minio(
        urlsplit(gcs_emulator.url).netloc, access_key=key[0], secret_key=key[1], secure=False, region=region
    )  # without a region it asks for the bucket's
    name = bucket.name
    assert client.bucket_exists(name) and not client.bucket_exists("no-such-bucket")
    client.put_object(name, "a/ü b+.txt", io.BytesIO(b"hello"), 5, metadata={"k": "v"})
    client.put_object(name, "large", io.BytesIO(b"x" * 12 * MIB), -1, part_size=5 * MIB)
    assert client.get_object(name, "a/ü b+.txt", offset=1, length=2).read() == b"el"
    assert client.stat_object(name, "a/ü b+.txt").metadata["x-amz-meta-k"] == "v"
    client.copy_object(name, "copy", CopySource(name, "large"))
    assert [item.object_name for item in client.list_objects(name, recursive=True)] == ["a/ü b+.txt", "copy", "large"]
    assert {item.object_name for item in client.list_objects(name)} == {"a/", "copy", "large"}
    assert len(requests.get(client.presigned_get_object(name, "copy"), timeout=10).content) == 12 * MIB
    bucket.versioning_enabled = True
    bucket.patch()
    client.put_object(name, "copy", io.BytesIO(b"new"), 3)
    versions = [(item.object_name, item.is_latest) for item in client.list_objects(name, "c", include_version=True)]
    assert versions == [("copy", "false"), ("copy", "true")]
    assert list(client.remove_objects(name, [DeleteObject("copy"), DeleteObject("large"), DeleteObject("none")])) == []
    assert [item.object_name for item in client.list_objects(name, recursive=True)] == ["a/ü b+.txt"]


@pytest.fixture
def run(gcs_emulator: GcsEmulator, key: Key, tmp_path: Path) -> Run:
    """Run a program that is installed beside Python; its output."""
    env = {
        "AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1], "AWS_REGION": "auto", "HOME": str(tmp_path),
        "RCLONE_CONFIG_G_TYPE": "s3", "RCLONE_CONFIG_G_PROVIDER": "GCS", "RCLONE_CONFIG_G_ENV_AUTH": "true",
        "RCLONE_CONFIG_G_ENDPOINT": gcs_emulator.url, "RCLONE_CONFIG": "/dev/null", "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
    }  # fmt: skip

    def ran(program: str, *arguments: str) -> str:
        command = [str(Path(sys.executable).with_name(program)), *arguments]
        ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr + ended.stdout
        return ended.stdout

    return ran


def test_s5cmd(gcs_emulator: GcsEmulator, bucket: storage.Bucket, run: Run, tree: Path) -> None:
    command, place = ("s5cmd", "--endpoint-url", gcs_emulator.url), f"s3://{bucket.name}"
    run(*command, "sync", f"{tree}/", f"{place}/tree/")
    assert sorted(blob.name for blob in bucket.list_blobs()) == ["tree/a/x y+ü.txt", "tree/large"]
    assert run(*command, "cat", f"{place}/tree/a/x y+ü.txt") == "one"
    run(*command, "cp", f"{place}/tree/large", str(tree.parent / "back"))
    assert (tree.parent / "back").read_bytes() == (tree / "large").read_bytes()
    run(*command, "mv", f"{place}/tree/large", f"{place}/moved")
    assert "moved" in run(*command, "ls", "--all-versions", f"{place}/*")
    run(*command, "rm", f"{place}/*")
    run(*command, "rb", place)
    assert not bucket.exists()


def test_s3cmd(gcs_emulator: GcsEmulator, bucket: storage.Bucket, key: Key, run: Run, tree: Path) -> None:
    host, place = urlsplit(gcs_emulator.url).netloc, f"s3://{bucket.name}"
    command = ("s3cmd", "--no-ssl", f"--host={host}", f"--host-bucket={host}", "--region=auto", "--no-progress")
    run(*command, "sync", f"{tree}/", f"{place}/tree/")
    run(*command, "cp", f"{place}/tree/large", f"{place}/copy")  # it takes the rights along, by ?acl
    run(*command, "get", f"{place}/copy", str(tree.parent / "back"))
    assert (tree.parent / "back").read_bytes() == (tree / "large").read_bytes()
    plain = f"{gcs_emulator.url}/{bucket.name}/copy"
    assert requests.get(plain, timeout=10).status_code == 403
    run(*command, "setacl", "--acl-public", f"{place}/copy")
    assert requests.get(plain, timeout=10).status_code == 200
    run(*command, "mv", f"{place}/copy", f"{place}/moved")
    assert "moved" in run(*command, "ls", "--recursive", place)
    run(*command, "del", "--recursive", "--force", f"{place}/")
    run(*command, "rb", place)
    assert not bucket.exists()


def test_rclone_as_it_speaks_s3(bucket: storage.Bucket, run: Run, tree: Path) -> None:
    place = f"g:{bucket.name}"
    run("rclone", "copy", str(tree), f"{place}/tree")
    run("rclone", "check", "--download", str(tree), f"{place}/tree")
    run("rclone", "moveto", f"{place}/tree/large", f"{place}/moved")
    assert run("rclone", "cat", f"{place}/tree/a/x y+ü.txt") == "one"
    bucket.versioning_enabled = True
    bucket.patch()
    run("rclone", "deletefile", f"{place}/moved")
    listed = run("rclone", "--s3-versions", "lsf", place).split()
    assert [name for name in listed if name.startswith("moved-v20")] != []
    run("rclone", "delete", place)
    assert list(bucket.list_blobs()) == []
