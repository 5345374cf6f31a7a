"""A conversion that crashes, fails or takes too long takes no other format with it."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.unit.exports.test_verify import tiny_model
from vm_worker.exports import files
from vm_worker.exports.conversion import LATE, Conversion, calibration, convert

# Stands in for the child: it makes, fails, dies or hangs as the name of the format says.
CHILD = """
import json, os, sys, time
for line in sys.stdin:
    key = json.loads(line)["format"]
    if key.startswith("dies"):
        os.kill(os.getpid(), 9)
    if key.startswith("hangs"):
        time.sleep(60)
    note = "no such operation" if key.startswith("fails") else ""
    note = os.environ["KERAS_BACKEND"] if key == "backend" else note
    note = open(sys.argv[-1]).read() if key == "request" else note
    print(json.dumps({"note": note}), flush=True)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter whose `-m vm_worker.exports.convert` is the program above."""
    script, interpreter = tmp_path / "child.py", tmp_path / "python"
    script.write_text(CHILD)
    interpreter.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$3"\n')
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))


def notes(folder: Path, names: list[str], seconds: float = 60.0) -> dict[str, str]:
    paths = {name: folder / name for name in names}
    request = Conversion(folder / "model.h5", paths, folder / "x.npy", np.arange(3), folder, seconds)
    return {name: made.note for name, made in convert(request)}


@pytest.mark.usefixtures("child")
def test_one_that_dies_takes_no_other_with_it(tmp_path: Path) -> None:
    said = notes(tmp_path, ["one", "dies a", "fails", "dies b", "two"])
    assert said == {
        "one": "",
        "dies a": "the conversion ended with status -9",
        "fails": "no such operation",
        "dies b": "the conversion ended with status -9",
        "two": "",
    }


@pytest.mark.usefixtures("child")
def test_what_does_not_end_in_time_is_late_and_so_is_the_rest(tmp_path: Path) -> None:
    assert notes(tmp_path, ["one", "hangs", "two"], 3.0) == {"one": "", "hangs": LATE, "two": LATE}


@pytest.mark.usefixtures("child")
def test_tensorflow_converts_whatever_the_job_learnt_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert notes(tmp_path, ["backend"]) == {"backend": "tensorflow"}


def test_without_time_nothing_is_begun(tmp_path: Path) -> None:
    assert notes(tmp_path, ["one", "two"], -1.0) == {"one": LATE, "two": LATE}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("child")
def test_the_child_is_told_what_to_convert(tmp_path: Path) -> None:
    told = json.loads(notes(tmp_path, ["request"])["request"])
    assert (told["rows"], told["model"], told["images"]) == (
        [0, 1, 2],
        str(tmp_path / "model.h5"),
        str(tmp_path / "x.npy"),
    )


@pytest.mark.slow
def test_onnx_is_made_without_another_format_before_it(tmp_path: Path) -> None:
    files.save(tiny_model(), tmp_path / "model.h5")
    assert notes(tmp_path, ["onnx"], 240.0) == {"onnx": ""}
    assert (tmp_path / "onnx").stat().st_size > 500


@pytest.mark.usefixtures("child")
def test_each_format_is_said_as_soon_as_it_is_made(tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("one", "hangs")}
    request = Conversion(tmp_path / "model.h5", paths, tmp_path / "x.npy", np.arange(3), tmp_path, 60.0)
    with closing(convert(request)) as coming:
        assert next(coming)[0] == "one"  # while the other has not begun


@pytest.mark.parametrize(("gflops", "number"), [(0.4, 100), (4.0, 50), (15.3, 20)])
def test_a_heavy_network_is_calibrated_on_fewer_photos(gflops: float, number: int) -> None:
    rows = calibration(np.arange(1000, 2000), gflops)
    assert len(rows) == number and (rows[0], rows[-1]) == (1000, 1999)
    assert len(calibration(np.arange(7), gflops)) == 7
