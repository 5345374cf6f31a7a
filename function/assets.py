"""The pages' scripts and icon. Their addresses change with their content, so that browsers may cache them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources

import flask
from werkzeug.exceptions import NotFound

KEPT = "public, max-age=31536000, immutable"  # without an end, as the address changes with the content
KINDS: Mapping[str, str] = {"js": "text/javascript", "svg": "image/svg+xml"}  # suffix -> type


@cache
def _files() -> dict[str, bytes]:
    folder = resources.files("templates") / "assets"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in KINDS}


@cache
def version() -> str:
    """Return a text that changes whenever one of the files changes. The scripts import each other, so they share it."""
    digest = hashlib.sha256()
    for name, data in sorted(_files().items()):
        digest.update(f"{name} {len(data)} ".encode() + data)
    return digest.hexdigest()[:16]


def path(name: str) -> str:
    """Return the address of a file for a page."""
    return f"/assets/{version()}/{name}"


def serve(given: str, name: str) -> flask.Response:
    """Serve one file. The address of an older version gets the current file, not to be cached. Raises NotFound."""
    found = _files().get(name)
    if found is None:
        raise NotFound
    response = flask.Response(found, mimetype=KINDS[name.rpartition(".")[2]])
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    if given == version():
        response.headers["Cache-Control"] = KEPT
    return response
