"""Stages and trials are counted by the worker that commits them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.job import Stage
from tests.unit.worker.world import KEY, World
from vm_worker.events import Answer


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_committed_stage_has_its_duration_and_a_trial_its_one(world: World) -> None:
    world.run(world.stage(Stage.INTAKE), world.trial(KEY), world.stage(Stage.SELECT))
    assert world.tally.counts["modelmail.trials"] == 1
    assert world.tally.seconds == {"modelmail.stage.duration intake": [2.0], "modelmail.stage.duration select": [2.0]}


def test_what_is_adopted_was_counted_by_another(world: World) -> None:
    theirs = {"stage": "intake", "token": 9, "seconds": 7.0, "result": {}, "files": {}}

    def win() -> None:
        name = f"{world.job.id}/stages/intake.json"
        world.queue.buckets.models.put(name, json.dumps(theirs).encode(), if_generation=0)

    world.run(win, world.stage(Stage.INTAKE))
    assert world.child is not None and world.child.answers == [Answer(adopt={})]
    assert world.tally.seconds == {}
