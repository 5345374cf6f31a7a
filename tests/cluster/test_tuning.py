"""A real job's tuning on a cluster of two nodes: the same leaderboard as on this machine, whoever is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from jobs.json_values import JsonObject
from jobs.options import Options
from tests.cluster import started_trials
from tests.cluster.conftest import Nodes
from tests.integration.tiny_network import KEY, ROW, save_weights
from tests.unit.learn.photos import textures
from vm_worker.learn.budget import Budget
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.networks.catalogue import CATALOGUE, Backbone
from vm_worker.learn.networks.weights import find
from vm_worker.learn.tune.tuning import FineTuned, TuneRequest, TuningPolicy, tune
from vm_worker.learn.tune.tuning_inputs import SelectedNetwork
from vm_worker.search.trial_runner import Committed
from vm_worker.spec import Cluster

ENTRY = "tests.cluster.started_trials:work"
TRIALS = 3
SEED = 1  # of a search whose first trials leave most of the network frozen: they are short
ACCURACY, LOSS = 1e-5, 2e-3  # that two runs may differ by: threads add in any order

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


@dataclass
class Ledger:
    """The parent's side: write once."""

    kept: dict[str, JsonObject] = field(default_factory=dict)

    def commit(self, key: str, seconds: float, result: JsonObject) -> JsonObject:
        assert key not in self.kept, "a trial was offered twice"
        self.kept[key] = result
        return result


@pytest.fixture(scope="module", autouse=True)
def tiny() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cast("dict[str, Backbone]", CATALOGUE), KEY, ROW)
        yield


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> TuneRequest:
    """90 photos, a head that knows nothing, three short trials of a tiny network."""
    photos = textures(tmp_path_factory.mktemp("photos"), (ROW.size,), each=30)
    width, classes = np.zeros(ROW.features, np.float32), np.zeros(3, np.float32)
    head = Head(width, width + 1, np.zeros((ROW.features, 3), np.float32), classes, strength=3.0, epochs=0)
    found, _ = find([KEY], str(save_weights(tmp_path_factory.mktemp("tiny") / "weights")), download=False)
    options = Options(search="random", trials=TRIALS, epochs=2, seed=SEED)
    folder = tmp_path_factory.mktemp("work")
    selected, policy = SelectedNetwork(found[KEY], head), TuningPolicy(entry=ENTRY)
    return TuneRequest(photos, selected, options, Budget.of(0), folder, 50.0, policy=policy)


def run(material: TuneRequest, name: str, cluster: Cluster) -> tuple[FineTuned, Ledger]:
    """A tuning of its own folder; each trial is committed once."""
    ledger, folder = Ledger(), material.folder / name
    folder.mkdir()
    committed, budget = Committed({}, ledger.commit), Budget.of(3000)
    request = replace(material, folder=folder, committed=committed, cluster=cluster, budget=budget)
    tuned = tune(request, lambda event: None)
    assert len(ledger.kept) == TRIALS
    return tuned, ledger


@pytest.fixture(scope="module")
def local(material: TuneRequest) -> FineTuned:
    """What this machine makes of it without a cluster."""
    return run(material, "local", Cluster())[0]


def same(one: FineTuned, other: FineTuned) -> None:
    """Two leaderboards are equal, row by row."""
    assert [row.kind for row in one.trials] == [row.kind for row in other.trials]
    for mine, theirs in zip(one.trials, other.trials, strict=True):
        assert mine.state == theirs.state and mine.parameters == theirs.parameters
        assert mine.validation_accuracy == pytest.approx(theirs.validation_accuracy, abs=ACCURACY)
        assert mine.validation_loss == pytest.approx(theirs.validation_loss, abs=LOSS)
    assert one.better and other.better and one.weights_path is not None and one.weights_path.exists()


def test_two_nodes_make_what_one_machine_makes(material: TuneRequest, local: FineTuned, nodes: Nodes) -> None:
    tuned, _ = run(material, "calm", Cluster(nodes.address))
    same(tuned, local)
    begun = started_trials.begun(material.folder / "calm")
    assert len(begun) == TRIALS and len({one["node"] for one in begun}) == 2


@pytest.mark.parametrize("what", ["process", "node"])
def test_a_trial_that_is_killed_in_the_middle_is_made_again(
    what: str, material: TuneRequest, local: FineTuned, nodes: Nodes
) -> None:
    folder = material.folder / what
    killed: list[Mapping[str, Any]] = []

    def kill() -> None:
        victim = first(lambda: started_trials.at_work(folder))
        (nodes.kill(victim["node"]) if what == "node" else os.kill(victim["pid"], signal.SIGKILL))
        killed.append(victim)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    tuned, ledger = run(material, what, Cluster(nodes.address))
    killer.join(10)
    same(tuned, local)
    again = [one["trial"] for one in started_trials.begun(folder)]
    assert killed and sorted(again) == sorted([*ledger.kept, killed[0]["trial"]])  # that one twice, the others once


def first(what: Callable[[], Any]) -> Any:
    """The first true answer."""
    end = time.monotonic() + 600
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("no trial began")


def test_a_cluster_that_does_not_answer_leaves_the_work_to_this_machine(
    material: TuneRequest, caplog: pytest.LogCaptureFixture
) -> None:
    skipped = replace(material, options=replace(material.options, search="none"), folder=Path(material.folder))
    policy = TuningPolicy(entry="tests.unit.learn.tune.stub_trials:work")
    request = replace(skipped, policy=policy, cluster=Cluster("127.0.0.1:1"), budget=Budget.of(900))
    tuned = tune(request, lambda event: None)
    assert tuned.better and "this machine works alone" in caplog.text
