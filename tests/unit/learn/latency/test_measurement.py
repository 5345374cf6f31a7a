"""Latency: measured by LiteRT in a process of its own, stored for each machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from vm_worker.learn.latency import measurement, stopwatch
from vm_worker.learn.latency.measurement import LatencyCache, NotMeasured, measure
from vm_worker.results.exported import Latency, ThreadLatency

FIGURES = Latency(100, 1, ThreadLatency(1, 2.0, 1.5, 3.0), ThreadLatency(2, 1.0, 1.0, 2.0))


def test_figures_are_consistent(tmp_path: Path, tflite: bytes) -> None:
    path = tmp_path / "a model.tflite"
    path.write_bytes(tflite)
    figures = measure([path])[path]
    assert figures.runs == 100 and figures.bytes == len(tflite)
    assert figures.one.threads == 1 and figures.all.threads == measurement.machine().threads
    for threads in (figures.one, figures.all):
        assert 0 < threads.median <= threads.p95
        assert threads.mean > 0


class Busy:
    """A network that keeps a core busy for a twentieth of a second."""

    def set_tensor(self, index: int, photo: object) -> None:
        """Take the photo."""

    def invoke(self) -> None:
        """Run."""
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass


def test_what_other_programs_take_is_no_time_of_the_model() -> None:
    """Each core of this machine has three programs more, so that the wall clock runs four times as long."""
    if not stopwatch.waits():
        pytest.skip("this system does not count what a thread waits")
    busy = [sys.executable, "-c", "import time; print(flush=True)\nwhile True: pass"]
    others = [subprocess.Popen(busy, stdout=subprocess.PIPE) for _ in range(3 * (os.cpu_count() or 1))]
    try:
        for other in others:
            assert other.stdout is not None and other.stdout.readline()
        began = time.perf_counter()
        alone = [stopwatch._run_seconds(Busy(), 0, None) for _ in range(3)]
        wall = time.perf_counter() - began
    finally:
        for other in others:
            other.kill()
            other.communicate()
    assert sorted(alone)[1] < 0.6 * wall / 3


def test_where_nothing_is_counted_nothing_is_taken_off(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    assert stopwatch.waits(str(tmp_path)) == {} == stopwatch.waits(str(tmp_path / "none"))
    (tmp_path / "7" / "schedstat").write_text("5 2500000000 3\n")
    (tmp_path / "8").mkdir()
    (tmp_path / "8" / "schedstat").write_text("not counted")
    assert stopwatch.waits(str(tmp_path)) == {"7": 2.5}


def test_a_file_that_is_no_model_is_not_measured(tmp_path: Path) -> None:
    (tmp_path / "x.tflite").write_bytes(b"no model")
    with pytest.raises(NotMeasured, match=r"Error"):
        measure([tmp_path / "x.tflite"])


def test_figures_are_stored_for_this_machine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = LatencyCache(tmp_path)
    assert cache.get("vgg16") is None
    cache.put("vgg16", FIGURES)
    assert LatencyCache(tmp_path).known(["vgg16", "xception"]) == {
        "vgg16": replace(FIGURES, machine=measurement.machine())
    }
    monkeypatch.setattr(os, "cpu_count", lambda: 96)
    assert LatencyCache(tmp_path).get("vgg16") is None


@pytest.mark.parametrize("text", ['{"byt', '{"bytes": 1}', "[]"])
def test_a_broken_file_of_figures_is_ignored(tmp_path: Path, text: str) -> None:
    cache = LatencyCache(tmp_path)
    cache.put("vgg16", FIGURES)
    (stored,) = tmp_path.glob("*/vgg16.json")
    stored.write_text(text)
    assert cache.get("vgg16") is None


def test_no_process_is_started_for_known_networks_or_without_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    LatencyCache().put("vgg16", FIGURES)
    measurement.measure_missing(["vgg16"], tmp_path, 1000.0)
    measurement.measure_missing(["xception"], tmp_path, measurement.LEAST_SECONDS - 1)
    assert caplog.messages == []
    measurement.measure_missing(["vgg16", "xception"], tmp_path, 1000.0)
    assert caplog.messages == ["measuring xception ended with status 127"]  # there is no such interpreter
