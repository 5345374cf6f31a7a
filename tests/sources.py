"""The files of the repository, for tests that read them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("function", "jobs", "vm_worker", "infra", "templates")


def sources(*folders: str) -> list[Path]:
    """Every Python file of these folders; of the product if none is named."""
    return [path for folder in folders or PACKAGES for path in sorted((ROOT / folder).rglob("*.py"))]


def name(path: Path) -> str:
    """The path of a file as seen from the root of the repository."""
    return path.relative_to(ROOT).as_posix()
