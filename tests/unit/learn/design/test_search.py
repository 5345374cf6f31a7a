"""The search for a network: half at random, the best train on, finalists are judged again, nothing is done twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.json_values import JsonObject
from tests.unit.learn.design import stub
from tests.unit.learn.photos import textures
from vm_worker.intake.dataset import Part
from vm_worker.learn.budget import Budget
from vm_worker.learn.design import designing
from vm_worker.learn.design.designing import DesignRequest, Rooms, Wish, design
from vm_worker.learn.design.messages import Halves, NetworkResult, Training, packed, unpacked
from vm_worker.learn.design.policy import DesignPolicy
from vm_worker.learn.design.sides import side_for
from vm_worker.learn.design.table import NetworkTable
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.results.designs import RANDOM, Designed
from vm_worker.search.designers import DESIGNERS
from vm_worker.search.half_random import HalfRandomSearcher
from vm_worker.search.space import Point
from vm_worker.search.trial_runner import Committed

POLICY = DesignPolicy(isolated_seconds=1e9, entry="tests.unit.learn.design.stub:work")
CHANCE = 0.1
WISH = Wish("controller", 24, 10, True, 3)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> LabelledPhotos:
    """Return 3 x 20 tiles of 64 pixels."""
    return textures(tmp_path_factory.mktemp("tiles"), (64,), each=20)


class Kept:
    """Keeps what is committed; like a killed job it takes no more than so many."""

    def __init__(self, most: int | None = None) -> None:
        self.results: dict[str, JsonObject] = {}
        self._most = most

    def offer(self, key: str, seconds: float, result: JsonObject) -> JsonObject:
        """Keep a result. Raises InterruptedError after the last one."""
        assert key not in self.results, "a training was repeated"
        self.results[key] = result
        if len(self.results) == self._most:
            raise InterruptedError
        return result


def request(dataset: LabelledPhotos, folder: Path, wish: Wish = WISH, kept: Kept | None = None) -> DesignRequest:
    kept = kept or Kept()
    rooms = Rooms(Committed(dict(kept.results), kept.offer))
    return DesignRequest(dataset, wish, Budget.of(600), folder, rooms, POLICY)


def asked(found: Designed) -> list[str]:
    return [row.architecture for row in found.networks]


@pytest.mark.parametrize("designer", DESIGNERS)
def test_half_is_random_the_best_train_on_and_five_are_judged_again(
    designer: str, dataset: LabelledPhotos, tmp_path: Path
) -> None:
    stub.trained.clear()
    found = design(request(dataset, tmp_path, replace(WISH, designer=designer)))
    rows = found.networks
    assert len(rows) == len(set(asked(found))) == 24
    drawn = sum(row.by == RANDOM for row in rows)
    assert drawn == 24 if designer == RANDOM else 9 <= drawn <= 15
    assert {one.epochs for row in rows for one in row.scores} <= {1, 3, 9, 27}
    assert sum(len(row.scores) > 1 for row in rows) >= 4  # a third of those that were not given up, without slow ones
    again = [row for row in rows if row.again]
    assert len(again) == 5 and all(len(row.again) == 2 for row in again)
    best = next(row for row in rows if row.number == found.best)
    assert best.judged == max(row.judged or 0 for row in again)
    assert (found.comparison is None) == (designer == RANDOM)
    assert found.outcome == "as many networks as were asked for"
    assert Designed.from_json(found.to_json()) == found


def test_what_only_guesses_is_given_up(dataset: LabelledPhotos, tmp_path: Path) -> None:
    found = design(request(dataset, tmp_path))
    guessing = [row for row in found.networks if row.state == "given_up"]
    assert guessing and all(row.scores[0].epochs == 1 and not row.again for row in guessing)
    assert "no better than guessing" in guessing[0].note


@pytest.mark.parametrize("designer", ["controller", "surrogate"])
def test_a_killed_search_goes_on_with_the_same_networks_and_repeats_none(
    designer: str, dataset: LabelledPhotos, tmp_path: Path
) -> None:
    wish = replace(WISH, designer=designer)
    whole = design(request(dataset, tmp_path / "whole", wish))
    kept = Kept(most=9)
    with pytest.raises(InterruptedError):
        design(request(dataset, tmp_path / "one", wish, kept))
    kept._most = 23
    with pytest.raises(InterruptedError):
        design(request(dataset, tmp_path / "two", wish, kept))
    kept._most = None
    last = design(request(dataset, tmp_path / "three", wish, kept))
    assert last.networks == whole.networks and last.best == whole.best


@pytest.mark.slow  # it starts two programs
def test_two_processes_ask_for_the_networks_that_one_asks_for(dataset: LabelledPhotos, tmp_path: Path) -> None:
    alone = design(request(dataset, tmp_path / "alone"))
    two = replace(request(dataset, tmp_path / "two"), policy=replace(POLICY, isolated_seconds=0.0, processes=2))
    assert design(two).networks == alone.networks


class Ending(HalfRandomSearcher):
    """A searcher whose space has no more than so many batches."""

    left = 8

    def ask(self) -> list[Point]:
        self.left -= 1
        return super().ask() if self.left >= 0 else []


def test_the_best_train_on_where_the_space_ends(
    dataset: LabelledPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(designing, "HalfRandomSearcher", Ending)
    found = design(request(dataset, tmp_path))
    assert found.outcome == "there is no other network in the space"
    tried = [row for row in found.networks if row.state == "tried" and (row.epoch_seconds or 0) < 0.1]
    best = sorted(tried, key=lambda row: -row.scores[0].score)[: len(tried) // POLICY.eta]
    assert best and all(len(row.scores) > 1 for row in best)


def test_a_longer_training_goes_on_from_the_weights_of_the_shorter(dataset: LabelledPhotos, tmp_path: Path) -> None:
    stub.trained.clear()
    design(request(dataset, tmp_path))
    first = {task.training.architecture: task.weights for task in stub.trained if task.training.epochs == 3}
    longer = [task for task in stub.trained if task.training.epochs == 9 and not task.training.halves]
    assert longer and all(task.start == first[task.training.architecture] and task.begun == 3 for task in longer)
    judged = [task for task in stub.trained if task.training.halves]
    assert {task.training.halves for task in judged} == {1, 2} and all(task.start is None for task in judged)


def test_new_networks_keep_their_part_of_the_time() -> None:
    table = NetworkTable(POLICY)
    for number in range(6):
        training, score = Training(f"network {number}", 3), 0.5 + 0.01 * number
        table.enter(RANDOM, training, NetworkResult("ended", score, CHANCE, (score,), epoch_seconds=2.0, seconds=6.0))
    best, second = Training("network 5", 9), Training("network 4", 9)
    assert table.due(set()) == [best]  # 12 s; the first trainings took 36 together
    assert table.due(set(), last=True) == [best, second]
    table.enter(RANDOM, best, NetworkResult("ended", 0.6, CHANCE, (0.6,), epoch_seconds=2.0, seconds=12.0))
    assert table.due({best}) == []
    assert table.due({best}, last=True) == [second]


def test_the_best_of_each_kind_is_judged_again_first() -> None:
    table = NetworkTable(POLICY)
    for number in range(5):
        by, score = RANDOM if number else "controller", 0.5 + 0.01 * number
        table.enter(by, Training(f"network {number}", 3), NetworkResult("ended", score, CHANCE, (score,), 2.0, 6.0))
    assert [row.number for row in table.finalists(3)] == [5, 1, 4]


def test_in_little_time_two_finalists_are_judged_again_one_of_either_kind(
    dataset: LabelledPhotos, tmp_path: Path
) -> None:
    found = design(replace(request(dataset, tmp_path), budget=Budget.of(15)))  # 12 s for them, and each needs 4
    again = [row for row in found.networks if row.again]
    assert sorted(row.by for row in again) == ["controller", RANDOM]
    assert found.comparison is not None


def test_without_time_nothing_is_tried(dataset: LabelledPhotos, tmp_path: Path) -> None:
    found = design(replace(request(dataset, tmp_path), budget=Budget.of(0.0)))
    assert (found.networks, found.best) == ((), None)
    assert found.outcome == "the time for new networks was over"


def test_other_halves_keep_copies_together_and_classes_in_proportion() -> None:
    labels, groups = np.repeat([0, 1], 50), np.arange(100) // 2
    given = Halves(np.arange(0, 80), np.arange(80, 100))
    one, two = (given.other(labels, groups, seed) for seed in (1, 2))
    for halves in (one, two):
        assert sorted([*halves.train, *halves.judged]) == list(range(100))
        assert not set(groups[halves.train]) & set(groups[halves.judged])
        assert abs(int((labels[halves.judged] == 0).sum()) - 10) <= 1
    assert list(one.judged) != list(two.judged)
    right = np.random.default_rng(0).random(13) < 0.5
    assert list(unpacked(packed(right), 13)) == list(right)


def test_small_photos_are_taken_as_they_are(dataset: LabelledPhotos) -> None:
    small = {**dataset.images, 32: dataset.images[64]}
    assert side_for(dataset) == 64
    assert side_for(replace(dataset, side=32, images=small)) == 32
    assert side_for(replace(dataset, side=300, images=small)) == 64
    assert len(dataset.rows(Part.TRAIN))
