"""`modelmail submit` against a service: refused before sending, sent, cut off and gone on with, out of reach."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from function.client import zip_folder
from infra.cli.journey import Order, send
from infra.cli.resume import Memory
from infra.cli.screen import Screen
from infra.cli.submit import _timed
from infra.local import demo_photos
from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service whose worker never comes."""
    with Stack(tmp_path_factory.mktemp("stack") / "data", EPHEMERAL, worker=False) as running:
        yield running


def _modelmail(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XDG_CONFIG_HOME": str(home)}
    command = [sys.executable, "-P", "-m", "infra.cli.main", "submit", *arguments, "--json"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


def _jobs(stack: Stack) -> int:
    from jobs.storage import gcs

    bucket = gcs.client(stack.storage_url).bucket(stack.settings.emails_bucket)
    return len(list(gcs.GcsStore(bucket).list("jobs/")))


def test_what_the_service_would_refuse_is_not_even_sent(stack: Stack, tmp_path: Path) -> None:
    before = _jobs(stack)
    photos = demo_photos.make(tmp_path / "photos")
    for path in (photos / "grass").iterdir():
        path.unlink()
    (photos / "grass").rmdir()
    (photos / "gravel").rename(photos / "brick" / "gravel")
    ended = _modelmail(tmp_path, str(photos), "--email", "a@example.org", "--url", stack.function_url)
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["error"]["code"] == "one_class"
    assert "one_class: " in ended.stderr and "Traceback" not in ended.stderr
    assert _jobs(stack) == before


def test_out_of_reach_is_an_exit_status_of_its_own(tmp_path: Path) -> None:
    photos = demo_photos.make(tmp_path / "photos")
    ended = _modelmail(tmp_path, str(photos), "--email", "a@example.org", "--url", "http://127.0.0.1:9")
    assert ended.returncode == 3
    assert json.loads(ended.stdout)["error"]["code"] == "unreachable"


def test_an_upload_that_was_cut_off_goes_on_in_the_same_job(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            (folder / name / f"{number}.jpg").write_bytes(os.urandom(1024 * 1024))
    order = Order(zip_folder(folder, tmp_path / "photos.zip"), "cut@example.org", stack.function_url, {"minutes": 2})
    memory, screen = Memory(tmp_path / "memory"), Screen(to_stderr=True)

    from function import resumable

    chunk = resumable.Transfer._chunk
    sent: list[int] = []

    def cut(self: resumable.Transfer) -> object:
        if len(sent) == 1:
            raise KeyboardInterrupt
        sent.append(1)
        return chunk(self)

    with monkeypatch.context() as patched:
        patched.setattr(resumable.Transfer, "_chunk", cut)
        with pytest.raises(KeyboardInterrupt):
            send(order, screen, memory)
    (kept,) = (tmp_path / "memory").iterdir()
    before = _jobs(stack)
    submission = send(order, screen, memory)
    assert _jobs(stack) == before and not kept.exists()
    assert f"Job {submission.job_id}: going on with its upload" in capsys.readouterr().err
    # Once it has arrived, the same command is a new job.
    assert send(order, screen, memory).job_id != submission.job_id


def test_the_time_is_chosen_by_the_number_of_photos_and_said(stack: Stack, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for number in range(400):
            (folder / name / f"{number}.jpg").write_bytes(b"no photo")
    order = Order(folder, "time@example.org", stack.function_url, {})
    screen = Screen(to_stderr=True)
    assert _timed(order, screen).options == {"minutes": 4}
    given = Order(folder, "time@example.org", stack.function_url, {"minutes": 9})
    assert _timed(given, screen) is given
    (tmp_path / "more").mkdir()
    (folder / "cats").rename(tmp_path / "more" / "cats")
    added = Order(tmp_path / "more", "time@example.org", stack.function_url, {"base": "LINK", "add": True})
    assert _timed(added, screen).options["minutes"] == 3  # of one class alone
