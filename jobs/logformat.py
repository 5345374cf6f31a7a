"""Log lines: plain text for people, or one JSON object a line, which Cloud Logging parses.

https://cloud.google.com/logging/docs/structured-logging names the fields.
"""

from __future__ import annotations

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime

FORMATS = ("text", "json")
TEXT = "%(asctime)s %(levelname)s %(message)s"

# Trace of the current request, from the header `X-Cloud-Trace-Context`.
trace: ContextVar[str] = ContextVar("trace", default="")

_JOB = re.compile(r"\bjob ([A-Za-z0-9_-]{8})(?![A-Za-z0-9_-])")
_TRACE = re.compile(r"[0-9a-f]{32}")


def begin(form: str, project: str = "") -> None:
    """Log to stderr in this form, from level INFO on. Raises ValueError for an unknown form."""
    if form not in FORMATS:
        raise ValueError(f"MODELMAIL_LOG_FORMAT is one of {', '.join(FORMATS)}, not {form!r}")
    handler = logging.StreamHandler()
    handler.setFormatter(Structured(project) if form == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def trace_of(header: str) -> str:
    """Return the trace of an `X-Cloud-Trace-Context` header, `<trace>/<span>;o=1`; empty when it has none."""
    found = header.partition("/")[0]
    return found if _TRACE.fullmatch(found) else ""


class Structured(logging.Formatter):
    """A formatter that writes one JSON object a line.

    It holds severity, message, time, the job's short id where the line names one, and the request's trace.
    """

    def __init__(self, project: str = "") -> None:
        super().__init__()
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without line breaks."""
        message = record.getMessage()
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        fields = {
            "severity": record.levelname,
            "message": f"{message}\n{record.exc_text}" if record.exc_text else message,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "logger": record.name,
        }
        job = _JOB.search(message)
        if job:
            fields["job"] = job[1]
        if trace.get() and self._project:
            fields["logging.googleapis.com/trace"] = f"projects/{self._project}/traces/{trace.get()}"
        return json.dumps(fields, ensure_ascii=False)
