"""A whole job, from the upload to the mail, by a worker whose candidates and trials run on a cluster of two nodes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack
from tests.cluster.conftest import Nodes
from tests.workers import Journey, until, worker

TILE, EACH = 40, 112  # px; so many tiles of each photograph: enough for features in two shards
WRONG = 8  # every so many tiles one lies in another class's folder
TRIALS = 3
# Time decides nothing where there is plenty of it: the rule is the strongest, all views are made, so many trials run.
OPTIONS = {
    "minutes": 120, "candidates": ["efficientnet_lite0"], "search": "random", "trials": TRIALS,
    "epochs": 2, "seed": 1, "exports": ["h5"],
}  # fmt: skip
ACCURACY, LOSS = 1e-5, 2e-3  # that two runs may differ by: threads add in any order
PATIENCE = 1500.0  # seconds of a job on a crowded machine
CALM = {"MODELMAIL_LEASE_SECONDS": "60"}  # as on the cloud: two nodes of work on few processors keep a beat waiting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

Row = Mapping[str, Any]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack") / "data", ports=EPHEMERAL, worker=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small tiles of three photographs, some in the wrong folder: where nothing is left to gain no search goes on."""
    from skimage import data
    from skimage.io import imsave

    folder, names = tmp_path_factory.mktemp("photos"), ("brick", "grass", "gravel")
    for name in names:
        (folder / name).mkdir()
    for place, name in enumerate(names):
        photograph = getattr(data, name)()
        for number in range(EACH):
            top, left = (TILE * at for at in divmod(number, 512 // TILE))
            tile = photograph[top : top + TILE, left : left + TILE]
            said = names[(place + (number % WRONG == 0)) % len(names)]
            imsave(folder / said / f"{name}-{number}.png", tile, check_contrast=False)
    return folder


def begun(stack: Stack, photos: Path, folder: Path) -> Journey:
    folder.mkdir()
    for letter in stack.mail.glob("*"):
        letter.unlink()
    return Journey.start(stack, folder, OPTIONS, photos)


def ended(journey: Journey) -> None:
    """Done, told once, all by one attempt, nothing left over."""
    journey.end(PATIENCE)
    (mail,) = journey.mails()
    assert mail.endswith("-report.eml")
    assert {journey.manifest(stage)["token"] for stage in ("intake", "select", "tune", "evaluate", "report")} == {1}
    assert len(journey.trials()) == TRIALS and {one["token"] for one in journey.trials()} == {1}
    assert journey.strays() == set() and journey.left_over() == set()


@pytest.fixture(scope="module")
def local(stack: Stack, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """The same job without a cluster."""
    folder = tmp_path_factory.mktemp("local")
    journey = begun(stack, photos, folder / "job")
    with worker(stack, folder / "worker", **CALM):
        ended(journey)
    return journey


def alike(journey: Journey, local: Journey) -> None:
    """Candidates and trials are the same rows in the same order; their figures differ by rounding at most."""
    for stage, table in (("select", "candidates"), ("tune", "trials")):
        mine, theirs = (one.manifest(stage)["result"][table] for one in (journey, local))
        assert [facts(row) for row in mine] == [facts(row) for row in theirs]
        for one, other in zip(mine, theirs, strict=True):
            assert one["validation_accuracy"] == pytest.approx(other["validation_accuracy"], abs=ACCURACY)
            assert one["validation_loss"] == pytest.approx(other["validation_loss"], abs=LOSS)
    assert journey.manifest("select")["result"]["winner"] == local.manifest("select")["result"]["winner"]
    assert {one["trial"] for one in journey.trials()} == {one["trial"] for one in local.trials()}


def facts(row: Row) -> dict[str, Any]:
    """What of a row is a choice and no measurement."""
    names = ("name", "kind", "number", "parameters", "state")
    return {name: row[name] for name in names if name in row}


def on_cluster(nodes: Nodes) -> dict[str, str]:
    return CALM | {"MODELMAIL_RAY_ADDRESS": nodes.address}


def said(folder: Path) -> str:
    return (folder / "worker.log").read_text(errors="replace")


def test_a_job_on_a_cluster_has_the_leaderboard_of_one_machine(
    stack: Stack, photos: Path, local: Journey, nodes: Nodes, tmp_path: Path
) -> None:
    journey = begun(stack, photos, tmp_path / "job")
    with worker(stack, tmp_path / "worker", **on_cluster(nodes)):
        until(nodes.working, PATIENCE)  # so it is the cluster that works
        ended(journey)
    assert "this machine works alone" not in said(tmp_path / "worker")
    alike(journey, local)


def test_a_node_lost_in_the_middle_of_a_trial_costs_the_job_nothing_but_time(
    stack: Stack, photos: Path, local: Journey, nodes: Nodes, tmp_path: Path
) -> None:
    journey = begun(stack, photos, tmp_path / "job")
    with worker(stack, tmp_path / "worker", **on_cluster(nodes)) as process:
        until(lambda: journey.trials(), PATIENCE)  # the rule's; now the search's run
        lost = until(nodes.working, PATIENCE)
        time.sleep(1)
        assert len(journey.trials()) < TRIALS
        nodes.kill(lost)
        ended(journey)
        assert process.poll() is None
    assert "begins again" in said(tmp_path / "worker")
    alike(journey, local)
