"""What a person sees: lines off a terminal, a live bar on one, and never a name that does something."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from function.wire import ErrorShown, StatusAnswer
from infra.cli.screen import Screen, candidates_table, refusal
from jobs.shown import CandidateShown


def _status(**more: Any) -> StatusAnswer:
    running = {"status": "running", "stage": "select", "progress": 0.3, "message": "EfficientNet-Lite0"}
    return StatusAnswer.from_json({**running, "remaining_seconds": 42.0, "candidates": [], **more})


def _row(name: str, accuracy: float | None = 0.975, state: str = "chosen") -> dict[str, Any]:
    """A row as a service of the version before answers it."""
    interval = None if accuracy is None else [0.91, 0.99]
    return {
        "name": name,
        "validation_accuracy": accuracy,
        "validation_interval": interval,
        "seconds": 3.2,
        "state": state,
    }


def _screen(*, terminal: bool) -> tuple[Screen, io.StringIO]:
    screen, out = Screen(), io.StringIO()
    screen.console = Console(file=out, force_terminal=terminal, width=100, highlight=False)
    return screen, out


def test_lines_come_when_something_changed() -> None:
    screen, out = _screen(terminal=False)
    waiting = _status(
        status="awaiting_upload", stage=None, message="Waiting for the zip.", progress=0.0, remaining_seconds=None
    )
    done = _status(status="done", progress=1.0, remaining_seconds=0.0, message="The model is ready.")
    last = screen.follow([waiting, _status(), _status(progress=0.31), done])
    assert last == done
    assert out.getvalue().splitlines() == [
        "  0%  awaiting upload",
        " 30%  select: EfficientNet-Lite0  about 1 minute left",
        "100%  done",
    ]


def test_a_terminal_shows_bar_time_and_candidates() -> None:
    screen, out = _screen(terminal=True)
    screen.follow([_status(candidates=[_row("efficientnet_lite0"), _row("vgg16", None, "no_weights")])])
    shown = out.getvalue()
    for text in (
        "select: EfficientNet-Lite0",
        "30%",
        "about 1 minute left",
        "efficientnet_lite0",
        "97.5 %",
        "91-99 %",
        "no weights",
        "Validation accuracy",
    ):
        assert text in shown


def test_the_score_is_called_by_its_metric() -> None:
    screen, out = _screen(terminal=True)
    screen.show(candidates_table([CandidateShown("yolo", validation_score=0.5, metric="mean_precision")]))
    assert "Validation mean precision" in out.getvalue() and "50.0 %" in out.getvalue()


def test_an_error_of_counts_is_no_share() -> None:
    screen, out = _screen(terminal=True)
    screen.show(candidates_table([CandidateShown("lite0", validation_score=1.3396, metric="count_error")]))
    shown = out.getvalue()
    assert "Validation count error" in shown and "1.34" in shown and "134" not in shown


def test_no_status_is_an_error() -> None:
    with pytest.raises(ValueError, match="no status"):
        _screen(terminal=False)[0].follow([])


def test_strangers_names_do_nothing_to_the_terminal() -> None:
    screen, out = _screen(terminal=True)
    screen.say("[bold]cat[/bold]\x1b[2Jdog\nnext")
    assert out.getvalue() == "[bold]cat[/bold] [2Jdog\nnext\n"


def test_json_leaves_stdout_alone(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(to_stderr=True)
    screen.say("hello")
    screen.show(candidates_table([CandidateShown.from_json(_row("vgg16"))]))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello" in captured.err and "vgg16" in captured.err


def test_an_upload_off_a_terminal_prints_nothing() -> None:
    screen, out = _screen(terminal=False)
    with screen.uploading() as moved:
        moved(5, 10)
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("code", "message", "line"),
    [
        ("empty_zip", "It holds nothing.", "It holds nothing. Put one folder of photos for each class into the zip."),
        ("crashed", "", "Try again with fewer or smaller photos, or with fewer candidates."),
        # The check on this machine has said what to do already, and an answer to a request always does.
        ("one_class", "One. A model tells classes apart: add at least a second folder of photos.", ""),
        ("busy", "Too many jobs are waiting.", ""),
        ("of_a_later_version", "Something else.", ""),
    ],
)
def test_what_to_do_is_told_with_what_happened(code: str, message: str, line: str) -> None:
    assert refusal(ErrorShown(code, message)) == f"{code}: {line or message}"
