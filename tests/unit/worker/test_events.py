"""What goes over the pipes of an attempt: each event key for key, and lines that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.job import Stage
from vm_worker.events import Answer, Event, Failed, File, ProgressEvent, Rejected, StageOffer, TrialOffer, read_event

KEY = "ab" * 20
PLOT = {"name": "a.png", "public": True, "content_type": "image/png"}

ON_THE_PIPE: list[tuple[Event, dict[str, Any]]] = [
    (
        ProgressEvent(Stage.SELECT, 0.25, "Trying", 60.0),
        {"event": "progress", "stage": "select", "fraction": 0.25, "message": "Trying", "remaining_seconds": 60.0},
    ),
    (
        ProgressEvent(Stage.TUNE, 0.5, "m", 1.0, 99.5, ({"name": "a", "accuracy": None},), ({"epoch": 1},)),
        {
            "event": "progress",
            "stage": "tune",
            "fraction": 0.5,
            "message": "m",
            "remaining_seconds": 1.0,
            "quoted_seconds": 99.5,
            "candidates": [{"name": "a", "accuracy": None}],
            "curve": [{"epoch": 1}],
        },
    ),
    (
        StageOffer(Stage.REPORT, 2.5, {"n": [1, {"x": None}]}, (File("a.png", True, "image/png"),)),
        {"event": "stage", "stage": "report", "seconds": 2.5, "result": {"n": [1, {"x": None}]}, "files": [PLOT]},
    ),
    (TrialOffer(KEY, 1.0, {}), {"event": "trial", "key": KEY, "seconds": 1.0, "result": {}, "files": []}),
    (
        Rejected("one_class", "Only cats."),
        {"event": "rejected", "code": "one_class", "message": "Only cats.", "file": None},
    ),
    (Rejected("bad", "m", "a/b"), {"event": "rejected", "code": "bad", "message": "m", "file": "a/b"}),
    (Failed("KeyError"), {"event": "failed", "message": "KeyError"}),
]


@pytest.mark.parametrize(("event", "line"), ON_THE_PIPE)
def test_an_event_survives_the_pipe(event: Event, line: dict[str, Any]) -> None:
    assert json.loads(json.dumps(event.to_json())) == line
    assert read_event(line) == event


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"event": "magic"},
        {"event": ["stage"]},
        {"event": "failed"},  # without what it must say
        {"event": "stage", "stage": "magic", "seconds": 1.0, "result": {}, "files": []},
        {"event": "stage", "stage": "tune", "seconds": "long", "result": {}, "files": []},
        {"event": "stage", "stage": "tune", "seconds": 1.0, "result": {}, "files": [{"name": "a"}]},
        {"event": "trial", "key": KEY, "seconds": 1.0, "result": 5, "files": []},
        {"event": "progress", "stage": "tune", "fraction": None, "message": "m"},
    ],
)
def test_a_line_that_is_no_event_is_an_error(line: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        read_event(line)


def test_an_answer_is_one_key() -> None:
    assert Answer(go=Stage.TUNE).to_json() == {"go": "tune"}
    assert Answer(adopt={}).to_json() == {"adopt": {}}
    assert Answer.from_json({"adopt": {"n": 1}}) == Answer(adopt={"n": 1})


def test_the_result_that_counts_is_the_one_committed_first() -> None:
    assert Answer(go="tune").result({"mine": 1}) == {"mine": 1}
    assert Answer(adopt={}).result({"mine": 1}) == {}
