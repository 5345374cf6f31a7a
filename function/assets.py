"""The pages' scripts and icon, and the program that runs models in a browser.

Their addresses change with their content, so that browsers may cache them.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources

import flask
from werkzeug.exceptions import NotFound

from jobs import browser_runtime

KEPT = "public, max-age=31536000, immutable"  # without an end, as the address changes with the content
KINDS: Mapping[str, str] = {  # suffix -> type
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "wasm": "application/wasm",
}
PACKED = ".gz"  # ending of files that are kept compressed, and sent so to whoever takes it
# The worker that runs a model may compile it and fetch its own program; the page may not.
MODEL_WORKER = "try-worker.js"
_WORKER_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
_POLICY = "default-src 'none'"


@cache
def _files() -> dict[str, bytes]:
    folder = resources.files("templates") / "assets"
    own = {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in KINDS}
    return own | dict(browser_runtime.files())


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


def serve(request: flask.Request, given: str, name: str) -> flask.Response:
    """Serve one file. The address of an older version gets the current file, not to be cached. Raises NotFound."""
    kind, packed = KINDS.get(name.rpartition(".")[2]), _files().get(name + PACKED)
    found = _files().get(name) if packed is None else packed
    if kind is None or found is None:
        raise NotFound
    takes = packed is not None and request.accept_encodings["gzip"] > 0
    response = flask.Response(found if packed is None or takes else gzip.decompress(found), mimetype=kind)
    if takes:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Security-Policy"] = _WORKER_POLICY if name == MODEL_WORKER else _POLICY
    if given == version():
        response.headers["Cache-Control"] = KEPT
        response.headers["Vary"] = "Accept-Encoding"
    return response
