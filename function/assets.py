"""The pages' icon, and their scripts, whose addresses change with their content, so that browsers may cache them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

import flask
from werkzeug.exceptions import NotFound

ICON_KEPT = "public, max-age=86400"  # a day
KEPT = "public, max-age=31536000, immutable"  # without an end, as the address changes with the content


@cache
def _icon() -> bytes:
    return (resources.files("templates") / "assets" / "icon.svg").read_bytes()


@cache
def _scripts() -> dict[str, bytes]:
    folder = resources.files("templates") / "assets"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".js")}


@cache
def version() -> str:
    """Return a text that changes whenever one of the scripts changes. They import each other, so they share it."""
    digest = hashlib.sha256()
    for name, data in sorted(_scripts().items()):
        digest.update(f"{name} {len(data)} ".encode() + data)
    return digest.hexdigest()[:16]


def path(name: str) -> str:
    """Return the address of a script for a page."""
    return f"/assets/{version()}/{name}"


def script(given: str, name: str) -> flask.Response:
    """Serve one script. The address of an older version gets the current script, not to be cached. Raises NotFound."""
    found = _scripts().get(name)
    if found is None:
        raise NotFound
    response = flask.Response(found, mimetype="text/javascript")
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    if given == version():
        response.headers["Cache-Control"] = KEPT
    return response


def icon() -> flask.Response:
    """Serve the icon that browsers show beside the title, and ask for without being told."""
    response = flask.Response(_icon(), mimetype="image/svg+xml")
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    response.headers["Cache-Control"] = ICON_KEPT
    return response
