"""What the select stage commits of a selection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.stages.test_stages import SELECTED, Parent, quoting
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.judge.findings import Findings
from vm_worker.learn.select.selection import Selection
from vm_worker.stages import select


@pytest.mark.parametrize("learnt", [None, 128])
def test_from_how_many_photos_it_learnt_is_told_where_the_time_did_not_suffice(
    learnt: int | None, tmp_path: Path
) -> None:
    ones = np.ones(2, np.float32)
    selection = Selection(
        winner=SELECTED.winner,
        head=Head(ones, ones, np.ones((2, 2), np.float32), ones),
        candidates=SELECTED.candidates,
        curve=(),
        note="",
        images_per_second=1.0,
        plain_images_per_second=1.0,
        pruning=(),
        findings=Findings(None, None, None),
        suspects=(),
        learnt=learnt,
    )
    written = select._result(quoting(tmp_path, Parent(), left=100.0), selection, [], 1.0).to_json()
    assert written.get("learnt") == learnt and ("learnt" in written) == (learnt is not None)
