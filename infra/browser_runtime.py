"""Fetch what runs a model in a browser: `python -m infra.browser_runtime`.

It is LiteRT.js, taken from npm by exact version and checked by its hash, and written to `templates/runtime`, which git
ignores and which the wheel and the function's zip hold. Where it cannot be had, `missing.txt` there says why, and pages
do without it.
"""

from __future__ import annotations

import gzip
import re
import shutil
import sys
from pathlib import Path

from infra.npm import NpmError, Package, members
from jobs import browser_runtime

ROOT = Path(__file__).parents[1]
ARCHIVES = ROOT / "build" / "npm"
MISSING = browser_runtime.MISSING

CORE = Package(
    "@litertjs/core",
    "2.5.3",
    "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
)
LOADER = Package(
    "@litertjs/wasm-utils",
    "2.5.3",
    "4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
)
NOTICE = f"""LiteRT.js {CORE.version} ({CORE.name} and {LOADER.name}), by Google LLC and the LiteRT authors, under the
Apache License 2.0, which follows. Changed by modelmail: the two modules were joined into one script, litert.js, and the
WebAssembly files were compressed.

"""


def fetched(archives: Path) -> dict[str, bytes]:
    """Return the files of `templates/runtime`, by name. Raises NpmError.

    `archives` is the folder where what npm fetched is kept.
    """
    core, loader = (members(package, archives) for package in (CORE, LOADER))
    files = {browser_runtime.SCRIPT: joined(loader["dist/index.js"].decode(), core["dist/index.js"].decode()).encode()}
    for build in browser_runtime.BUILDS:
        files[f"{build}.js"] = core[f"wasm/{build}.js"]
        files[f"{build}.wasm.gz"] = gzip.compress(core[f"wasm/{build}.wasm"], 9, mtime=0)
    files[browser_runtime.LICENCE] = (NOTICE + (ROOT / "LICENSE").read_text(encoding="utf-8")).encode()
    return files


def joined(loader: str, core: str) -> str:
    """Join the two ES modules into one classic script, which a worker can import, and a file can hold.

    Raises NpmError where they are not as expected.
    """
    bare, removed = re.subn(r'^import \{ createWasmLib \} from "@litertjs/wasm-utils";\n', "", core, flags=re.M)
    bodies = [part.rpartition("\nexport {")[0] for part in (loader, bare)]
    if removed != 1 or not all(bodies) or re.search(r"^(import|export)\b", "\n".join(bodies), re.M):
        raise NpmError("the modules of LiteRT.js are not as expected")
    names = "loadLiteRt, loadAndCompile, Tensor"
    return "(() => {\n" + "\n".join(bodies) + f"\nself.litert = {{{names}}};\n}})();\n"


def write(folder: Path, archives: Path) -> str:
    """Write the runtime into the folder; return why it is missing, or an empty text."""
    try:
        files, missing = fetched(archives), ""
    except NpmError as error:
        files, missing = {}, str(error)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in (files or {MISSING: missing.encode()}).items():
        (folder / name).write_bytes(data)
    return missing


def main() -> int:
    """Run the command. It also succeeds where the runtime cannot be had, as all else works without it."""
    missing = write(ROOT / "templates" / "runtime", ARCHIVES)
    said = f"Without models in the browser: {missing}." if missing else f"LiteRT.js {CORE.version} is in place."
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
