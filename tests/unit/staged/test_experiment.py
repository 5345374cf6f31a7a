"""An experiment refuses what cannot be run before it trains, and never mixes the results of two plans."""

from __future__ import annotations

import errno
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from infra.cli import staged
from infra.cli.main import app
from jobs.codes import CODES
from jobs.errors import UserError
from jobs.limits import Limits
from jobs.settings import Settings
from tests.unit.learn import patterns
from vm_worker.intake.dataset import Part
from vm_worker.learn.staged.training import Outline
from vm_worker.staged import experiment
from vm_worker.staged.experiment import Prepared, checked, planned, prepared
from vm_worker.staged.fields import PlanError
from vm_worker.staged.kept import Kept
from vm_worker.staged.photos import Wanted, opened
from vm_worker.staged.plan import Plan, Stage, Training
from vm_worker.staged.results import Arm
from vm_worker.staged.results import Training as Row

FILE = Path("plan.toml")
ROW = Row(1, Arm.STAGE, 1, 0.5, 5, 10, 0.6, 3, 2, 0.1, 0.2)


class Silent:
    """Hears nothing."""

    def photos(self, *_: object) -> None: ...
    def begun(self, *_: object) -> None: ...
    def epoch(self, *_: object) -> None: ...
    def ended(self, *_: object) -> None: ...


def _stage(frozen: tuple[str | int, ...] = (), up_to: str | int | None = None, **changes: object) -> Stage:
    stage = Stage("fruit", Path("fruit.zip"), 5, None, frozen, up_to, True)
    return replace(stage, **changes)  # type: ignore[arg-type]  # a test's own fields


def _plan(*stages: Stage, **changes: object) -> Plan:
    plan = Plan("title", "alexnet_48", 48, 0, 2, True, Training(), (_stage(), *stages))
    return replace(plan, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (_stage(("cnv1",)), "plan.toml: stage 2: frozen: alexnet_48 has no layer cnv1. Did you mean conv1?"),
        (_stage(up_to="zzz"), "has no layer zzz. Known: conv1, conv2, conv3, conv4, dense1, dense2."),
        (_stage((1, 9)), "has no layer 9. Its layers below the head are numbered 1 to 6; `modelmail staged plan.toml"),
        (_stage(("all",)), 'plan.toml: stage 2: frozen: write frozen = "all", without brackets.'),
        (_stage(("probabilities",)), "probabilities is the head, which always learns. Leave it out."),
    ],
)
def test_unknown_layers_are_refused(stage: Stage, said: str) -> None:
    with pytest.raises(PlanError, match=re.escape(said)):
        checked(_plan(stage), FILE, Settings())


def test_a_network_without_weights_is_refused() -> None:
    with pytest.raises(PlanError, match=r"plan\.toml: network: mobilenet_v3_small cannot be used: no weights on this"):
        checked(_plan(network="mobilenet_v3_small", size=64), FILE, Settings())


@pytest.mark.slow
def test_a_size_that_a_network_cannot_take_is_refused() -> None:
    said = "plan.toml: size: inception_v3 cannot be built for 32 pixels. Write more, or leave the key out."
    with pytest.raises(PlanError, match=re.escape(said)):
        experiment._outline(_plan(network="inception_v3", size=32), 1, _stage(), FILE)


def test_an_outline_counts_what_learns() -> None:
    (first, second), weight = checked(_plan(_stage(up_to="conv4")), FILE, Settings())
    assert weight is None and not first.cacheable and second.cacheable
    assert first.parameters(3) == first.trained(3) == 951_393 + 513 * 3 - 1
    assert second.trained(3) == 590_336 + 262_656 + 513 * 3


def _ready(plan: Plan, cacheable: bool = True) -> Prepared:
    return Prepared(plan, (Outline((), (), 512, cacheable),), (), None)


@pytest.mark.parametrize(
    ("cacheable", "scratch", "arms"),
    [
        (True, True, ["stage1", "stage2", "cached2", "scratch2"]),
        (False, True, ["stage1", "stage2", "scratch2"]),
        (True, False, ["stage1", "stage2", "cached2"]),
    ],
)
def test_what_is_compared_runs_side_by_side(cacheable: bool, scratch: bool, arms: list[str]) -> None:
    steps = list(planned(_ready(_plan(_stage(), scratch=scratch), cacheable)))
    assert [f"{step.arm}{step.stage}" for step in steps] == arms * 2
    assert len({step.name for step in steps}) == len(steps)


