"""Memory maps: pages are given back, and the room on the disk is taken first."""

from __future__ import annotations

import errno
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from vm_worker.intake.memory_maps import created, give_back, taken

ROWS, SIDE = 400, 224  # 60 MB


@pytest.fixture
def pixels(tmp_path: Path) -> np.memmap:
    values = created(tmp_path / "squares.npy", np.uint8, (ROWS, SIDE, SIDE, 3))
    values[:] = np.arange(ROWS, dtype=np.uint8)[:, None, None, None]
    return values


def resident(values: np.memmap) -> int:
    """Return how many bytes of the array count as this process's memory."""
    address, found = f"{values.__array_interface__['data'][0] - values.offset:x}-", ""
    for line in Path("/proc/self/smaps").read_text().splitlines():
        found = line.split()[0] if "-" in line.split()[0] else found
        if found.startswith(address) and line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no mapping at {address}")


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells what a mapping takes")
def test_rows_that_were_taken_no_longer_count_as_memory(pixels: np.memmap) -> None:
    assert resident(pixels) >= pixels.nbytes
    for start in range(0, ROWS, 50):
        assert (taken(pixels, np.arange(start, start + 50))[:, 0, 0, 0] == np.arange(start, start + 50) % 256).all()
        assert resident(pixels) < pixels.nbytes / 4


def test_what_was_written_is_still_there(pixels: np.memmap, tmp_path: Path) -> None:
    pixels[7] = 77
    give_back(pixels)
    assert (pixels[7] == 77).all()
    assert (np.load(tmp_path / "squares.npy")[7] == 77).all()


def test_a_file_has_the_room_of_its_values_and_no_more(tmp_path: Path) -> None:
    created(tmp_path / "a.npy", np.float32, (30, 7))
    np.save(tmp_path / "b.npy", np.zeros((30, 7), np.float32))
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_an_array_in_memory_is_taken_from_as_well() -> None:
    values = np.arange(12).reshape(4, 3)
    assert taken(values, np.array([2, 0])).tolist() == [[6, 7, 8], [0, 1, 2]]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Limit this process's files to so many bytes; beyond it EFBIG is raised, as ENOSPC on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_too_large_a_file_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    with files_of_at_most(1_000_000), pytest.raises(OSError) as caught:
        created(tmp_path / "features.npy", np.float32, (1000, 1280))
    assert caught.value.errno in (errno.EFBIG, errno.ENOSPC)


def test_a_full_disk_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    """Check on a file system of 1 MB, where this user may mount one, with a file of 5 MB."""
    program = (
        "import sys, numpy as np; from pathlib import Path; from vm_worker.intake.memory_maps import created\n"
        "try: created(Path(sys.argv[1]) / 'x.npy', np.float32, (1000, 1280))[:] = 1\n"
        "except OSError as error: print(error.errno)\n"
    )
    script = 'mount -t tmpfs -o size=1M none "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    done = subprocess.run(
        [*command, str(tmp_path), sys.executable, program], capture_output=True, text=True, check=False
    )
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this user may not mount a file system")
    assert done.stdout.strip() == str(errno.ENOSPC), done.stderr
