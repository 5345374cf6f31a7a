"""A network as an earlier job has left it: built from the catalogue's row, with plain arrays from its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vm_worker.learn.heads.linear import Head
from vm_worker.learn.networks import assemble, build, catalogue
from vm_worker.learn.networks.weights import EARLIER, WeightFile

KEY = "mobilenet_v3_small"


@pytest.mark.slow
def test_a_tuned_network_comes_back_without_its_head(tmp_path: Path) -> None:
    zeros = np.zeros(576, np.float32)
    head = Head(zeros, zeros + 1, np.full((576, 3), 0.5, np.float32), np.arange(3, dtype=np.float32))
    model = assemble.with_head(build.extractor(KEY, None), head)
    assemble.save_network(model, tmp_path / "base.weights.h5")
    kept = assemble.head_of(model)
    np.testing.assert_array_equal(kept.kernel, head.kernel)
    key = catalogue.earlier(KEY)
    again = build.extractor(key, WeightFile(key, tmp_path / "base.weights.h5", EARLIER))
    for mine, theirs in zip(again.get_weights(), model.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("key", ["efficientnet_lite0", "efficientnet_lite0_288", "vgg16"])
def test_its_row_is_that_of_the_catalogue_under_a_name_that_says_whose_it_is(key: str) -> None:
    row, own = catalogue.find(key), catalogue.find(catalogue.earlier(key))
    assert (own.size, own.cuts, own.source, own.licence) == (row.size, row.cuts, row.source, row.licence)
    assert own.title == f"Your earlier {row.title}"
    assert catalogue.plain(own.key) == key
