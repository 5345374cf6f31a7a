"""The files of LiteRT.js, which runs a model in a browser, where this installation was built with them."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import cache
from importlib import resources

SCRIPT = "litert.js"
PLAIN = "litert_wasm_internal"
COMPATIBLE = "litert_wasm_compat_internal"  # for browsers without relaxed SIMD, such as older ones of Apple
BUILDS = (PLAIN, COMPATIBLE)  # a browser fetches one of them
LICENCE = "litert-licence.txt"
MISSING = "missing.txt"  # says why the other files are not there
NEVER_FETCHED = "it was not fetched when this installation was built (`make dev` or `python -m infra.browser_runtime`)"


@cache
def files() -> Mapping[str, bytes]:
    """Return the files by name; those that end in .gz are compressed. Empty where the runtime is missing."""
    folder = resources.files("templates") / "runtime"
    if not (folder / SCRIPT).is_file():
        return {}
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def missing() -> str:
    """Return why the runtime is missing; an empty text where it is there."""
    if files():
        return ""
    told = resources.files("templates") / "runtime" / MISSING
    return told.read_text(encoding="utf-8").strip() if told.is_file() else NEVER_FETCHED


def fetched_bytes() -> int:
    """Return the bytes of what one browser fetches; 0 where the runtime is missing."""
    return sum(len(files().get(name, b"")) for name in (SCRIPT, f"{PLAIN}.js", f"{PLAIN}.wasm.gz"))


def plain(name: str) -> bytes:
    """Return a file as the browser uses it, unpacked. Raises KeyError where there is none of that name."""
    packed = files().get(f"{name}.gz")
    return files()[name] if packed is None else gzip.decompress(packed)
