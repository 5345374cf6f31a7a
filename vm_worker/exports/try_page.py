"""`try.html`: one file that holds a model and all that runs it in a browser, without a network."""

from __future__ import annotations

import base64
import gzip
import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

from jobs import browser_runtime, trying
from jobs.json_values import JsonObject
from jobs.render import render
from jobs.wording import size

NAME = "try.html"
MOST_BYTES = 40 * 10**6  # a larger file opens slowly on a phone, and is too large for a mail
LEVEL = 6  # of gzip: weights hardly become smaller by more
MODELS = ("model_float16.tflite", trying.MODEL)  # the smaller first
BUILD = browser_runtime.COMPATIBLE  # any browser that has WebAssembly runs it
SCRIPTS = ("held.js", "engine.js", "try.js")
# LiteRT imports a part that stands in the same file here.
ALONE = "self.importScripts = () => {};\n"


def write(folder: Path, report: JsonObject) -> Path | None:
    """Write the file for a finished job's report and files; return its path, or None where none can be made.

    None is made of a task whose models no page can try, without LiteRT.js, without a TFLite file, and where the page
    would be larger than `MOST_BYTES`.
    """
    model = next((folder / name for name in MODELS if (folder / name).is_file()), None)
    if model is None or not trying.offered(report) or not browser_runtime.files():
        return None
    page = _page(report, model.read_bytes()).encode()
    if len(page) > MOST_BYTES:
        return None
    path = folder / NAME
    path.write_bytes(page)
    return path


def _page(report: JsonObject, model: bytes) -> str:
    script = "\n".join(map(_asset, SCRIPTS))
    runtime = (browser_runtime.plain(name).decode() for name in (browser_runtime.SCRIPT, f"{BUILD}.js"))
    worker = "\n".join([ALONE, *runtime, _asset("pixels.js"), _asset("try-worker.js")])
    facts = {**trying.trial(report, 0).to_json(), "bytes": size(len(model))}
    values: dict[str, Any] = {
        "report": report,
        "trial": {"obstacle": "", "facts": facts},
        "licence": browser_runtime.plain(browser_runtime.LICENCE).decode(),
        "digest": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "script": Markup(script),  # noqa: S704 - this project's own program, which holds no "</script"
        "model": _held(model),
        "wasm": base64.b64encode(browser_runtime.files()[f"{BUILD}.wasm.gz"]).decode(),
        "worker": _held(worker.encode()),
    }
    return render("try.html", **values)


def _asset(name: str) -> str:
    return (resources.files("templates") / "assets" / name).read_text(encoding="utf-8")


def _held(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, LEVEL, mtime=0)).decode()
