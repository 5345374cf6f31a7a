"""Tests listings of objects: whole and in pages, in byte order."""

from __future__ import annotations

import pytest
import requests
from google.cloud import storage

from tests.servers import EmulatorUnderTest, api

NAMES = ["a", "a/", "a/b/1", "a/b/2", "a/c", "a0", "b/1", "b/2/3", "é/1", "日/1", "\U0001f600"]


@pytest.fixture(scope="module")
def listed(emulator: EmulatorUnderTest) -> storage.Bucket:
    bucket = emulator.bucket()
    for name in NAMES:
        bucket.blob(name).upload_from_string(name)
    return bucket


LISTINGS = [
    # parameters, objects, prefixes
    ("", NAMES, []),
    ("delimiter=/", ["a", "a0", "\U0001f600"], ["a/", "b/", "é/", "日/"]),
    ("prefix=a/&delimiter=/", ["a/", "a/c"], ["a/b/"]),
    ("prefix=a/b&delimiter=/", [], ["a/b/"]),
    ("delimiter=/&includeTrailingDelimiter=true", ["a", "a/", "a0", "\U0001f600"], ["a/", "b/", "é/", "日/"]),
    ("startOffset=a/c&endOffset=b/2", ["a/c", "a0", "b/1"], []),
    ("prefix=b&startOffset=b/2", ["b/2/3"], []),
    ("prefix=nothing", [], []),
    ("endOffset=a", [], []),
]


@pytest.mark.parametrize("size", [0, 1, 2, 3])
@pytest.mark.parametrize(("query", "objects", "prefixes"), LISTINGS, ids=[row[0] for row in LISTINGS])
def test_listing_whole_and_in_pages(
    listed: storage.Bucket, query: str, objects: list[str], prefixes: list[str], size: int
) -> None:
    found: dict[str, list[str]] = {"items": [], "prefixes": []}
    token = ""
    for _ in range(20):
        paging = f"maxResults={size or 1000}&pageToken={token}"
        page = requests.get(f"{api(listed, '/o')}?{query}&{paging}", timeout=10).json()
        found["items"] += [item["name"] for item in page.get("items", [])]
        found["prefixes"] += page.get("prefixes", [])
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert (found["items"], found["prefixes"]) == (objects, prefixes)


def test_listing_refuses_nonsense(listed: storage.Bucket) -> None:
    for query in ("maxResults=0", "maxResults=x", "pageToken=%F0%9F"):
        assert requests.get(f"{api(listed, '/o')}?{query}", timeout=10).status_code == 400
    assert requests.get(api(listed, "/o").replace("test-", "none-"), timeout=10).status_code == 404
