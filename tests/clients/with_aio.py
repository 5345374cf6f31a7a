"""gcloud-aio-storage, a client for asyncio by others than Google."""

from __future__ import annotations

import asyncio

import pytest
from gcloud.aio.storage import Bucket, Storage
from google.cloud import storage
from modelmail_emulator import GcsEmulator

from tests.clients.conftest import new_bucket

BIG = bytes(range(256)) * 30_000


def test_objects(gcs_emulator: GcsEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_emulator.url)
    bucket = new_bucket(gcs_emulator)
    asyncio.run(_calls(bucket))
    assert [blob.name for blob in bucket.list_blobs()] == ["a/big", "a/both", "a/ü b+%.txt"]


async def _calls(real: storage.Bucket) -> None:
    async with Storage() as client:
        await client.upload(real.name, "a/ü b+%.txt", b"hello", content_type="text/x")
        await client.upload(real.name, "a/big", BIG, force_resumable_upload=True)
        assert await client.download(real.name, "a/big") == BIG
        assert (await client.download_metadata(real.name, "a/ü b+%.txt"))["contentType"] == "text/x"
        await client.copy(real.name, "a/big", real.name, new_name="a/copy")
        await client.compose(real.name, "a/both", ["a/ü b+%.txt", "a/copy"])
        await client.patch_metadata(real.name, "a/both", {"cacheControl": "no-store"})
        stream = await client.download_stream(real.name, "a/both")
        assert await stream.read(6) == b"hello" + BIG[:1]
        bucket = Bucket(client, real.name)
        assert await bucket.list_blobs(prefix="a/") == ["a/big", "a/both", "a/copy", "a/ü b+%.txt"]
        assert not await bucket.blob_exists("none")
        await client.delete(real.name, "a/copy")
