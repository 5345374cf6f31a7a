"""From photos to a finished job, by the service's own HTTP interface."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from function.client import Client, Submission, zip_folder
from infra.cli.screen import Screen


@dataclass(frozen=True)
class Order:
    """What is sent, by whom, to which service, with which options."""

    path: Path  # a zip, or a folder of class folders
    email: str
    url: str
    options: Mapping[str, Any]


def send(order: Order, screen: Screen) -> Submission:
    """Submit and upload. Raises ClientError with the service's code and message."""
    client = Client(order.url)
    with tempfile.TemporaryDirectory(prefix="modelmail-") as folder:
        path = _as_zip(order.path, Path(folder), screen)
        submission = client.submit(order.email, order.options)
        screen.say(f"Job {submission.job_id}")
        screen.say(f"Status page: {submission.status_url}")
        with screen.uploading() as moved:
            client.upload(submission, path, moved)
    return submission


def follow(
    url: str, submission: Submission, screen: Screen, check: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Show the job until it ends; its last status. `check` is called at each poll and may raise."""

    def watched() -> Iterator[dict[str, Any]]:
        for status in Client(url).follow(submission.status_url):
            check()
            yield status

    started = time.monotonic()
    last = screen.follow(watched())
    screen.say(f"{str(last['status']).capitalize()} after {time.monotonic() - started:.0f} s")
    return last


def _as_zip(path: Path, folder: Path, screen: Screen) -> Path:
    if not path.is_dir():
        return path
    screen.say(f"Zipping {path}")
    return zip_folder(path, folder / "photos.zip")
