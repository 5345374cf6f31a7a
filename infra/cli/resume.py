"""The memory of interrupted uploads, which `modelmail submit` continues."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import typer

from function.wire import SubmissionAnswer

LIFE = 6 * 24 * 3600.0  # seconds; the storage deletes a session after a week


@dataclass(frozen=True)
class Cut:
    """An interrupted upload: the job, and the address for the rest of its zip."""

    submission: SubmissionAnswer
    session: str


@dataclass(frozen=True)
class Memory:
    """A folder with a small file for each zip and service. Only its owner can read it, as it holds links."""

    folder: Path

    @classmethod
    def of_user(cls) -> Memory:
        """Return a memory in the folder where programs of this user keep such data."""
        return cls(Path(typer.get_app_dir("modelmail")) / "uploads")

    def find(self, key: str) -> Cut | None:
        """Return the upload, or None when it is too old or unreadable."""
        path = self._path(key)
        try:
            if time.time() - path.stat().st_mtime > LIFE:
                return None
            kept = json.loads(path.read_text(encoding="utf-8"))
            return Cut(SubmissionAnswer.from_json(kept["submission"]), kept["session"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, key: str, cut: Cut) -> None:
        """Store the upload. When the disk takes no file, the upload goes on without it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self._path(key)
            path.touch(mode=0o600)
            path.write_text(
                json.dumps({"submission": cut.submission.to_json(), "session": cut.session}), encoding="utf-8"
            )
        except OSError:
            return

    def drop(self, key: str) -> None:
        """Delete the entry of an upload that has ended."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def key_of(zip_file: Path, *more: str) -> str:
    """Return a key that is equal for equal zips with equal orders."""
    digest = hashlib.sha256()
    with zip_file.open("rb") as file:
        while block := file.read(1024 * 1024):
            digest.update(block)
    for text in more:
        digest.update(b"\0" + text.encode())
    return digest.hexdigest()
