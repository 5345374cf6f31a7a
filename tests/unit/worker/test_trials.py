"""Trials are committed one by one, and an attempt gets those of the attempts before it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.job import Stage, Status
from tests.unit.worker.world import KEY, OTHER_KEY, STAGES, World
from vm_worker.events import Answer


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_committed_trial_comes_back_in_the_next_attempt_and_is_paid(world: World) -> None:
    world.run(world.stage(Stage.INTAKE), world.trial(KEY, result={"loss": 0.5}))
    assert world.child is not None and world.child.answers[-1] == Answer(go=KEY)
    world.run(world.stage(Stage.SELECT))
    spec = world.specs[1]
    assert {key: (done.result, done.seconds) for key, done in spec.trials.items()} == {KEY: ({"loss": 0.5}, 3.0)}
    assert spec.seconds == world.job.options.minutes * 60 - 2.0 - 3.0


def test_trials_within_the_seconds_of_a_committed_tuning_are_not_paid_twice(world: World) -> None:
    world.run(world.trial(KEY))
    world.run(world.trial(OTHER_KEY), world.stage(Stage.TUNE))  # its 2 seconds hold the second trial
    world.run()
    assert world.specs[2].seconds == world.job.options.minutes * 60 - 3.0 - 2.0
    assert set(world.specs[2].trials) == {KEY, OTHER_KEY}


def test_a_trial_that_another_recorded_first_is_adopted(world: World) -> None:
    def other() -> None:
        theirs = {"trial": KEY, "token": 9, "seconds": 1.0, "result": {"theirs": True}, "files": {}}
        world.queue.buckets.models.put(f"{world.job.id}/trials/{KEY}.json", json.dumps(theirs).encode())

    world.run(other, world.trial(KEY))
    assert world.child is not None and world.child.answers == [Answer(adopt={"theirs": True})]
    assert world.read(f"trials/{KEY}.json")["token"] == 9


def test_ones_own_trial_whose_answer_was_lost_counts(world: World) -> None:
    world.run(world.trial(KEY, result={"n": 1}), world.trial(KEY, result={"n": 1}))
    assert world.child is not None and world.child.answers == [Answer(go=KEY), Answer(go=KEY)]


def test_trials_stay_with_a_finished_job_until_its_models_go(world: World) -> None:
    world.run(world.trial(KEY), *(world.stage(stage) for stage in STAGES))
    assert world.now().status is Status.DONE
    assert world.read(f"trials/{KEY}.json")["token"] == 1
    world.queue.delete(world.job.id)
    assert list(world.queue.buckets.models.list()) == []


@pytest.mark.parametrize("key", ["", "../../other/stages/tune", "AB" * 20, "ab" * 32])
def test_a_key_that_is_none_is_our_error(world: World, key: str) -> None:
    world.run(world.trial(key))
    assert world.now().status is Status.FAILED
    assert list(world.queue.buckets.models.list(f"{world.job.id}/trials")) == []
