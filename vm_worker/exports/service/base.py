"""The part of service.pyz that is the same for every job: the runtime and its libraries, packed once an installation.

It is copied from the installed wheels and packed by shiv; a job only adds its model (`runtime/bundle.py`). It runs on
the Python minor version and the platform that it was made on.
"""

from __future__ import annotations

import compileall
import hashlib
import json
import os
import platform
import py_compile
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from jobs.errors import Bug
from vm_worker.exports.service.runtime.bundle import FOLDER
from vm_worker.exports.service.runtime.serve import MADE_FOR, made_for

ENTRY = "vm_worker.exports.service.runtime.serve:main"
SHIV_SECONDS = 120.0
# The distributions, each with the patterns of its files that a service never loads.
PARTS: dict[str, tuple[str, ...]] = {
    "ai-edge-litert": (
        "*/tools/*", "*/vendors/*", "*/aot/*", "*/libLiteRtWebGpuAccelerator.so", "*_pb2.py",
        "*/schema_py_generated.py",
    ),
    "numpy": (
        "*/tests/*", "*/f2py/*", "*/include/*", "*.a", "*/distutils/*", "numpy/random/*", "numpy/fft/*", "numpy/ma/*",
        "numpy/polynomial/*", "numpy/testing/*", "*/_simd.*", "*_tests.*",
    ),
    "pillow": (
        "*/_imagingtk*", "*/_imagingcms*", "*/liblcms2*", "*/_imagingmath*",
        "*/_imagingmorph*", "*/_imagingft*", "*/libfreetype*", "*/libharfbuzz*", "*/libpng*", "*/libbrotli*",
    ),
    "anyio": ("*/pytest_plugin.py",),
    "attrs": (),
    "cattrs": (),
    "click": (),
    "httptools": ("*.pyx", "*.pxd"),
    "idna": (),
    "python-multipart": (),
    "starlette": (),
    "typing-extensions": (),
    "uvicorn": (),
}  # fmt: skip
NOWHERE = ("*.pyc", "*.pyi", "../*", "*/RECORD", "*/REQUESTED", "*/INSTALLER")
# This project's modules: the runtime, the decoder that training used, and what finds the boxes in a detector's answers.
OWN = (
    "jobs/__init__.py",
    "jobs/codes.py",
    "jobs/errors.py",
    "jobs/json_values.py",
    "jobs/limits.py",
    "jobs/tasks.py",
    "vm_worker/__init__.py",
    "vm_worker/as_json.py",
    "vm_worker/exports/__init__.py",
    "vm_worker/exports/service/__init__.py",
    "vm_worker/exports/service/runtime/*",
    "vm_worker/intake/__init__.py",
    "vm_worker/intake/arrays.py",
    "vm_worker/intake/files/*",
    "vm_worker/intake/images.py",
    "vm_worker/intake/windows.py",
    "vm_worker/lean_imports.py",
    "vm_worker/tasks/__init__.py",
    "vm_worker/tasks/detection/__init__.py",
    "vm_worker/tasks/detection/boxes.py",
    "vm_worker/tasks/detection/delivered.py",
    "vm_worker/tasks/detection/marks.py",
    "vm_worker/tasks/detection/engine/__init__.py",
    "vm_worker/tasks/detection/engine/bounds.py",
    "vm_worker/tasks/detection/engine/certainty.py",
    "vm_worker/tasks/detection/engine/decode.py",
    "vm_worker/tasks/detection/engine/detect.py",
    "vm_worker/tasks/detection/engine/expected_counts.py",
    "vm_worker/tasks/detection/engine/frames.py",
    "vm_worker/tasks/detection/engine/outlines.py",
    "vm_worker/tasks/detection/engine/sides.py",
    "vm_worker/tasks/detection/engine/tiling.py",
    "vm_worker/tasks/detection/service/*",
)
ROOT = Path(__file__).parents[3]


def base(folder: Path | None = None) -> Path:
    """Return the packed base; make it when it is missing or out of date.

    It is kept in `folder`, by default beside the installation. Raises Bug when a part is not installed or shiv fails.
    """
    folder = folder or Path(sys.prefix) / "share" / "modelmail"
    try:
        files = dict(_files())
    except PackageNotFoundError as error:
        raise Bug(f"the service cannot be built here: {error.name} is not installed") from error
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"service-{_fingerprint(files)}.pyz"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            made = _pack(files, Path(scratch))
            os.replace(made, path)  # one atomic step, as another worker may make it at the same time
    return path


def _files() -> Iterator[tuple[str, Path]]:
    """Yield the files of the base: the name inside it, and the path of the file now."""
    for name, left_out in PARTS.items():
        found = distribution(name)
        for file in found.files or ():
            inside = file.as_posix()
            if not any(fnmatch(inside, pattern) for pattern in (*NOWHERE, *left_out)):
                yield inside, Path(str(found.locate_file(file)))
    for pattern in OWN:
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and (path.suffix in (".py", ".html") or path.name == "Dockerfile"):
                yield path.relative_to(ROOT).as_posix(), path


def _fingerprint(files: dict[str, Path]) -> str:
    """Return a digest of the libraries' versions, of the names of all files and of this project's sources."""
    digest = hashlib.sha256(sys.version.encode())
    for name in PARTS:
        digest.update(f"{name}=={distribution(name).version}\n".encode())
    for name, path in sorted(files.items()):
        digest.update(name.encode())
        if name.startswith(("jobs/", "vm_worker/")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _pack(files: dict[str, Path], scratch: Path) -> Path:
    site, out = scratch / "site", scratch / "base.pyz"
    for name, path in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(path.read_bytes())
    # The note is in the site packages, so that it is found before a library of another platform is imported.
    (site / FOLDER).mkdir()
    (site / FOLDER / MADE_FOR).write_text(json.dumps(made_for()), encoding="utf-8")
    # Compiled here, once, and never checked against the sources there: unpacking changes the dates of the sources.
    compileall.compile_dir(site, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    interpreter = f"/usr/bin/env python{sys.version_info[0]}.{sys.version_info[1]}"
    command = [sys.executable, "-m", "shiv", "--compressed", "--reproducible", "--site-packages", str(site)]
    done = subprocess.run(  # noqa: S603 (our own arguments)
        [*command, "-e", ENTRY, "-p", interpreter, "-o", str(out)],
        capture_output=True,
        text=True,
        timeout=SHIV_SECONDS,
        env={"SOURCE_DATE_EPOCH": "315532800"},  # 1 January 1980, so that equal parts give equal zips
    )
    if done.returncode != 0:
        raise Bug(f"the service cannot be packed on {platform.platform()}: {done.stderr[-300:]}")
    return out
