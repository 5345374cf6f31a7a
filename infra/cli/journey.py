"""The steps from photos to a finished job, over the service's HTTP interface."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from function.client import Client, ClientError, Resume, zip_folder
from function.wire import StatusAnswer, SubmissionAnswer
from infra.cli.resume import Cut, Memory, key_of
from infra.cli.screen import Screen
from infra.cli.sifted import sifted
from jobs import wording
from jobs.folders import Entry, TooDeep
from jobs.outcomes import ALL_FILES

NAMES_SHOWN = 5  # names of links, or of files, on the screen


@dataclass(frozen=True)
class Order:
    """The photos to send, the address, the service and the options."""

    path: Path  # a zip, or a folder of class folders
    email: str
    url: str
    options: Mapping[str, object]


def send(order: Order, screen: Screen, memory: Memory | None = None) -> SubmissionAnswer:
    """Submit and upload; with a memory, continue an interrupted upload of the same order.

    Raises ClientError with the service's code and message.
    """
    with tempfile.TemporaryDirectory(prefix="modelmail-") as folder, Client(order.url) as client:
        path = _as_zip(order.path, Path(folder), screen)
        key = key_of(path, order.url, order.email, json.dumps(dict(order.options), sort_keys=True)) if memory else ""
        cut = _cut_off(client, memory, key)
        submission = cut.submission if cut else client.submit(order.email, order.options)
        screen.say(f"Job {submission.job_id}{': going on with its upload' if cut else ''}")
        screen.say(f"Status page: {submission.status_url}")

        def keep(session: str) -> None:
            if memory:
                memory.keep(key, Cut(submission, session))

        with screen.uploading() as moved:
            client.upload(submission, path, moved, Resume(cut.session if cut else None, keep))
        if memory:
            memory.drop(key)
    return submission


def follow(
    url: str, submission: SubmissionAnswer, screen: Screen, check: Callable[[], None] = lambda: None
) -> StatusAnswer:
    """Show the job until it ends; return its last status. `check` is called at each poll and may raise."""

    def watched() -> Iterator[StatusAnswer]:
        for status in Client(url).follow(submission.status_url):
            check()
            yield status

    started = time.monotonic()
    last = screen.follow(watched())
    screen.say(f"{last.status.capitalize()} after {time.monotonic() - started:.0f} s")
    return last


def download(status: StatusAnswer, folder: Path) -> dict[str, Path]:
    """Download every file of a job that is done, but not the zip of them; return name -> path. Raises ClientError."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [file for file in status.files if file.name != ALL_FILES]
    files = {file.name: folder / Path(file.name).name for file in wanted}
    with Client(status.files[0].url) as client:
        for file in wanted:
            client.download(file.url, files[file.name])
    return files


def _cut_off(client: Client, memory: Memory | None, key: str) -> Cut | None:
    """Return the upload to continue, or None. Its job must still wait for the zip."""
    cut = memory.find(key) if memory else None
    try:
        waits = cut is not None and client.status(cut.submission.status_url).status == "awaiting_upload"
    except ClientError:  # the job does not exist any more
        waits = False
    return cut if waits else None


def _as_zip(path: Path, folder: Path, screen: Screen) -> Path:
    if not path.is_dir():
        return path
    screen.say(f"Zipping {path}")
    return zipped(path, folder / "photos.zip", screen)


def zipped(folder: Path, out: Path, screen: Screen) -> Path:
    """Make the zip of a folder's photos and labels, and tell what is not sent. Raises ClientError."""
    links: list[str] = []
    others: list[str] = []
    sent: list[Entry] = []

    def chosen(files: Sequence[Entry]) -> Sequence[Entry]:
        sent.extend(sifted(files))
        others.extend({file.name for file in files} - {file.name for file in sent})
        return sent

    try:
        zip_folder(folder, out, links.append, chosen)
    except (OSError, TooDeep) as error:
        raise ClientError("not_a_zip", f"The folder cannot be sent: {error}") from error
    if not sent:
        raise ClientError("no_images", "The folder holds no photos in a format that can be read; nothing was sent.")
    if links:
        screen.say(f"{wording.plural(len(links), 'link')} left out, as links are not followed: {_first(links)}")
    if others:
        count = wording.plural(len(others), "file that is no photo is", "files that are no photos are")
        screen.say(f"{count} not sent: {_first(others)}")
    return out


def _first(names: Sequence[str]) -> str:
    return ", ".join(wording.clean(name) for name in sorted(names)[:NAMES_SHOWN])
