"""Sets of labelled photos as annotation tools exported them, read to the numbers that their authors give."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from jobs.limits import Limits
from vm_worker.intake.survey import list_upload
from vm_worker.tasks.detection.upload import read_upload

FOLDER = Path(__file__).parents[3] / ".." / "shared" / "datasets"
SETS = {
    "harbor_seals": (281, {"adult": 2669, "other": 22}),
    "bccd": (364, {"RBC": 4153, "WBC": 372, "Platelets": 361}),
    "aerial_cars": (10, {"car": 192}),
    "nuts": (18, {"date": 71, "fig": 41, "hazelnut": 53}),
}


@pytest.mark.parametrize("name", list(SETS))
def test_a_set_is_read_to_the_last_box(name: str) -> None:
    path = FOLDER / f"{name}.zip"
    if not path.is_file():
        pytest.skip(f"{path.name} is not in {FOLDER}")
    photos, boxes = SETS[name]
    survey = read_upload(list_upload(path, Limits()), Limits())
    assert len(survey.photos) == photos and survey.warnings == ()
    assert Counter(box.label for drawn in survey.drawn for box in drawn.boxes) == boxes
    assert survey.ready_made_split == (name == "harbor_seals")
