"""Build the emulator as a package of its own: `python -m infra.emulator_wheel [FOLDER]`.

The wheel `modelmail-emulator` has the emulator's code under the name `modelmail_emulator`, with the few modules of
this project that it uses, and needs nothing else of it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "infra" / "emulator"
NAME = "modelmail_emulator"
# Module here -> module in the package. Longer names first, as they may begin with shorter ones.
MODULES = {
    "infra.listener": f"{NAME}.listener",
    "infra.lock": f"{NAME}.lock",
    "jobs.json_values": f"{NAME}.json_values",
    "infra.emulator": NAME,
}
_NOT_IN_PACKAGE = ("Dockerfile", "README.md", "pyproject.toml")
_IMPORT = re.compile(rf"\b({'|'.join(map(re.escape, MODULES))})\b")
_LEFT = re.compile(r"^\s*(?:from|import) (?:infra|jobs|function|vm_worker|templates)\b", re.M)
_EXPORTS = f"""

from {NAME}.running import EmulatorError, GcsEmulator

__all__ = ["EmulatorError", "GcsEmulator"]
"""


class WheelError(Exception):
    """The error of a package that cannot be built."""


def write_source(folder: Path) -> None:
    """Write the source of the package. Raises WheelError if a module imports what the package does not have."""
    package = folder / NAME
    paths = [path for path in SOURCE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    files = {path.relative_to(SOURCE).as_posix(): path for path in paths}
    files |= {
        f"{module.rpartition('.')[2]}.py": ROOT / f"{module.replace('.', '/')}.py" for module in list(MODULES)[:3]
    }
    for name, path in files.items():
        target = (folder if name in _NOT_IN_PACKAGE else package) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".py":
            target.write_text(renamed(path.read_text(encoding="utf-8"), name), encoding="utf-8")
        else:
            shutil.copy(path, target)
    (package / "py.typed").touch()
    with (package / "__init__.py").open("a", encoding="utf-8") as file:
        file.write(_EXPORTS)
    shutil.copy(ROOT / "LICENSE", folder / "LICENSE")


def renamed(text: str, name: str) -> str:
    """Give the modules in a source their names in the package. Raises WheelError that names the file."""
    new = _IMPORT.sub(lambda found: MODULES[found[1]], text)
    if left := _LEFT.search(new):
        raise WheelError(f"{name} imports what the package does not have: {left[0].strip()}")
    return new


def build(out: Path) -> Path:
    """Build the wheel; return its path. Raises WheelError, and CalledProcessError if the build fails."""
    out = out.resolve()
    with tempfile.TemporaryDirectory() as folder:
        write_source(Path(folder))
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    return max(out.glob(f"{NAME}-*.whl"), key=lambda path: path.stat().st_mtime)


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))  # noqa: T201
