"""Which models a page can try, what it needs for that, and what it says where something is missing."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from jobs import browser_runtime, trying

REPORT = {"dataset": {"classes": ["cat", "\u202e", "big\ndog"]}, "winner": {"size": 224.0}}
WASM = b"\0asm" * 500


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The place of the runtime's files; it is not there yet."""
    monkeypatch.setattr(resources, "files", lambda package: tmp_path / package)
    browser_runtime.files.cache_clear()
    yield tmp_path / "templates/runtime"
    browser_runtime.files.cache_clear()


@pytest.fixture
def fetched(folder: Path) -> Path:
    """The same with files: 10 and 20 bytes, and a compressed one, are of the build that most browsers fetch."""
    (folder / "a folder").mkdir(parents=True)
    (folder / "litert.js").write_bytes(b"0123456789")
    (folder / "litert_wasm_internal.js").write_bytes(b"0123456789" * 2)
    (folder / "litert_wasm_internal.wasm.gz").write_bytes(gzip.compress(WASM))
    (folder / "litert_wasm_compat_internal.js").write_bytes(b"other")
    return folder


def test_classifiers_are_tried_and_detectors_are_not() -> None:
    assert trying.offered({"task": "classification"})
    assert trying.offered({})  # a report of the version before
    assert not trying.offered({"task": "detection"})


def test_without_the_runtime_the_reason_is_told(folder: Path) -> None:
    assert (browser_runtime.files(), browser_runtime.fetched_bytes()) == ({}, 0)
    assert browser_runtime.missing() == browser_runtime.NEVER_FETCHED
    folder.mkdir(parents=True)
    (folder / "missing.txt").write_text("npm could not fetch it\n", encoding="utf-8")
    assert browser_runtime.missing() == "npm could not fetch it"
    told = trying.obstacle(REPORT, {"model.tflite": "there"})
    assert told == "This installation has no program to run a model in a browser: npm could not fetch it."


def test_with_the_runtime_a_job_needs_its_tflite_file(fetched: Path) -> None:
    assert browser_runtime.missing() == ""
    assert trying.obstacle(REPORT, {"model.tflite": "there"}) == ""
    assert trying.obstacle(REPORT, {"model.h5": "there"}).startswith("There was no time to make model.tflite.")


def test_a_browser_fetches_the_plain_build(fetched: Path) -> None:
    assert browser_runtime.fetched_bytes() == 30 + len(gzip.compress(WASM))
    assert browser_runtime.plain("litert.js") == b"0123456789"
    assert browser_runtime.plain("litert_wasm_internal.wasm") == WASM
    with pytest.raises(KeyError):
        browser_runtime.plain("a folder")


def test_a_page_is_told_what_the_model_takes_and_answers(fetched: Path) -> None:
    told = trying.trial(REPORT | {"unsure": {"threshold": 0.7}}, 5_000_000)
    assert told.to_json() == {
        "labels": ["cat", "(no name)", "big dog"],
        "size": 224,
        "threshold": 0.7,
        "bytes": "4.8 MB",
    }
    assert trying.trial(REPORT, 2048 - browser_runtime.fetched_bytes()).bytes == "2.0 KB"


@pytest.mark.parametrize("unsure", [{}, {"unsure": None}, {"unsure": {}}, {"unsure": {"threshold": None}}])
def test_a_model_without_a_threshold_is_always_sure(fetched: Path, unsure: dict[str, object]) -> None:
    assert trying.trial(REPORT | unsure, 1).threshold == 0.0
