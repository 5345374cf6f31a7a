"""Latency: measured by LiteRT in a clean process, remembered once for each machine."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from vm_worker.learn.latency import measurement
from vm_worker.learn.latency.measurement import Memory, NotMeasured, measure


def test_figures_are_consistent(tmp_path: Path, tflite: bytes) -> None:
    path = tmp_path / "a model.tflite"
    path.write_bytes(tflite)
    figures = measure([path])[path]
    assert figures["runs"] == 100 and figures["bytes"] == len(tflite)
    assert figures["one"]["threads"] == 1 and figures["all"]["threads"] == measurement.machine()["threads"]
    for name in ("one", "all"):
        assert 0 < figures[name]["median"] <= figures[name]["p95"]
        assert figures[name]["mean"] > 0


def test_what_is_no_model_is_not_measured(tmp_path: Path) -> None:
    (tmp_path / "x.tflite").write_bytes(b"no model")
    with pytest.raises(NotMeasured, match=r"Error"):
        measure([tmp_path / "x.tflite"])


def test_what_was_measured_is_remembered_for_this_machine_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory(tmp_path)
    assert memory.get("vgg16") is None
    memory.put("vgg16", {"bytes": 1})
    assert Memory(tmp_path).known(["vgg16", "xception"]) == {"vgg16": {"bytes": 1, "machine": measurement.machine()}}
    monkeypatch.setattr(os, "cpu_count", lambda: 96)
    assert Memory(tmp_path).get("vgg16") is None


def test_a_broken_note_is_no_figure(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.put("vgg16", {"bytes": 1})
    (note,) = tmp_path.glob("*/vgg16.json")
    note.write_text(json.dumps({"bytes": 1})[:5])
    assert memory.get("vgg16") is None


def test_nothing_is_begun_for_known_networks_or_without_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    Memory().put("vgg16", {"bytes": 1})
    measurement.fill(["vgg16"], tmp_path, 1000.0)
    measurement.fill(["xception"], tmp_path, measurement.LEAST_SECONDS - 1)
    assert caplog.messages == []
    measurement.fill(["vgg16", "xception"], tmp_path, 1000.0)
    assert caplog.messages == ["measuring xception ended with status 127"]  # there is no such interpreter
