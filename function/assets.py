"""The pages' scripts: served under addresses that change with their content, so that browsers may keep them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

import flask
from werkzeug.exceptions import NotFound

KEPT = "public, max-age=31536000, immutable"  # the address changes with the content


@cache
def _scripts() -> dict[str, bytes]:
    folder = resources.files("templates") / "assets"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".js")}


@cache
def version() -> str:
    """Give a text that changes whenever one of the scripts does: they import each other, so they change together."""
    digest = hashlib.sha256()
    for name, data in sorted(_scripts().items()):
        digest.update(f"{name} {len(data)} ".encode() + data)
    return digest.hexdigest()[:16]


def path(name: str) -> str:
    """Give the address where a page finds a script."""
    return f"/assets/{version()}/{name}"


def script(given: str, name: str) -> flask.Response:
    """Serve one script; an older version's address gets today's, not to be kept. Raises NotFound."""
    found = _scripts().get(name)
    if found is None:
        raise NotFound
    response = flask.Response(found, mimetype="text/javascript")
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    if given == version():
        response.headers["Cache-Control"] = KEPT
    return response
