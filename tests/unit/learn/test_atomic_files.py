"""Two writers of one file at the same time, as when a node that is cut off goes on working."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import pytest

from jobs.options import Options
from tests.unit.learn.tune.subjects import BOTH, Subject, subject
from tests.unit.learn.tune.test_tasks import ask, poor, small
from vm_worker.learn.atomic_files import replacing
from vm_worker.learn.tune.tuning_inputs import SelectedNetwork, write_inputs

pytestmark = pytest.mark.usefixtures("eager")


def test_an_unfinished_write_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    with replacing(path) as slow:
        slow.write_text("ha")
        with replacing(path) as quick:
            assert quick != slow and quick.name.endswith(".weights.h5")
            quick.write_text("theirs, whole")
        assert path.read_text() == "theirs, whole"
        slow.write_text("mine, whole")
    assert path.read_text() == "mine, whole" and list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_text("whole")
    with pytest.raises(OSError, match="disk"), replacing(path) as part:
        part.write_text("ha")
        raise OSError("disk full")
    assert path.read_text() == "whole" and list(tmp_path.iterdir()) == [path]


def test_a_file_is_there_at_every_moment_and_takes_its_place_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with path.open() as reader:
        with replacing(path) as part:
            part.write_text("new, and longer")
            inode = part.stat().st_ino
            assert part.parent == path.parent  # on another file system it could not be renamed
        assert reader.read() == "old"
    assert path.stat().st_ino == inode and path.read_text() == "new, and longer"


@pytest.mark.parametrize("lasting", [False, True])
def test_what_is_to_last_is_on_the_disk_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lasting: bool
) -> None:
    called, path = list[str](), tmp_path / "a.json"
    path.write_text("old")
    fsync, rename = os.fsync, os.rename

    def synced(descriptor: int) -> None:
        called.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name[:5])
        fsync(descriptor)

    def renamed(part: Path, *given: Any, **more: Any) -> None:
        called.append("rename")
        assert path.read_text() == "old"  # a reader finds one or the other
        rename(part, *given, **more)

    monkeypatch.setattr(os, "fsync", synced)
    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, renamed)
    with replacing(path, lasting=lasting) as part:
        part.write_text("x")
    assert called == (["part-", "rename", tmp_path.name[:5]] if lasting else ["rename"])


@pytest.fixture(params=BOTH)
def about(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    yield from subject(request.param, tmp_path_factory.mktemp("network"))


def test_no_task_of_tuning_writes_into_a_file_that_others_read(
    about: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning_inputs = write_inputs(about.photos, SelectedNetwork(about.weight, poor(about)), Options(epochs=1), tmp_path)
    target, seen = tmp_path / "one.weights.h5", []
    save = keras.Model.save_weights

    def watched(model: keras.Model, path: str, **more: Any) -> None:
        seen.append(path)
        assert not target.exists() or target.read_text() == "another's, whole"
        target.write_text("another's, whole")
        save(model, path, **more)
        assert target.read_text() == "another's, whole"

    monkeypatch.setattr(keras.Model, "save_weights", watched)
    ask(tuning_inputs, "trial", recipe=small(about.cut, 1e-3).to_json(), weights=str(target))
    target.unlink()
    ask(tuning_inputs, "final", weights=str(target), cut=about.cut)
    assert len(set(seen)) == 2 and str(target) not in seen
    assert target.stat().st_size > 1000 and not list(tmp_path.glob("part-*"))
