"""The rows of the networks from scratch say what the networks are."""

from __future__ import annotations

import pytest

from jobs.options import CANDIDATES
from vm_worker.learn import explain, networks, scratch_rows
from vm_worker.learn.backbones import CATALOGUE, Backbone

SMALL = [row for key, row in scratch_rows.ROWS.items() if key.endswith(("_12", "_25"))]


@pytest.mark.parametrize("row", SMALL, ids=lambda row: row.key)
def test_a_row_has_the_networks_own_figures(row: Backbone) -> None:
    model = networks.extractor(row.key, None)
    assert (model.count_params(), model.output_shape) == (row.parameters, (None, row.features))
    assert model.input_shape == (None, row.size, row.size, 3)


@pytest.mark.parametrize(
    ("photos", "width"), [(60, "1/4"), (3_000, "1/4"), (3_001, "1/2"), (10**6, "MobileNetV1 from")]
)
def test_more_photos_get_a_wider_network(photos: int, width: str) -> None:
    titles = [row.title for row in scratch_rows.fitting(photos)]
    assert len(titles) == 4
    assert width in titles[2]


def test_both_kinds_of_keys_are_found_and_never_mixed_up() -> None:
    assert not set(CANDIDATES) & set(scratch_rows.ROWS)
    assert scratch_rows.find("vgg16") is CATALOGUE["vgg16"]
    assert scratch_rows.find("scratch_mobilenet_v2_25").licence == "yours"


def test_where_it_looked_is_asked_only_of_networks_that_keep_places_apart() -> None:
    told = [explain.possible(networks.extractor(row.key, None)) for row in scratch_rows.fitting(10)]
    assert told == [False, False, True, True]
