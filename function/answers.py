"""The responses that every route uses: JSON, pages, errors, and the headers that all of them have."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

import flask

from function import assets
from jobs.errors import CODES
from jobs.render import render

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Vary": "Accept",
}
# A page has one inline style sheet, allowed by the response's nonce, and at most one form, which posts to this site.
_POLICY = "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
PAGE_POLICY = _POLICY + "; img-src 'self'"  # its icon
# The upload and status pages run this site's own scripts, which send the zip to the bucket.
LIVE_POLICY = _POLICY + "; script-src 'self'; worker-src 'self'; connect-src 'self' {storage}; img-src 'self' {storage}"
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
BUSY_SECONDS = 3600  # seconds until the oldest unused upload link has ended
STORAGE_SECONDS = 60


def wants_html(request: flask.Request) -> bool:
    """Return whether the header Accept names text/html and does not prefer JSON. `*/*` alone gets JSON."""
    accepted = request.accept_mimetypes
    named = any(value.lower() == "text/html" and quality > 0 for value, quality in accepted)
    return named and accepted["text/html"] >= _named_quality(request, "application/json")


def data(values: Mapping[str, object], status: int = 200) -> flask.Response:
    """Return a JSON answer. It is indented, as people read it in terminals."""
    text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
    response = flask.Response(text, status, mimetype="application/json")
    response.headers["Content-Security-Policy"] = DATA_POLICY
    return response


def page(name: str, values: Mapping[str, object], status: int = 200, policy: str = PAGE_POLICY) -> flask.Response:
    """Return an HTML answer from `templates/pages/<name>.html`."""
    nonce, icon = secrets.token_urlsafe(16), assets.path("icon.svg")
    text = render(f"pages/{name}.html", nonce=nonce, icon=icon, **values)
    response = flask.Response(text, status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = policy.replace("{nonce}", nonce)
    return response


def live_page(name: str, values: Mapping[str, object], origin: str) -> flask.Response:
    """Return a page with scripts, which may only contact this site and the storage at `origin`."""
    return page(name, values, policy=LIVE_POLICY.replace("{storage}", origin))


def redirect(url: str) -> flask.Response:
    """Return a 302 to a link that was signed just now."""
    response = data({"url": url}, 302)
    response.headers["Location"] = url
    return response


def error(request: flask.Request, code: str, message: str = "") -> flask.Response:
    """Return the answer for an error code: a page for a browser, else `{"error": {"code", "message"}}`."""
    row = CODES[code]
    if wants_html(request):
        return page("error", {"row": row, "message": message}, row.http_status)
    message = message or f"{row.title}. {row.advice}"
    return data({"error": {"code": code, "message": message}}, row.http_status)


def retry_after(code: str, now: datetime) -> int | None:
    """Return the seconds after which a new try can succeed; None when that depends on the caller."""
    if code == "too_many_jobs":  # the limit holds for a UTC day
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return int((tomorrow - now).total_seconds()) + 1
    return {"busy": BUSY_SECONDS, "storage_unavailable": STORAGE_SECONDS}.get(code)


def finished(response: flask.Response) -> flask.Response:
    """Add the headers that every answer has, also one that the framework has written."""
    for name, value in {**HEADERS, "Content-Security-Policy": DATA_POLICY}.items():
        response.headers.setdefault(name, value)
    return response


def stamp(moment: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC, to the second."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _named_quality(request: flask.Request, mimetype: str) -> float:
    return max((quality for value, quality in request.accept_mimetypes if value.lower() == mimetype), default=0.0)