@pytest.mark.slow
def test_photos_are_read_once_and_again_when_they_have_changed(tmp_path: Path) -> None:
    wanted = Wanted(patterns.archive(tmp_path / "a.zip", 12), tmp_path / "kept", 48, 0, Limits())
    heard: list[str] = []
    first = opened(wanted, lambda _, message: heard.append(message))
    calls = len(heard)
    again = opened(wanted, lambda _, message: heard.append(message))
    assert calls and len(heard) == calls
    assert first.facts == again.facts and first.facts.train + first.facts.validation + first.facts.test == 36
    assert first.parts[Part.TEST].images.shape == (first.facts.test, 48, 48, 3)
    patterns.archive(tmp_path / "a.zip", 10)
    (tmp_path / "kept" / "photos.json").write_text("{", encoding="utf-8")
    other = opened(wanted, lambda *_: None)
    assert other.facts.source != first.facts.source
    for name in ("photos.npz", "squares-48.npy"):
        whole = (tmp_path / "kept" / name).read_bytes()
        (tmp_path / "kept" / name).write_bytes(whole[: len(whole) // 2])
        assert opened(wanted, lambda *_: None).facts == other.facts


@pytest.mark.slow
def test_photos_with_boxes_are_refused(tmp_path: Path) -> None:
    boxes = Path(__file__).parents[4] / "shared" / "datasets" / "nuts.zip"
    if not boxes.exists():
        pytest.skip("the photos are not on this machine")
    plan = replace(_plan(), stages=(_stage(dataset=boxes),))
    with pytest.raises(UserError, match=r"plan\.toml: stage 1: dataset: .*nuts\.zip: Its photos have boxes\."):
        prepared(plan, FILE, tmp_path / "out", Settings(), Silent())


def test_the_same_head_needs_the_same_classes(tmp_path: Path) -> None:
    three = patterns.archive(tmp_path / "three.zip", 10)
    two = patterns.archive(tmp_path / "two.zip", 10, ("flat", "rising"))
    plan = _plan(_stage(dataset=two, new_head=False))
    plan = replace(plan, stages=(replace(plan.stages[0], dataset=three), plan.stages[1]))
    said = (
        "plan.toml: stage 2: new_head: the head of stage 1 tells 3 classes, falling, flat, rising; "
        "two.zip has 2, flat, rising. Write new_head = true, or leave the key out."
    )
    with pytest.raises(PlanError, match=re.escape(said)):
        prepared(plan, FILE, tmp_path / "out", Settings(), Silent())


def test_a_folder_belongs_to_one_plan(tmp_path: Path) -> None:
    plan, kept = _plan(_stage()), Kept(tmp_path)
    kept.claim(plan, ["a", "b"])
    kept.claim(replace(plan, repeats=9, title="other"), ["a", "b"])
    for other, sources, said in (
        (replace(plan, seed=1), ["a", "b"], "seed was 0 and is 1"),
        (replace(plan, training=Training(rate=0.1)), ["a", "b"], "training, rate was 0.001 and is 0.1"),
        (_plan(_stage(("conv1",))), ["a", "b"], 'stage 2, frozen was [] and is ["conv1"]'),
        (plan, ["a", "c"], "stage 2, dataset had other photos"),
        (_plan(_stage(), _stage()), ["a", "b", "c"], "stage 3, dataset had other photos"),
    ):
        with pytest.raises(PlanError, match=re.escape(f"holds results of another plan: {said}")):
            kept.claim(other, sources)


def test_a_folder_with_anything_else_is_left_as_it_is(tmp_path: Path) -> None:
    """It may hold the user's own folder of photos, under the name that the experiment's has."""
    mine = tmp_path / "photos" / "1" / "mine.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    said = f"{tmp_path} is no folder of results: it has photos, and no plan.json. Name a new folder with --out."
    with pytest.raises(PlanError, match=re.escape(said)):
        prepared(_plan(), FILE, tmp_path, Settings(), Silent())
    assert mine.read_bytes() == b"mine" and not (tmp_path / "plan.json").exists()


def test_the_command_lays_nothing_into_a_folder_of_the_users_own(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('network = "alexnet_48"\n[[stages]]\ndataset = "."\n', encoding="utf-8")
    done = CliRunner().invoke(app, ["staged", str(plan), "--out", str(tmp_path)])
    assert done.exit_code == 2 and "is no folder of results: it has plan.toml" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["plan.toml"]


def test_another_plan_is_refused_before_its_photos_are_read(tmp_path: Path) -> None:
    for name in ("lock", ".DS_Store", "part-1-plan.json"):  # the command was ended, or a system left its own
        (tmp_path / name).touch()
    plan, kept = _plan(_stage()), Kept(tmp_path)
    kept.begin(plan)
    kept.begin(plan)  # ended before the photos were read
    with pytest.raises(PlanError, match="holds results of another plan: seed was 0 and is 1"):
        kept.begin(replace(plan, seed=1))
    kept.claim(plan, ["a", "b"])
    kept.begin(plan)
    with pytest.raises(PlanError, match="holds results of another plan: stage 2, dataset had other photos"):
        kept.claim(plan, ["a", "c"])
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(PlanError, match=r"plan\.json is damaged, so which plan the results are of is not known\."):
        kept.begin(plan)


def test_what_ended_is_read_back_and_damage_is_told(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.claim(_plan(), ["a"])
    assert kept.row("001-stage-1") is None
    kept.keep("001-stage-1", ROW)
    assert kept.row("001-stage-1") == ROW
    for damage in ("{", "[]", "{}"):
        (tmp_path / "trainings" / "001-stage-1.json").write_text(damage, encoding="utf-8")
        with pytest.raises(PlanError, match=r"001-stage-1\.json is damaged\. Remove it; what it held is done again\."):
            kept.row("001-stage-1")


def test_a_training_runs_again_where_a_later_one_needs_its_weights(tmp_path: Path) -> None:
    plan, kept = _plan(_stage(), repeats=1), Kept(tmp_path)
    kept.claim(plan, ["a", "b"])
    steps = list(planned(_ready(plan)))
    kept.keep(steps[0].name, ROW)
    assert experiment.done(steps, steps[0], kept) is None
    np.savez(kept.weights(1, 1), np.zeros(50))
    assert experiment.done(steps, steps[0], kept) == ROW
    whole = kept.weights(1, 1).read_bytes()
    for damaged in (whole[:99], b"", whole.replace(bytes(300), b"x" + bytes(299))):
        kept.weights(1, 1).write_bytes(damaged)
        assert experiment.done(steps, steps[0], kept) is None
    kept.weights(1, 1).unlink()
    for step in steps[1:]:
        kept.keep(step.name, ROW)
    assert experiment.done(steps, steps[0], kept) == ROW  # the repeat is whole


def test_what_has_ended_outlasts_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = set[str]()
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.add(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name.rpartition("-")[2])
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    kept = Kept(tmp_path / "out")
    kept.begin(_plan())
    assert synced == {"plan.json", "out"}
    kept.claim(_plan(), ["a"])
    kept.keep("001_stage_1", ROW)
    assert synced == {"plan.json", "out", "001_stage_1.json", "trainings"}


def test_a_training_is_kept_before_its_folder_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(tmp_path)
    kept.claim(_plan(), ["a"])
    kept.scratch("001-stage-1").mkdir(parents=True)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", killed)
        kept.keep("001-stage-1", ROW)
    assert kept.row("001-stage-1") == ROW
    kept.keep("001-stage-1", ROW)
    assert not kept.scratch("001-stage-1").exists()


@pytest.mark.parametrize(
    ("dataset", "status", "said"),
    [("nowhere.zip", 2, "plan.toml: stage 1: dataset: there is no"), ("plan.toml", 1, "plan.toml: stage 1: dataset: ")],
)
def test_the_command_tells_what_is_wrong(tmp_path: Path, dataset: str, status: int, said: str) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(f'network = "alexnet_48"\n[[stages]]\ndataset = "{dataset}"\n', encoding="utf-8")
    done = CliRunner().invoke(app, ["staged", str(plan), "--out", str(tmp_path / "out")])
    assert done.exit_code == status and said in done.output, done.output
    assert status == 2 or CODES["not_a_zip"].advice in done.output  # what to do
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "x", "a"), "out cannot be written to: there is no room left on its disk. Make room."),
        (OSError("9 requested and 0 written"), "out cannot be written to: 9 requested and 0 written. Make room."),
        (OSError(errno.EROFS, "Read-only file system", "a"), "a: Read-only file system. Mend that, or name another"),
    ],
)
def test_what_the_system_refuses_is_told_with_what_to_do(error: OSError, said: str) -> None:
    told = staged._refused(error, Path("out"))
    assert told.startswith(said) and told.endswith("the same command goes on from there.")


def test_the_command_lists_layers_without_training(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text('network = "alexnet_48"\n[[stages]]\ndataset = "."\n', encoding="utf-8")
    done = CliRunner().invoke(app, ["staged", str(tmp_path / "plan.toml"), "--check", "--json"])
    assert done.exit_code == 0 and '{"name": "dense2", "parameters": 262656}' in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan.toml"]
