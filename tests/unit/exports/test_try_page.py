"""try.html is made of what a job has, and left out where it cannot be made or would be too large."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs import browser_runtime
from tests.unit.report import samples
from vm_worker import report
from vm_worker.exports import try_page

pytestmark = pytest.mark.skipif(bool(browser_runtime.missing()), reason="LiteRT.js could not be fetched here")


@pytest.fixture(scope="module")
def built() -> Any:
    """A report, read back from JSON."""
    return json.loads(json.dumps(report.build(samples.facts())))


def test_it_holds_the_smaller_model_and_the_licence(tmp_path: Path, built: Any) -> None:
    (tmp_path / "model.tflite").write_bytes(b"float32" * 1000)
    whole = try_page.write(tmp_path, built)
    assert whole is not None
    size = whole.stat().st_size
    (tmp_path / "model_float16.tflite").write_bytes(b"float16")
    smaller = try_page.write(tmp_path, built)
    assert smaller is not None and smaller.stat().st_size < size
    text = smaller.read_text(encoding="utf-8")
    assert "Apache License" in text and "Version 2.0" in text
    assert text == (tmp_path / "try.html").read_text(encoding="utf-8")


def test_it_is_left_out_where_it_would_be_too_large(tmp_path: Path, built: Any) -> None:
    noise = bytes(np.random.default_rng(0).integers(0, 256, 30_000_000, np.uint8))
    (tmp_path / "model.tflite").write_bytes(noise)
    assert try_page.write(tmp_path, built) is None
    assert not (tmp_path / "try.html").exists()


def test_it_is_left_out_without_a_tflite_file_and_for_a_detector(tmp_path: Path, built: Any) -> None:
    assert try_page.write(tmp_path, built) is None
    (tmp_path / "model.tflite").write_bytes(b"network")
    assert try_page.write(tmp_path, {**built, "task": "detection"}) is None
