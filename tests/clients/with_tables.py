"""polars and deltalake, which read and write tables in buckets through object_store."""

from __future__ import annotations

import threading
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from google.cloud import storage
from modelmail_emulator import GcsEmulator

from tests.clients.conftest import key_with, new_bucket

FRAME = pl.DataFrame({"n": range(1000), "text": [f"ü{number}" for number in range(1000)], "part": [0, 1] * 500})


@pytest.fixture(params=["without credentials", "key file"])
def place(
    request: pytest.FixtureRequest, gcs_emulator: GcsEmulator, open_emulator: GcsEmulator
) -> tuple[storage.Bucket, dict[str, str]]:
    """A bucket, and the options that lead there."""
    if request.param == "key file":
        key = key_with(gcs_emulator, gcs_base_url=gcs_emulator.url)
        return new_bucket(gcs_emulator), {"google_service_account_key": key, "allow_http": "true"}
    key = key_with(open_emulator, gcs_base_url=open_emulator.url, disable_oauth=True)
    return new_bucket(open_emulator), {"google_service_account_key": key, "allow_http": "true"}


@pytest.fixture
def bucket(place: tuple[storage.Bucket, dict[str, str]]) -> storage.Bucket:
    return place[0]


@pytest.fixture
def options(place: tuple[storage.Bucket, dict[str, str]]) -> dict[str, Any]:
    return place[1]


@pytest.mark.parametrize("kind", ["parquet", "csv", "ipc", "ndjson"])
def test_polars_reads_what_it_writes(bucket: storage.Bucket, options: dict[str, Any], kind: str) -> None:
    url = f"gs://{bucket.name}/tables/frame.{kind}"
    getattr(FRAME.lazy(), f"sink_{kind}")(url, storage_options=options)
    assert getattr(pl, f"scan_{kind}")(url, storage_options=options).collect().equals(FRAME)
    assert bucket.get_blob(f"tables/frame.{kind}") is not None


def test_polars_reads_a_folder_and_only_what_it_needs(bucket: storage.Bucket, options: dict[str, Any]) -> None:
    folder = f"gs://{bucket.name}/folder"
    for number in range(3):
        FRAME.with_columns(source=number).lazy().sink_parquet(f"{folder}/{number}.parquet", storage_options=options)
    found = pl.scan_parquet(f"{folder}/*.parquet", storage_options=options)
    assert found.select(pl.len()).collect().item() == 3000
    assert found.filter(source=1).select("n").collect().height == 1000
    assert (
        pl.scan_parquet(f"{folder}/", storage_options=options).select(pl.col("n").sum()).collect().item() == 3 * 499_500
    )


def test_polars_writes_a_large_table(bucket: storage.Bucket, options: dict[str, Any]) -> None:
    url, frame = f"gs://{bucket.name}/large.parquet", pl.DataFrame({"n": range(3_000_000)})
    frame.lazy().sink_parquet(url, storage_options=options, compression="uncompressed")
    blob = bucket.get_blob("large.parquet")
    assert blob is not None and blob.size > 10_000_000
    assert pl.scan_parquet(url, storage_options=options).select(pl.col("n").sum()).collect().item() == frame["n"].sum()


def test_a_delta_table(bucket: storage.Bucket, options: dict[str, Any]) -> None:
    url = f"gs://{bucket.name}/delta/some-table"
    for mode in ("error", "append", "append"):
        write_deltalake(url, FRAME, mode=mode, storage_options=options, partition_by=["part"])
    table = DeltaTable(url, storage_options=options)
    assert (table.version(), len(pl.read_delta(url, storage_options=options))) == (2, 3000)
    table.delete("part = 1")
    assert len(pl.read_delta(url, storage_options=options)) == 1500
    assert len(pl.read_delta(url, version=0, storage_options=options)) == 1000
    table.optimize.compact()
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    table.create_checkpoint()
    again = DeltaTable(url, storage_options=options)
    assert pl.read_delta(url, storage_options=options)["n"].sum() == 3 * FRAME.filter(part=0)["n"].sum()
    assert again.version() > 2 and DeltaTable.is_deltatable(url, storage_options=options)
    with pytest.raises(Exception, match="already exists"):
        write_deltalake(url, FRAME, mode="error", storage_options=options)


def test_of_writers_at_once_none_is_lost(bucket: storage.Bucket, options: dict[str, Any]) -> None:
    url = f"gs://{bucket.name}/raced"
    write_deltalake(url, FRAME[:1], storage_options=options)
    failures: list[Exception] = []

    def write() -> None:
        try:
            write_deltalake(url, FRAME[:1], mode="append", storage_options=options)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (DeltaTable(url, storage_options=options).version(), len(pl.read_delta(url, storage_options=options))) == (
        8,
        9,
    )
