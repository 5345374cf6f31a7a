"""Zips of every common kind are accepted; cut or with flipped bytes they get a verdict, never another error."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jobs.errors import CODES
from jobs.limits import Limits
from tests.unit.intake.crafted import SIGNED, class_files, folder_of, raw_files, raw_zip, zip_of
from vm_worker.intake.pool import Decoders
from vm_worker.tasks.uploads import verdict

LIMITS = Limits()
FILES = class_files({"Äpfel": 10, "pears": 10})
MUTANTS = 150  # make faults tries 1,200 more


class _Pipe(io.RawIOBase):
    """A stream that cannot seek, so that zips written to it have data descriptors."""

    def __init__(self) -> None:
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self.taken += bytes(data)
        return len(data)


def _zip64(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in FILES.items():
            with archive.open(name, "w", force_zip64=True) as entry:
                entry.write(data)
    return path


def _streamed(path: Path) -> Path:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    path.write_bytes(pipe.taken)
    return path


def _commented(path: Path) -> Path:
    zip_of(FILES, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"my fruit"
    return path


def _self_extracting(path: Path) -> Path:
    plain = zip_of(FILES, path).read_bytes()
    path.write_bytes(b"MZ program" * 100 + plain)
    return path


def _info_zip(path: Path) -> Path:
    program = shutil.which("zip")
    if program is None:
        pytest.skip("Info-ZIP is not installed")
    folder = folder_of(FILES, path.parent / "folder")
    subprocess.run([program, "-q", "-r", str(path), "."], cwd=folder, check=True)
    return path


GOOD: dict[str, Callable[[Path], Path]] = {
    "stored": lambda path: zip_of(FILES, path, zipfile.ZIP_STORED),
    "deflated": lambda path: zip_of(FILES, path),
    "zip64": _zip64,
    "streamed": _streamed,
    "data descriptors by hand": lambda path: raw_zip(raw_files(FILES, 0x800), path, descriptors=SIGNED),
    "with a comment": _commented,
    "self-extracting": _self_extracting,
    "Info-ZIP": _info_zip,
}


@pytest.mark.parametrize("kind", GOOD)
def test_zips_of_every_kind_are_accepted(kind: str, tmp_path: Path, decoders: Decoders) -> None:
    result = verdict(GOOD[kind](tmp_path / "a.zip"), LIMITS, decoders)
    assert (result.verdict, result.code) == ("accepted", None), result.message
    assert dict(result.classes) == {"pears": 10, "Äpfel": 10}


def _checked(data: bytes, path: Path, decoders: Decoders) -> str | None:
    path.write_bytes(data)
    result = verdict(path, LIMITS, decoders)
    assert result.accepted == (result.code is None)
    assert result.code is None or result.code in CODES
    assert result.message
    return result.code


@pytest.mark.parametrize("kind", ["deflated", "zip64", "streamed"])
def test_cut_at_every_tenth(kind: str, tmp_path: Path, decoders: Decoders) -> None:
    path = tmp_path / "a.zip"
    whole = GOOD[kind](path).read_bytes()
    codes = {_checked(whole[: len(whole) * tenth // 10], path, decoders) for tenth in range(10)}
    assert codes == {"not_a_zip", "damaged_zip"}


@pytest.mark.parametrize("kind", ["stored", "deflated", "zip64"])
def test_flipped_bytes_end_in_a_verdict(kind: str, tmp_path: Path, decoders: Decoders) -> None:
    chance = np.random.default_rng(len(kind))
    path = tmp_path / "a.zip"
    whole = GOOD[kind](path).read_bytes()
    directory = whole.index(b"PK\1\2")
    codes = []
    for number in range(MUTANTS // 3):
        mutant = bytearray(whole)
        start = directory if number % 2 else 0  # every second one in the directory, where it hurts
        for _ in range(chance.integers(1, 5)):
            mutant[chance.integers(start, len(mutant))] = chance.integers(256)
        codes.append(_checked(bytes(mutant), path, decoders))
    assert len(set(codes)) > 3  # the mutants do reach different walls
    assert sorted(tmp_path.iterdir()) == [path]
