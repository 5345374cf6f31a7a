"""Write the cloud function's zip: `python -m infra.package OUT.zip`. Equal sources make equal zips, byte for byte."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("function", "jobs", "templates")
CLIENT_SIDE = ("function/client.py", "function/resumable.py")  # the client of the API, which the function does not need
REQUIREMENTS = ROOT / "infra" / "gcp" / "requirements.txt"
MAIN = '"""What functions-framework looks for."""\n\nfrom function.main import handle\n\n__all__ = ["handle"]\n'
DATE = (1980, 1, 1, 0, 0, 0)
MODE = 0o644 << 16


def members() -> Iterator[tuple[str, bytes]]:
    """Yield names and contents, sorted by name within each package."""
    yield "main.py", MAIN.encode()
    yield "requirements.txt", REQUIREMENTS.read_bytes()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and "__pycache__" not in path.parts and name not in CLIENT_SIDE:
                yield name, path.read_bytes()


def write(out: Path) -> Path:
    """Write the zip; return its path. Raises OSError when it cannot be written."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members():
            entry = zipfile.ZipInfo(name, DATE)
            entry.external_attr = MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data, compresslevel=9)
    return out


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m infra.package OUT.zip\n")
        return 2
    out = write(Path(arguments[0]))
    sys.stdout.write(f"{out} ({out.stat().st_size} bytes)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
