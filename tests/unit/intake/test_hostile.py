"""Every hostile zip gets the expected verdict, and leaves no file behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.intake.hostile_zips import ACCEPTED, HOSTILE
from tests.unit.intake.lies import FEW
from vm_worker.intake.names import clean
from vm_worker.intake.pool import Decoders
from vm_worker.tasks.uploads import verdict


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_zip_gets_its_verdict(case: str, tmp_path: Path, decoders: Decoders) -> None:
    expected, write = HOSTILE[case]
    path = tmp_path / "upload.zip"
    write(path)
    result = verdict(path, FEW, decoders)
    assert (result.code or ACCEPTED) == expected, result.message
    assert result.message == clean(result.message)
    assert sorted(tmp_path.iterdir()) == [path]
