"""A staged transfer that is killed goes on with the same command, and comes to the same results."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.sources import ROOT
from tests.unit.learn import patterns

pytestmark = [pytest.mark.faults, pytest.mark.timeout(2400)]

PLAN = """
network = "alexnet_48"
[training]
patience = 2
[[stages]]
dataset = "one.zip"
epochs = 2
[[stages]]
dataset = "two.zip"
epochs = 3
frozen = "conv4"
"""
TIMES = {
    "minutes", "processor_minutes", "last_minutes", "scratch_minutes", "times_faster", "least", "most",
    "processor_times_faster", "earlier_minutes", "all_minutes", "all_times_faster", "pays_from",
}  # fmt: skip
TRAININGS = 4  # two stages, the last once more with cached outputs, and from scratch
WAIT = 600.0  # seconds for the command, on a busy machine


def _started(folder: Path, out: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "infra.cli.main", "staged", str(folder / "plan.toml"), "--out", str(folder / out)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def _finished(folder: Path, out: str) -> str:
    with _started(folder, out) as process:
        said, _ = process.communicate(timeout=WAIT)
    assert process.returncode == 0, said
    return said


def _kill_after(folder: Path, out: str, trainings: int) -> None:
    """Kill the command, and all that it started, once so many trainings have ended."""
    done = folder / out / "trainings"
    with _started(folder, out) as process:
        deadline = time.monotonic() + WAIT
        while len(list(done.glob("0*.json"))) < trainings:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(one) for key, one in value.items() if key not in TIMES}
    return [_without_times(one) for one in value] if isinstance(value, list) else value


def _bytes(folder: Path, out: str) -> str:
    return json.dumps(_without_times(json.loads((folder / out / "results.json").read_text(encoding="utf-8"))))


def test_a_killed_experiment_goes_on_and_comes_to_the_same_results(tmp_path: Path) -> None:
    patterns.archive(tmp_path / "one.zip", 20)
    patterns.archive(tmp_path / "two.zip", 15)
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    _finished(tmp_path, "whole")
    for trainings in (1, 3):  # in the second stage, and in the training from scratch
        _kill_after(tmp_path, "killed", trainings)
    said = _finished(tmp_path, "killed")
    assert said.count("(from an earlier run)") >= 3
    assert _bytes(tmp_path, "killed") == _bytes(tmp_path, "whole")
    assert len(list((tmp_path / "killed" / "trainings").iterdir())) == TRAININGS
    assert list((tmp_path / "killed" / "weights").iterdir()) == []
    assert list((tmp_path / "killed" / "running").iterdir()) == []
    for ending in ("txt", "png"):
        assert (tmp_path / "killed" / f"results.{ending}").stat().st_size > 500
