"""Each fault that `make mutants` makes by hand has its place in the code as it is."""

from __future__ import annotations

import pytest

from tests.mutants import by_hand
from tests.sources import ROOT


@pytest.mark.parametrize("module", sorted({fault.path for fault in by_hand.FAULTS}))
def test_faults_by_hand_change_their_modules(module: str) -> None:
    whole = (ROOT / module).read_text(encoding="utf-8")
    for fault, mutant in by_hand.mutants(ROOT, (module,)):
        assert mutant.source != whole, fault.name
