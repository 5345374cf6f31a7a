"""Zips from every common operating system are accepted, with their names unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.intake.crafted import class_files
from tests.unit.intake.lies import FEW
from tests.unit.intake.systems import PROGRAMS, SYSTEMS, by_program, with_litter
from vm_worker.intake.pool import Decoders
from vm_worker.tasks.uploads import verdict

FILES = class_files({"Äpfel": 6, "pears": 6})
WORLD = class_files({"猫": 6, "собаки": 6, "كلب": 6, "🐈 cats": 6})
EXPECTED = {"pears": 6, "Äpfel": 6}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_zip_from_any_system_is_accepted(system: str, tmp_path: Path, decoders: Decoders) -> None:
    result = verdict(SYSTEMS[system].write(FILES, tmp_path / "a.zip"), FEW, decoders)
    assert (result.verdict, result.code) == ("accepted", None), result.message
    assert dict(result.classes) == EXPECTED
    assert result.skipped == ()


@pytest.mark.parametrize("system", [name for name in SYSTEMS if "of old" not in name])
def test_names_of_every_script_come_through(system: str, tmp_path: Path, decoders: Decoders) -> None:
    result = verdict(SYSTEMS[system].write(WORLD, tmp_path / "a.zip"), FEW, decoders)
    assert dict(result.classes) == {"猫": 6, "собаки": 6, "كلب": 6, "🐈 cats": 6}


def test_a_folder_of_a_mac_with_all_that_it_adds(tmp_path: Path, decoders: Decoders) -> None:
    result = verdict(SYSTEMS["macOS"].write(with_litter(FILES, "Fotos für dich"), tmp_path / "a.zip"), FEW, decoders)
    assert (result.verdict, dict(result.classes), result.skipped) == ("accepted", EXPECTED, ())


def test_a_folder_of_windows_with_all_that_it_adds(tmp_path: Path, decoders: Decoders) -> None:
    litter = dict.fromkeys(("photos/Thumbs.db", "photos/pears/desktop.ini"), b"\xd0\xcf\x11\xe0")
    files = {f"photos/{name}": data for name, data in FILES.items()} | litter
    result = verdict(SYSTEMS["Windows Explorer"].write(files, tmp_path / "a.zip"), FEW, decoders)
    assert (result.verdict, dict(result.classes), result.skipped) == ("accepted", EXPECTED, ())


@pytest.mark.parametrize("program", PROGRAMS)
def test_zips_of_the_real_programs(program: str, tmp_path: Path, decoders: Decoders) -> None:
    path = by_program(program, FILES, tmp_path / "a.zip")
    if path is None:
        pytest.skip(f"{program} is not installed")
    result = verdict(path, FEW, decoders)
    assert (result.verdict, dict(result.classes)) == ("accepted", EXPECTED), result.message
