"""boto3, the client of Amazon S3, with an HMAC key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from google.cloud import storage
from modelmail_emulator import GcsEmulator

from tests.clients.conftest import new_bucket

MIB = 1024 * 1024


@pytest.fixture
def bucket(gcs_emulator: GcsEmulator) -> storage.Bucket:
    return new_bucket(gcs_emulator)


@pytest.fixture(params=["by default", "when required", "with signatures of the older kind"])
def s3(request: pytest.FixtureRequest, gcs_emulator: GcsEmulator) -> Iterator[Any]:
    client = gcs_emulator.client()
    metadata, secret = client.create_hmac_key("robot@example.org")
    checks: Any = {} if request.param == "by default" else {
        "request_checksum_calculation": "when_required", "response_checksum_validation": "when_required",
    }  # fmt: skip
    checks |= {"signature_version": "s3"} if "older" in request.param else {}
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, **checks)
    yield boto3.client(
        "s3", endpoint_url=gcs_emulator.url, region_name="auto", aws_access_key_id=metadata.access_id,
        aws_secret_access_key=secret, config=config,
    )  # fmt: skip
    client.close()


def test_objects(s3: Any, bucket: storage.Bucket) -> None:
    s3.put_object(Bucket=bucket.name, Key="a/ü b.txt", Body=b"hello", Metadata={"k": "v"}, ContentType="text/plain")
    found = s3.get_object(Bucket=bucket.name, Key="a/ü b.txt")
    assert (found["Body"].read(), found["Metadata"], found["ContentType"]) == (b"hello", {"k": "v"}, "text/plain")
    assert s3.head_object(Bucket=bucket.name, Key="a/ü b.txt")["ContentLength"] == 5
    assert s3.get_object(Bucket=bucket.name, Key="a/ü b.txt", Range="bytes=1-2")["Body"].read() == b"el"
    version = found["VersionId"]
    assert s3.get_object(Bucket=bucket.name, Key="a/ü b.txt", VersionId=version)["Body"].read() == b"hello"
    s3.copy_object(Bucket=bucket.name, Key="c", CopySource={"Bucket": bucket.name, "Key": "a/ü b.txt"})
    listed = s3.list_objects_v2(Bucket=bucket.name, Delimiter="/")
    assert [item["Key"] for item in listed["Contents"]] == ["c"]
    assert [item["Prefix"] for item in listed["CommonPrefixes"]] == ["a/"]
    s3.delete_objects(Bucket=bucket.name, Delete={"Objects": [{"Key": "c"}, {"Key": "a/ü b.txt"}]})
    assert list(bucket.list_blobs()) == []
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket.name, Key="c")


def test_buckets(s3: Any, bucket: storage.Bucket) -> None:
    assert bucket.name in [item["Name"] for item in s3.list_buckets()["Buckets"]]
    s3.create_bucket(Bucket=f"{bucket.name}-made")
    s3.put_bucket_versioning(Bucket=f"{bucket.name}-made", VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=f"{bucket.name}-made")["Status"] == "Enabled"
    s3.delete_bucket(Bucket=f"{bucket.name}-made")
    with pytest.raises(ClientError, match="NotImplemented"):
        s3.put_bucket_policy(Bucket=bucket.name, Policy="{}")
    assert bucket.exists()


def test_a_large_file(s3: Any, bucket: storage.Bucket, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(bytes(range(256)) * (20 * MIB // 256))
    s3.upload_file(str(file), bucket.name, "large")
    s3.download_file(bucket.name, "large", str(tmp_path / "again"))
    assert (tmp_path / "again").read_bytes() == file.read_bytes()


def test_links_and_rights(s3: Any, bucket: storage.Bucket, gcs_emulator: GcsEmulator) -> None:
    where = {"Bucket": bucket.name, "Key": "a"}
    link = s3.generate_presigned_url("put_object", Params=where)
    assert requests.put(link, data=b"x", timeout=10).status_code == 200
    assert requests.get(s3.generate_presigned_url("get_object", Params=where), timeout=10).content == b"x"
    plain = f"{gcs_emulator.url}/{bucket.name}/a"
    assert requests.get(plain, timeout=10).status_code == 403
    s3.put_object_acl(**where, ACL="public-read")
    assert requests.get(plain, timeout=10).content == b"x"
    with pytest.raises(ClientError, match="NotImplemented"):
        s3.put_object_tagging(**where, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert bucket.blob("a").download_as_bytes() == b"x"
