"""What the tests of the upload page share: picking, sending, and what has arrived in the bucket."""

from __future__ import annotations

import io
import random
import re
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect

from infra.local.stack import Stack
from jobs.storage import gcs

MIB = 1024 * 1024


def stored(stack: Stack, bucket: str) -> gcs.GcsStore:
    return gcs.GcsStore(gcs.client(stack.storage_url).bucket(bucket))


def arrived(stack: Stack, page: Page) -> zipfile.ZipFile:
    """The zip of the job whose page this is."""
    job_id = page.url.rpartition("/")[2]
    blob = stored(stack, stack.settings.datasets_bucket).get(f"{job_id}.zip")
    assert blob is not None
    return zipfile.ZipFile(io.BytesIO(blob.data))


def names_of(folder: Path) -> list[str]:
    return sorted(f"pets/{path.relative_to(folder).as_posix()}" for path in folder.rglob("*.jpg"))


def pick(page: Page, what: Path, where: str = "#folder") -> None:
    page.goto("/")
    page.set_input_files(where, what)
    expect(page.locator("#summary")).to_contain_text("classes")


def send(page: Page, email: str) -> None:
    page.fill("#email", email)
    page.click("#go")


def landed(page: Page) -> None:
    page.wait_for_url(re.compile("/jobs/[A-Za-z0-9_-]{22}$"))
    expect(page.locator("h1")).to_have_text("Your photos are here")


def heavy(folder: Path, megabytes: int) -> Path:
    """Two classes of files that are named like photos, so large that they go in chunks."""
    noise = random.Random(1)  # noqa: S311 (no secret)
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            (folder / name / f"{number}.jpg").write_bytes(b"\xff\xd8\xff" + noise.randbytes(megabytes * MIB // 20))
    return folder
