"""Layouts of folders as people send them: what the worker reads is what they mean, or it says what it cannot tell."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from jobs.errors import UserError
from jobs.limits import Limits
from jobs.options import Options
from tests.corpus import LAYOUTS
from vm_worker.tasks.uploads import survey

LIMITS = Limits()


@pytest.mark.parametrize("case", LAYOUTS)
def test_each_layout_is_read_as_it_is_meant(case: str, tmp_path: Path) -> None:
    layout = LAYOUTS[case]
    path = tmp_path / "upload.zip"
    path.write_bytes(layout.zipped())
    options = Options(classes=layout.option)
    if isinstance(layout.classes, str):
        with pytest.raises(UserError) as caught:
            survey(path, LIMITS, options)
        assert caught.value.code == layout.classes, caught.value.message
        assert layout.says in caught.value.message
        return
    found = survey(path, LIMITS, options)
    assert Counter(photo.stratum for photo in found.photos) == layout.classes, found.warnings
    assert found.ready_made_split == layout.split
    assert layout.says in " ".join(found.warnings)
    assert layout.says or not found.warnings
    named = len(found.photos) + len(found.skipped)
    assert named == len([name for name in layout.files() if not name.endswith("/") and "MACOSX" not in name]) - sum(
        name.endswith(".DS_Store") for name in layout.files()
    )
