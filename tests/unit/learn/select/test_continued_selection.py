"""Selection that continues from an earlier model: its networks first, judged on what it has not learnt from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from jobs.options import Options
from tests.unit.learn.select.test_selection import Contest
from tests.unit.learn.select.test_selection import two as two
from vm_worker.intake.dataset import Part
from vm_worker.learn.arrays import Flags
from vm_worker.learn.budget import Budget
from vm_worker.learn.networks import assemble, catalogue
from vm_worker.learn.networks.weights import EARLIER, WeightFile
from vm_worker.learn.select.earlier import TRIED_BEFORE, EarlierNetworks
from vm_worker.learn.select.selection import Selection, SelectionRequest, select


def unseen(two: Contest) -> Flags:
    """Half of the training photos are known to the earlier model."""
    photos = two.photos
    return np.asarray((photos.parts != Part.TRAIN) | (np.arange(len(photos.names)) % 2 == 0))


def chosen(two: Contest, folder: Path, earlier: EarlierNetworks | None = None) -> Selection:
    folder.mkdir()
    request = SelectionRequest(two.photos, two.weights, Options(epochs=6), Budget.of(3000), folder, earlier=earlier)
    return select(request, lambda event: None)


def test_a_network_that_was_not_tuned_is_taken_up_with_its_head_and_no_other_is_tried(
    two: Contest, tmp_path: Path
) -> None:
    before = chosen(two, tmp_path / "before")
    key = catalogue.earlier(before.winner)
    found = chosen(two, tmp_path / "now", EarlierNetworks((key,), {}, {key: before.head}, unseen(two), False))
    assert found.winner == key
    assert {row.note for row in found.candidates if row.name != key} == {TRIED_BEFORE}
    assert found.continued is not None and found.continued.helped
    assert [row.way for row in found.continued.rows] == ["earlier", "untouched", "imagenet"]
    learnt_or_judged = two.photos.parts != Part.TEST
    assert found.continued.photos == int(np.sum(unseen(two) & learnt_or_judged))
    assert found.bar is not None and len(found.bar) == len(two.photos.rows(Part.VALIDATION))
    assert np.isfinite(found.head.kernel).all()


def test_a_tuned_network_is_compared_with_the_same_one_from_imagenet(two: Contest, tmp_path: Path) -> None:
    before = chosen(two, tmp_path / "before")
    own = two.weights[catalogue.find(before.winner).source]
    model = assemble.assemble(replace(own, key=before.winner), before.head)
    assemble.save_network(model, tmp_path / "base.weights.h5")
    key = catalogue.earlier(before.winner)
    weight = WeightFile(key, tmp_path / "base.weights.h5", EARLIER)
    found = chosen(two, tmp_path / "now", EarlierNetworks((key,), {key: weight}, {}, unseen(two), True))
    scores = {row.name: row.validation_score for row in found.candidates}
    assert scores[key] is not None and scores[before.winner] is not None
    assert found.continued is not None
    assert [row.way for row in found.continued.rows] == ["earlier", "imagenet"]
    assert found.pair is None or key not in (found.winner, found.pair.partner)
