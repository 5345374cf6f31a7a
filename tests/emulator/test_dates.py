"""Tests conditions on the time of an object's last change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
from google.cloud import storage

from tests.servers import EmulatorUnderTest, api

OWNER = {"authorization": "Bearer local"}


@pytest.fixture(scope="module")
def blob(emulator: EmulatorUnderTest) -> storage.Blob:
    blob = emulator.bucket().blob("a")
    blob.upload_from_string("there")
    return blob


def date(blob: storage.Blob, seconds: int) -> str:
    """So many seconds after the object's last change."""
    moment: datetime = blob.updated
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=seconds), usegmt=True)


CASES = [
    # header, seconds after the change, status of a reader, status of a writer
    ("if-modified-since", -1, 200, 200),
    ("if-modified-since", 0, 304, 200),  # the dates of HTTP have whole seconds
    ("if-modified-since", 60, 304, 200),
    ("if-unmodified-since", -1, 412, 412),
    ("if-unmodified-since", 0, 200, 200),
    ("if-unmodified-since", 60, 200, 200),
]


@pytest.mark.parametrize(("header", "seconds", "status", "writes"), CASES)
def test_conditions_on_the_time(
    emulator: EmulatorUnderTest, blob: storage.Blob, header: str, seconds: int, status: int, writes: int
) -> None:
    headers = {**OWNER, header: date(blob, seconds)}
    xml = f"{emulator.url}/{blob.bucket.name}/a"
    for url in (xml, api(blob.bucket, "/o/a?alt=media"), api(blob.bucket, "/o/a")):
        answer = requests.get(url, headers=headers, timeout=10)
        assert answer.status_code == status, url
        assert bool(answer.content) == (status != 304)
    assert requests.head(xml, headers=headers, timeout=10).status_code == status
    assert requests.patch(api(blob.bucket, "/o/a"), json={}, headers=headers, timeout=10).status_code == writes
    blob.reload()


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"if-modified-since": "late", "if-none-match": '"other"'}, 200),  # the etag counts, not the time
        ({"if-modified-since": "early", "if-none-match": "*"}, 304),
        ({"if-unmodified-since": "early", "if-match": "*"}, 200),
        ({"if-modified-since": "yesterday"}, 200),  # no date
        ({"if-unmodified-since": ""}, 200),
    ],
)
def test_which_condition_counts(
    emulator: EmulatorUnderTest, blob: storage.Blob, more: dict[str, str], status: int
) -> None:
    dates = {"late": date(blob, 60), "early": date(blob, -60)}
    headers = {name: dates.get(value, value) for name, value in more.items()}
    answer = requests.get(f"{emulator.url}/{blob.bucket.name}/a", headers={**OWNER, **headers}, timeout=10)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("header", "seconds", "status"),
    [
        ("modified-since", -1, 200),
        ("modified-since", 60, 304),
        ("unmodified-since", -1, 412),
        ("unmodified-since", 60, 200),
    ],
)
def test_conditions_on_the_time_of_the_source_of_a_copy(
    emulator: EmulatorUnderTest, blob: storage.Blob, header: str, seconds: int, status: int
) -> None:
    headers = {
        **OWNER, "x-goog-copy-source": f"{blob.bucket.name}/a", f"x-goog-copy-source-if-{header}": date(blob, seconds),
    }  # fmt: skip
    answer = requests.put(f"{emulator.url}/{blob.bucket.name}/copy", headers=headers, timeout=10)
    assert answer.status_code == status
