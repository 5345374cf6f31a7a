"""The service on one machine, without any training: bad datasets, curl, and how it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from function.client import Client
from function.wire import ErrorShown
from infra.cli.journey import Order, follow, send
from infra.cli.screen import Screen
from infra.local import demo_photos
from infra.local.ports import EPHEMERAL
from infra.local.processes import StackError
from infra.local.stack import Stack
from jobs.installation import open_queue
from jobs.storage.links import Download
from jobs.storage.providers import open_links
from tests.servers import with_own_ports

MODELMAIL = [sys.executable, "-P", "-m", "infra.cli.main"]
REJECTED_SECONDS = 30


def _env(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MODELMAIL_")}
    return {**kept, **more}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack on ports of its own, for jobs that end before any training."""
    with Stack(tmp_path_factory.mktemp("stack") / "data", EPHEMERAL, _env()) as running:
        yield running


def _zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def _tiles(folder: Path) -> dict[str, bytes]:
    photos = demo_photos.make(folder)
    return {path.relative_to(photos).as_posix(): path.read_bytes() for path in sorted(photos.rglob("*.png"))}


def _text(path: Path) -> None:
    path.write_bytes(b"these are no photos")


def _empty(path: Path) -> None:
    _zip(path, {})


def _one_class(path: Path) -> None:
    _zip(path, {name: data for name, data in _tiles(path.parent / "tiles").items() if name.startswith("brick/")})


def _class_of_nine(path: Path) -> None:
    files = _tiles(path.parent / "tiles")
    for name in [name for name in files if name.startswith("grass/")][9:]:
        del files[name]
    _zip(path, files)


def _encrypted(path: Path) -> None:
    _zip(path, _tiles(path.parent / "tiles"))
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for match in re.finditer(re.escape(signature), bytes(data)):
            data[match.start() + flags] |= 1
    path.write_bytes(data)


def _broken_photos(path: Path) -> None:
    _zip(path, {name: data[:40] for name, data in _tiles(path.parent / "tiles").items()})


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_text, "not_a_zip"),
        (_broken_photos, "no_images"),
        # The way of a code is the same for all; tests/unit/intake has when each is given.
        pytest.param(_empty, "empty_zip", marks=pytest.mark.slow),
        pytest.param(_encrypted, "encrypted_zip", marks=pytest.mark.slow),
        pytest.param(_one_class, "one_class", marks=pytest.mark.slow),
        pytest.param(_class_of_nine, "class_too_small", marks=pytest.mark.slow),
    ],
)
def test_a_bad_dataset_is_rejected_with_one_mail(
    stack: Stack, tmp_path: Path, make: Callable[[Path], None], code: str
) -> None:
    make(tmp_path / "photos.zip")
    email = f"{code}@example.org"
    screen = Screen(to_stderr=True)
    began = time.monotonic()
    submission = send(Order(tmp_path / "photos.zip", email, stack.function_url, {"minutes": 2}), screen)
    status = follow(stack.function_url, submission, screen, stack.check)
    assert time.monotonic() - began < REJECTED_SECONDS
    assert status.status == "rejected"
    assert status.error is not None and status.error.code == code
    assert status.files == ()
    mails = _mails_to(stack, email)
    assert len(mails) == 1
    text = mails[0].get_body(("plain",))
    assert text is not None
    assert status.error.message.split()[0] in text.get_content()
    assert not list((stack.data / "buckets").rglob(f"*{submission.job_id}.zip"))


def _mails_to(stack: Stack, email: str) -> list[Any]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        mails = [message_from_bytes(path.read_bytes(), policy=default) for path in stack.mail.glob("*.eml")]
        if found := [mail for mail in mails if mail["To"] == email]:
            return found
        time.sleep(0.2)
    return []


@pytest.mark.parametrize(("origin", "allowed"), [("own", True), ("https://elsewhere.example.org", False)])
def test_only_the_functions_own_pages_may_upload_from_a_browser(stack: Stack, origin: str, allowed: bool) -> None:
    origin = stack.function_url if origin == "own" else origin
    upload = requests.post(stack.function_url, data={"email": "cors@example.org"}, timeout=10).json()["upload"]
    wanted = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": ",".join(upload["headers"]),
    }
    answer = requests.options(upload["url"], headers=wanted, timeout=10)
    assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed


@pytest.mark.parametrize(("origin", "allowed"), [("own", True), ("https://elsewhere.example.org", False)])
def test_only_the_functions_own_pages_may_fetch_models(stack: Stack, origin: str, allowed: bool) -> None:
    origin = stack.function_url if origin == "own" else origin
    open_queue(stack.settings).buckets.models.put("cors/model.tflite", b"model")
    link = open_links(stack.settings).download(Download("cors/model.tflite", 60, "attachment", "text/plain"))
    answer = requests.get(link, headers={"Origin": origin}, timeout=10)
    assert answer.content == b"model"  # who has the link has the file; a page of another site does not see it
    assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed


