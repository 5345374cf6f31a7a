"""Makes a bucket full of small objects, written into the emulator's index before it starts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from infra.emulator.resources.rows import ObjectRow
from infra.emulator.store.index import Index
from infra.emulator.store.tables import put_object

_CONTENT = b"x" * 1024
_MD5, _CRC32C = "XkVyk4DKUufxEkqIa7ftvw==", "AAAAAA=="


def seed(data: Path, bucket: str, count: int) -> None:
    """Make the bucket with `object-000000` and so on, 1 KiB each."""
    data.mkdir(parents=True)
    moment = Index(data / "index.sqlite").insert_bucket(bucket, {}).created
    with closing(sqlite3.connect(data / "index.sqlite")) as db, db:
        for number in range(count):
            row = ObjectRow(
                bucket, f"object-{number:06}", number + 1, 1, len(_CONTENT), _MD5, _CRC32C, "", moment, moment,
                {"contentType": "text/plain", "metadata": {"number": str(number)}},
            )  # fmt: skip
            put_object(db, row)
            db.execute("INSERT INTO contents VALUES (?, ?)", (row.generation, _CONTENT))
