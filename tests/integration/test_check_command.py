"""`modelmail check` as a program: whatever it is given, it answers with a verdict and never with a traceback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.intake.crafted import class_files, folder_of, two_classes, zip_of

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "infra.cli.main", "check")
DEEP = 1_100  # folders in folders; Python calls itself 1,000 times at most
CLOSED = "closed"  # a folder without permission to read


def _environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key.startswith("COV") or key == "PATH"}
    return kept | {"PYTHONPATH": str(ROOT)} | more


def _run(*arguments: str | bytes | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, env=_environment(**environment), timeout=120, check=False
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def _lines(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def _deep(path: Path) -> Path:
    """Deeper than Python can call itself."""
    path.mkdir()
    start = os.open(path, os.O_RDONLY)
    place = start
    for _ in range(DEEP):
        os.mkdir("deep", dir_fd=place)
        inner = os.open("deep", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    subprocess.run(["rm", "-rf", str(tmp_path / "down")], check=True)  # shutil.rmtree calls itself too


def _odd_paths(folder: Path) -> dict[str, tuple[bytes, str]]:
    """Name -> path and code."""
    os.mkfifo(folder / "pipe")
    loop = folder_of(two_classes(), folder / "loop")
    (loop / "cats" / "again").symlink_to(loop)
    os.mkfifo(loop / "cats" / "pipe.jpg")
    (folder / "broken").symlink_to(folder / "nowhere")
    (folder / "circle").symlink_to(folder / "circle")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
    (folder / CLOSED).mkdir(mode=0)
    with (folder / "huge.zip").open("wb") as file:
        file.truncate(5 * 2**40)  # five terabytes, and none on the disk
    strange = os.fsencode(folder) + b"/caf\xe9\x1b[31m.zip"
    Path(os.fsdecode(strange)).write_bytes(zip_of(two_classes(), folder / "a.zip").read_bytes())
    undecodable = folder_of(two_classes(), folder / "latin")
    (undecodable / "cats" / os.fsdecode(b"\xff\xfe.jpg")).write_bytes(b"x")
    rows: list[tuple[str | bytes | Path, str]] = [
        (folder / "pipe", "not_a_zip"), (folder / "socket", "not_a_zip"), ("/dev/zero", "not_a_zip"),
        ("/dev/null", "not_a_zip"), ("/dev/tty", "not_a_zip"), (folder / "broken", "not_found"),
        (folder / "circle", "not_a_zip"), (folder / "nothing", "not_found"), ("", "no_class_folders"), (loop, ""),
        (_deep(folder / "down"), "unsafe_zip"), (folder / "huge.zip", "too_large_zip"), (strange, ""),
        (undecodable, ""), ("x" * 5_000, "not_a_zip"), (folder / CLOSED, "empty_zip"), (sys.executable, "not_a_zip"),
    ]  # fmt: skip
    return {repr(path)[-40:]: (os.fsencode(path), code) for path, code in rows}


def test_odd_paths_each_get_a_verdict(folder: Path) -> None:
    paths = _odd_paths(folder)
    done = _run("--json", *(path for path, _ in paths.values()))
    lines = _lines(done)
    assert [os.fsencode(line["path"]) for line in lines] == [path for path, _ in paths.values()]
    codes = {name: line["code"] or "" for name, line in zip(paths, lines, strict=True)}
    expected = {name: code for name, (_, code) in paths.items()}
    for name in expected:
        if CLOSED in name and os.geteuid() != 0:  # root may read everything
            expected[name] = "not_a_zip"
        elif name == "''":  # the folder in which the tests run: whatever it holds
            expected[name] = codes[name]
    assert codes == expected
    assert done.returncode == 1


def test_odd_paths_are_told_to_people_without_escape_sequences(folder: Path) -> None:
    paths = _odd_paths(folder)
    done = _run(*(path for path, _ in paths.values()), PYTHONIOENCODING="latin-1")
    assert b"\x1b" not in done.stdout
    assert b"\\ufffd" in done.stdout


def test_the_path_is_told_as_it_was_given(tmp_path: Path) -> None:
    zip_of(two_classes(), tmp_path / "a.zip")
    given = f"{tmp_path}//./a.zip"
    assert _lines(_run("--json", given))[0]["path"] == given


def test_a_reader_that_leaves_early_ends_it_quietly(tmp_path: Path) -> None:
    path = zip_of(class_files({"cats": 3}), tmp_path / "a.zip")
    with subprocess.Popen(
        [*COMMAND, *[str(path)] * 200], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 1


def test_ctrl_c_ends_it_quietly(tmp_path: Path) -> None:
    paths = [str(zip_of(two_classes(), tmp_path / "a.zip"))] * 1_000
    with subprocess.Popen(
        [*COMMAND, *paths],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the decoding processes, too
        process.stdout.close()
        assert process.stderr.read().strip() in (b"", b"Aborted.", b"Aborted!")
    assert process.returncode in (1, 130)


def test_a_setting_that_is_no_number_is_told(tmp_path: Path) -> None:
    done = _run(tmp_path, MODELMAIL_LIMIT_CLASSES_MAX="many")
    assert done.returncode == 2
    assert b"MODELMAIL_LIMIT_CLASSES_MAX" in done.stderr