def _submit(stack: Stack, path: Path, *more: str) -> tuple[int, dict[str, Any]]:
    command = [*MODELMAIL, "submit", str(path), "--url", stack.function_url, *more, "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, env=_env())
    return answer.returncode, json.loads(answer.stdout.splitlines()[-1])


def test_submit_of_a_folder_follows_the_job_to_its_end(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(tmp_path / "photos" / "cat" / "a.png")
    order = ("--email", "submit@example.org", "--minutes", "2", "--seed", "7", "--no-check")
    code, told = _submit(stack, tmp_path / "photos", *order)
    assert (code, told["status"], told["error"]["code"]) == (1, "rejected", "one_class")


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (("--email", "ada@example.org", "--minutes", "1"), "bad_option"),
        pytest.param(("--email", "ada"), "bad_email", marks=pytest.mark.slow),
        pytest.param(("--email", "ada@example.org", "--mirror", "perhaps"), "bad_option", marks=pytest.mark.slow),
    ],
)
def test_submit_passes_a_refusal_on(stack: Stack, tmp_path: Path, flags: tuple[str, ...], code: str) -> None:
    _text(tmp_path / "photos.zip")
    status, told = _submit(stack, tmp_path / "photos.zip", *flags, "--no-check")
    assert (status, told["error"]["code"]) == (1, code)


def test_two_stacks_do_not_share_a_folder(stack: Stack) -> None:
    with pytest.raises(StackError, match="Another modelmail is running"), Stack(stack.data, EPHEMERAL, _env()):
        pass


def test_a_wrong_setting_is_named_before_anything_starts(tmp_path: Path) -> None:
    with (
        pytest.raises(StackError, match="MODELMAIL_LIMIT_ZIP_BYTES must be a whole number"),
        Stack(tmp_path, EPHEMERAL, _env(MODELMAIL_LIMIT_ZIP_BYTES="much")),
    ):
        pass


def test_a_part_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text("{}")
    with pytest.raises(StackError) as caught, Stack(tmp_path, EPHEMERAL, _env()):
        pass
    told = str(caught.value)
    assert "The buckets stopped with exit status 2" in told
    assert str(tmp_path / "logs" / "buckets.log") in told
    assert "key.json is not a service-account key file" in told


@pytest.fixture
def up(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`modelmail up` as a program, and what it printed."""
    command = [*MODELMAIL, "up", "--data", str(with_own_ports(tmp_path / "data"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_env()) as process:
        assert process.stdout
        printed = ""
        while "modelmail submit" not in printed and (line := process.stdout.readline()):
            printed += line
        yield process, printed
        process.terminate()
        assert process.wait(30) == 0


def _curl(*arguments: str) -> tuple[int, str]:
    curl = shutil.which("curl")
    assert curl, "the examples of docs/using.md need curl"
    command = [curl, "--silent", "--show-error", "--write-out", "\n%{http_code}", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    body, _, code = answer.stdout.rpartition("\n")
    return int(code), body


def test_the_walk_with_curl(up: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
    url = re.findall(r"function +(http\S+)", up[1])[0]
    posts = [
        ["-H", "Content-Type: application/json", "-d", '{"email": "ada@example.org"}', f"{url}/"],
        ["-d", "email=ada@example.org", f"{url}/"],
        ["-X", "POST", f"{url}/?email=ada@example.org"],
    ]
    answers = []
    for post in posts:
        code, body = _curl(*post)
        assert code == 201, body
        answers.append(json.loads(body))
    assert len({answer["job_id"] for answer in answers}) == 3
    assert len({tuple(answer) for answer in answers}) == 1

    job = answers[0]
    _text(tmp_path / "photos.zip")
    headers = [part for name, value in job["upload"]["headers"].items() for part in ("-H", f"{name}: {value}")]
    for name, value in job["upload"]["headers"].items():
        assert f"-H '{name}: {value}'" in up[1]  # the printed example is the one that works
    code, body = _curl("-T", str(tmp_path / "photos.zip"), *headers, job["upload"]["url"])
    assert code == 200, body
    assert _curl("-T", str(tmp_path / "photos.zip"), *headers, job["upload"]["url"])[0] in (403, 412)

    statuses = list(Client(url).follow(job["status_url"], 0.2))
    assert statuses[-1].error == ErrorShown("not_a_zip", statuses[-1].message)
    assert json.loads(_curl(job["status_url"])[1])["status"] == "rejected"


def test_killing_up_ends_its_children(tmp_path: Path) -> None:
    command = [*MODELMAIL, "up", "--data", str(with_own_ports(tmp_path / "data"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_env()) as process:
        assert process.stdout
        printed = ""
        while "modelmail submit" not in printed and (line := process.stdout.readline()):
            printed += line
        process.send_signal(signal.SIGKILL)
    urls = re.findall(r"(?:function|buckets|mailbox) +(http\S+)", printed)
    assert len(urls) == 3
    deadline = time.monotonic() + 20
    while any(_listens(url) for url in urls):
        assert time.monotonic() < deadline, "a child outlived its parent"
        time.sleep(0.2)


def _listens(url: str) -> bool:
    try:
        requests.get(url, timeout=2)
    except requests.ConnectionError:
        return False
    return True
