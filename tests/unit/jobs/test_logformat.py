"""Log lines as Cloud Logging takes them, and as people read them."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from jobs.logformat import Structured, begin, trace, trace_of


def _line(message: str, *arguments: object, level: int = logging.INFO, error: bool = False) -> dict[str, str]:
    record = logging.LogRecord("worker", level, __file__, 1, message, arguments, sys.exc_info() if error else None)
    line = Structured("project").format(record)
    assert "\n" not in line
    return dict(json.loads(line))


def test_a_line_has_severity_time_and_the_jobs_short_id() -> None:
    line = _line("job %s: claimed", "Xb3kQ9aZ", level=logging.WARNING)
    assert (line["severity"], line["message"], line["job"]) == ("WARNING", "job Xb3kQ9aZ: claimed", "Xb3kQ9aZ")
    assert line["time"].endswith("+00:00") and line["logger"] == "worker"


@pytest.mark.parametrize("message", ["polling every 30 s", "job x", "job abcdefghi"])
def test_a_line_without_a_job_names_none(message: str) -> None:
    assert "job" not in _line(message)


def test_an_error_keeps_its_traceback_in_the_same_line() -> None:
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        line = _line("job %s failed", "Xb3kQ9aZ", level=logging.ERROR, error=True)
    assert line["message"].startswith("job Xb3kQ9aZ failed\nTraceback") and "RuntimeError: broken" in line["message"]


def test_the_requests_trace_joins_its_lines() -> None:
    one = "0af7651916cd43dd8448eb211c80319c"
    token = trace.set(trace_of(f"{one}/123;o=1"))
    try:
        assert _line("submitted")["logging.googleapis.com/trace"] == f"projects/project/traces/{one}"
    finally:
        trace.reset(token)
    assert "logging.googleapis.com/trace" not in _line("submitted")


@pytest.mark.parametrize("header", ["", "x/1", '0af7651916cd43dd8448eb211c80319c"\n', "0" * 31, "../../x"])
def test_a_strangers_header_is_no_trace(header: str) -> None:
    assert trace_of(header) == ""


def test_without_a_project_no_trace_is_told() -> None:
    token = trace.set("0af7651916cd43dd8448eb211c80319c")
    try:
        line = Structured().format(logging.LogRecord("worker", logging.INFO, __file__, 1, "submitted", (), None))
    finally:
        trace.reset(token)
    assert "logging.googleapis.com/trace" not in line


def test_letters_stay_as_they_are() -> None:
    record = logging.LogRecord("worker", logging.INFO, __file__, 1, "the class \u73bb\u7483", (), None)
    assert "the class \u73bb\u7483" in Structured().format(record)


def test_a_traceback_that_was_cleaned_is_not_written_again() -> None:
    try:
        raise RuntimeError("of ada@example.org")
    except RuntimeError:
        record = logging.LogRecord("worker", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    record.exc_text = "RuntimeError: of (address)"
    assert json.loads(Structured().format(record))["message"] == "failed\nRuntimeError: of (address)"


@pytest.mark.parametrize(("form", "kind"), [("json", Structured), ("text", logging.Formatter)])
def test_a_program_logs_in_the_form_that_it_is_given(
    form: str, kind: type[logging.Formatter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    begin(form, "project")
    (handler,) = logging.root.handlers
    assert type(handler.formatter) is kind and logging.root.level == logging.INFO
    record = logging.LogRecord("worker", logging.INFO, __file__, 1, "polling", (), None)
    assert handler.format(record).endswith(" INFO polling" if form == "text" else '"logger": "worker"}')


def test_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="MODELMAIL_LOG_FORMAT is one of text, json, not 'xml'"):
        begin("xml")
