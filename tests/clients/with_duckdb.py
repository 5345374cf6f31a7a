"""DuckDB, which speaks to `gs://` with an HMAC key, and names no region when it signs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import duckdb_extension_httpfs
import pytest
from google.cloud import storage
from modelmail_emulator import GcsEmulator

from tests.clients.conftest import new_bucket


@pytest.fixture
def bucket(gcs_emulator: GcsEmulator) -> storage.Bucket:
    return new_bucket(gcs_emulator)


@pytest.fixture
def db(gcs_emulator: GcsEmulator) -> Iterator[Any]:
    metadata, secret = gcs_emulator.client().create_hmac_key("robot@example.org")
    (extension,) = Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension")
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{extension}'")
        connection.execute(
            f"CREATE SECRET (TYPE gcs, KEY_ID '{metadata.access_id}', SECRET '{secret}', URL_STYLE 'path',"
            f" ENDPOINT '{urlsplit(gcs_emulator.url).netloc}', USE_SSL false)"
        )
        yield connection


def test_tables(db: Any, bucket: storage.Bucket) -> None:
    place = f"gs://{bucket.name}/a ü+"
    db.sql("SELECT range AS i, 'ü' || range AS s FROM range(100000)").write_parquet(f"{place}/x.parquet")
    assert db.read_parquet(f"{place}/x.parquet").sum("i").fetchone() == (4_999_950_000,)
    db.sql("SELECT range AS i, repeat('x', 100) FROM range(120000)").write_csv(f"{place}/x.csv")  # in several parts
    assert db.read_csv(f"{place}/x.csv").count("*").fetchone() == (120_000,)
    with pytest.raises(duckdb.HTTPException):
        db.read_parquet(f"{place}/none.parquet")


def test_folders(db: Any, bucket: storage.Bucket) -> None:
    place = f"gcs://{bucket.name}/parts"
    db.sql("SELECT range AS i, range % 3 AS p FROM range(1000)").write_parquet(place, partition_by=["p"])
    found = db.read_parquet(f"{place}/*/*.parquet", hive_partitioning=True)
    assert found.filter("p = 1").count("*").fetchone() == (333,)
