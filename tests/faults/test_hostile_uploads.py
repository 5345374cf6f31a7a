"""Hostile zips through the whole service: each job is rejected with its code and one mail, and the worker lives on."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from function.client import Client
from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack
from jobs.errors import CODES
from jobs.storage import gcs
from tests.unit.intake import bombs
from tests.unit.intake.crafted import class_files, two_classes, zip_of
from tests.unit.intake.hostile_zips import HOSTILE
from tests.unit.intake.mutants import mutate
from tests.unit.intake.pngs import bombs as png_bombs
from tests.workers import until, worker

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

Write = Callable[[Path], object]
MUTANTS = 6


def _hostile(*names: str) -> dict[str, tuple[str, Write]]:
    return {name: HOSTILE[name] for name in names}


def _files(code: str, files: Mapping[str, bytes]) -> tuple[str, Write]:
    return code, lambda path: zip_of(files, path)


def _mutant(number: int) -> tuple[str, Write]:
    """A good zip with damage in its directory that is sure to cost it: every one ends rejected."""

    def write(path: Path) -> None:
        whole = zip_of(two_classes(), path).read_bytes()
        path.write_bytes(mutate(whole, np.random.default_rng(number), whole.index(b"PK\1\2"))[:-20])

    return "damaged_zip", write


def _cases() -> dict[str, tuple[str, Write]]:
    rotten = {name: data[:100] for name, data in class_files({"cats": 12, "dogs": 12}).items()}
    pictures = {f"{kind}/{n}.png": data for kind in ("a", "b") for n, data in enumerate(png_bombs().values())}
    blank = {name: data for name, data in pictures.items() if len(data) < 50_000}
    return {
        **_hostile("html", "noise", "7z", "named '../evil.jpg'", "named '/etc/evil.jpg'", "a link", "method 93"),
        **_hostile("AES", "ZipCrypto", "the same header twice", "name that is no UTF-8", "zip64 on two disks"),
        **_hostile("said to be empty", "a text document", "composed and not", "16 EiB"),
        **{f"bomb, {name}": bombs.BOMBS[name] for name in ("flat", "quoted", "crowded", "quine", "long names")},
        **{f"mutant {number}": _mutant(number) for number in range(MUTANTS)},
        "no folders": _files("no_class_folders", {f"{n}.jpg": b"x" for n in range(30)}),
        "no photos": _files("no_images", {"cats/a.txt": b"x", "dogs/b.txt": b"x"}),
        "201 classes": _files("too_many_classes", {f"{n}/a.jpg": b"x" for n in range(201)}),
        "small class": _files("class_too_small", class_files({"cats": 12, "dogs": 3})),
        "broken photos": _files("too_many_broken", class_files({"owls": 12, "bats": 12}) | rotten),
        "bombs for pictures": _files("class_too_small", blank),
        "hostile names": _files("class_too_small", {f"<b>$$=1+1\u202e/{n}\r\nBcc: x.jpg": b"x" for n in range(3)}
                                | class_files({"{{7*7}}%s": 12})),
    }  # fmt: skip


CASES = _cases()


def _submit(client: Client, number: int, write: Write, folder: Path) -> str:
    path = folder / f"{number}.zip"
    write(path)
    submission = client.submit(f"user{number}@example.org", {"minutes": 2})
    client.upload(submission, path, lambda done, total: None)
    return submission.status_url


def _mails(folder: Path) -> dict[str, EmailMessage]:
    """By recipient; a second mail to one fails."""
    found = {}
    for path in folder.glob("*.eml"):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        assert mail["To"] not in found
        found[str(mail["To"])] = mail
    return found


def test_every_hostile_upload_is_rejected_with_its_code_and_one_mail(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    with Stack(tmp_path / "data", EPHEMERAL, worker=False) as stack:
        client = Client(stack.function_url)
        urls = [_submit(client, number, write, uploads) for number, (_, write) in enumerate(CASES.values())]
        with worker(stack, tmp_path / "worker", "tests.faults.forking_worker") as process:
            said = [until(partial(_end, client, url)) for url in urls]
            until(lambda: len(_mails(stack.mail)) == len(CASES))
            assert process.poll() is None
        assert dict(zip(CASES, said, strict=True)) == {name: ("rejected", code) for name, (code, _) in CASES.items()}
        assert {path.name.partition("-")[2] for path in stack.mail.iterdir() if path.suffix == ".eml"} == {
            "rejected.eml"
        }
        _check_mails(_mails(stack.mail))
        datasets = gcs.GcsStore(gcs.client(stack.storage_url).bucket(stack.settings.datasets_bucket))
        assert list(datasets.list("")) == []
    assert "Traceback" not in (tmp_path / "worker" / "worker.log").read_text()
    assert not list(tmp_path.rglob("*evil*"))


def _end(client: Client, url: str) -> tuple[str, str] | None:
    """Status and code of a job that has ended."""
    status = client.status(url)
    if status.status not in ("rejected", "failed", "done"):
        return None
    return status.status, status.error.code if status.error else ""


def _check_mails(mails: Mapping[str, EmailMessage]) -> None:
    for number, (name, (code, _)) in enumerate(CASES.items()):
        body = mails[f"user{number}@example.org"].get_body(("plain",))
        assert body is not None
        text = body.get_content().replace("\r\n", "\n")
        assert CODES[code].title in text, name
        assert all(character.isprintable() or character == "\n" for character in text), name
