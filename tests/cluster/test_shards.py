"""Features by shards on a cluster of two nodes, one of which is lost in the middle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.cluster.conftest import Nodes
from tests.unit.learn.features.test_shards import ROWS, Desk
from tests.unit.learn.photos import textures, weight
from vm_worker.learn.features import shards
from vm_worker.learn.features.extraction import alone
from vm_worker.spec import Cluster

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


def test_a_node_lost_in_the_middle_changes_no_feature(nodes: Nodes, tmp_path: Path) -> None:
    desk = Desk(weight("efficientnet_lite0"), textures(tmp_path, (224,), each=20))
    lost: list[str] = []

    def kill(done: int, speed: float) -> None:
        if not lost:
            lost.append(nodes.running[0].node_id)
            nodes.kill(lost[0])

    whole, joined = desk.target(), desk.target()
    alone(desk.weight, desk.engine, desk.source, whole, desk.watch)
    with shards.spread(Cluster(nodes.address), tmp_path, least=5) as extract:
        pace = extract(desk.weight, desk.engine, desk.source, joined, replace(desk.watch, progress=kill))
    assert lost and pace.done == ROWS
    np.testing.assert_allclose(joined.values, whole.values, rtol=1e-3, atol=1e-4)  # shards are in half precision
