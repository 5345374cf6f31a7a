"""Makes a program of one file from a service.pyz, by PyInstaller, for machines of the same platform without Python.

    pip install pyinstaller && python -m infra.service.binary service.pyz --out service

Run it with the Python that the service was made with. The program takes the same flags as the service.
"""

from __future__ import annotations

import argparse
import importlib.util
import pkgutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

SITE, MODEL = "site-packages/", "modelmail/"  # folders in the zip: libraries, and the job's files
# The libraries are packed unchanged, so that the program runs the same code as the service. PyInstaller adds the
# interpreter and the whole standard library except tests and modules with a screen, as nothing tells which modules the
# libraries need.
ENTRY = """import sys
from pathlib import Path
home = Path(sys._MEIPASS)
sys.path.insert(0, str(home / "site-packages"))
from vm_worker.exports.service.runtime.serve import main
sys.exit(main(folder=home / "modelmail"))
"""
NEVER = ("antigravity", "idlelib", "lib2to3", "this", "tkinter", "turtle", "turtledemo")
NOT_ANALYSED = ("vm_worker",)  # packed with the libraries already


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m infra.service.binary SERVICE [--out FILE]`; return the exit status."""
    parser = argparse.ArgumentParser(prog="binary", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("service", type=Path, help="a service.pyz")
    parser.add_argument("--out", type=Path, default=Path("service"), help="the program (default %(default)s)")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="modelmail-") as scratch:
        status = build(given.service, Path(scratch))
        if status == 0:
            given.out.write_bytes((Path(scratch) / "dist" / "service").read_bytes())
            given.out.chmod(0o755)
    return status


def build(service: Path, scratch: Path) -> int:
    """Run PyInstaller; return its exit status. The program is `dist/service` in `scratch`."""
    unpacked = scratch / "unpacked"
    with zipfile.ZipFile(service) as archive:
        members = [name for name in archive.namelist() if name.startswith((SITE, MODEL))]
        archive.extractall(unpacked, members)
    (scratch / "entry.py").write_text(ENTRY, encoding="utf-8")
    return subprocess.run(command(unpacked, scratch), check=False, cwd=scratch).returncode  # noqa: S603 (our arguments)


def standard_library() -> list[str]:
    """Return the modules of the standard library, those inside its packages included."""
    found: list[str] = []
    for name in sorted(sys.stdlib_module_names - set(NEVER)):
        spec = importlib.util.find_spec(name) if not name.startswith("_") else None
        if spec is not None:
            found += [name, *_inside(name, spec.submodule_search_locations or ())]
    return found


def _inside(package: str, folders: Iterable[str]) -> Iterator[str]:
    for module in pkgutil.iter_modules(list(folders)):
        if module.name in ("__main__", "test", "tests", "idle_test"):
            continue
        name = f"{package}.{module.name}"
        yield name
        if module.ispkg:
            yield from _inside(name, [str(Path(folder) / module.name) for folder in folders])


def command(unpacked: Path, scratch: Path) -> list[str]:
    """Return PyInstaller's command line."""
    return [
        *(sys.executable, "-m", "PyInstaller", "--onefile", "--noconfirm", "--log-level", "WARN", "--name", "service"),
        *("--distpath", str(scratch / "dist"), "--workpath", str(scratch / "build"), "--specpath", str(scratch)),
        *("--add-data", f"{unpacked / SITE}:{SITE}", "--add-data", f"{unpacked / MODEL}:{MODEL}"),
        *(argument for name in (*NEVER, *NOT_ANALYSED) for argument in ("--exclude-module", name)),
        *(argument for name in standard_library() for argument in ("--hidden-import", name)),
        str(scratch / "entry.py"),
    ]


if __name__ == "__main__":
    sys.exit(main())
