"""The folders of workers: one's own, those of the living, and those of the dead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vm_worker.scratch_folder import scratch_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from vm_worker.scratch_folder import scratch_folder
with scratch_folder(Path(sys.argv[1]), "killed") as room:
    (room / "dataset.zip").write_bytes(b"photos")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_worker_left_is_removed_by_the_next(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert (tmp_path / "killed" / "dataset.zip").exists()
    with scratch_folder(tmp_path, "next"):
        assert not (tmp_path / "killed").exists()


def test_the_living_keep_their_folders_and_strangers_theirs(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    with scratch_folder(tmp_path, "first") as first:
        (first / "dataset.zip").write_bytes(b"photos")
        with scratch_folder(tmp_path, "second"):
            assert (first / "dataset.zip").exists()
        assert not (tmp_path / "second").exists()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["holiday"]
