"""Reading entries, and decoding processes that die, hang or run out of memory: nothing is left behind."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.unit.intake.crafted import deflated, encoded, photo, picture
from vm_worker.intake.decoder import DecodeTask, Reply, Target, decode, serve
from vm_worker.intake.extents import DamagedEntry, Extent
from vm_worker.intake.images import read_square
from vm_worker.intake.pool import Bounds, DecoderFault, Decoders

PIXELS = 40_000_000


def _file(data: bytes, folder: Path, name: str = "a") -> Extent:
    path = folder / name
    path.write_bytes(data)
    return Extent(str(path), 0, len(data), len(data))


def _entry(packed: bytes, size: int, folder: Path, crc: int = 0) -> Extent:
    path = folder / "a.zip"
    path.write_bytes(b"head" + packed)
    return Extent(str(path), 4, len(packed), size, zipfile.ZIP_DEFLATED, crc)


def test_reads_an_entry(tmp_path: Path) -> None:
    data = b"meow" * 100
    assert _entry(deflated(data), 400, tmp_path, zlib.crc32(data)).read() == data


@pytest.mark.parametrize(
    ("packed", "size"),
    [
        (deflated(b"meow" * 100), 399),  # unpacks to more than declared
        (deflated(b"meow" * 100), 401),  # to less
        (deflated(b"meow" * 100), 400),  # as declared, but the checksum is another's
        (deflated(b"meow" * 100)[:-4], 400),
        (b"\xff" * 20, 400),
        (deflated(b""), 1),
    ],
)
def test_an_entry_that_is_not_what_it_says_is_damaged(packed: bytes, size: int, tmp_path: Path) -> None:
    with pytest.raises(DamagedEntry):
        _entry(packed, size, tmp_path).read()


def test_a_bomb_is_unpacked_no_further_than_declared(tmp_path: Path) -> None:
    bomb = deflated(b"\0" * 200_000_000)
    extent = _entry(bomb, 10, tmp_path)
    tracemalloc.start()
    with pytest.raises(DamagedEntry):
        extent.read()
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_photo_of_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(DamagedEntry, match="cannot be opened"):
        Extent(str(tmp_path / "gone.jpg"), 0, 1, 1).read()


def _target(folder: Path, size: int) -> Target:
    path = folder / f"{size}.raw"
    path.write_bytes(b"")
    return Target(str(path), 10, size)


def test_decodes_into_every_target(tmp_path: Path) -> None:
    extent = _file(photo(1), tmp_path)
    targets = (_target(tmp_path, 8), _target(tmp_path, 16))
    reply = decode(DecodeTask(extent, targets, PIXELS))
    assert reply.reason is None
    assert len(reply.content) == 64
    for target in targets:
        square = np.frombuffer(Path(target.path).read_bytes()[10:], dtype=np.uint8)
        assert (square == read_square(extent.path, target.size).ravel()).all()


def test_same_pixels_in_another_file_are_seen(tmp_path: Path) -> None:
    replies = [
        decode(DecodeTask(_file(encoded(picture(1), kind), tmp_path, kind), (), PIXELS))
        for kind in ("PNG", "BMP", "JPEG")
    ]
    png, bmp, jpeg = replies
    assert png.pixels == bmp.pixels != jpeg.pixels
    assert len({reply.content for reply in replies}) == 3


def test_says_why_a_photo_is_no_good(tmp_path: Path) -> None:
    assert decode(DecodeTask(_file(b"text", tmp_path), (), PIXELS)) == Reply(
        reason="is not a JPEG, PNG, WebP, GIF, BMP, AVIF or HEIC picture", is_picture=False
    )
    assert "0.0004 megapixels" in str(decode(DecodeTask(_file(photo(1), tmp_path), (), 100)).reason)
    assert decode(DecodeTask(Extent(str(tmp_path / "gone"), 0, 1, 1), (), PIXELS)).reason == "cannot be opened"


def test_a_fault_of_the_machine_is_not_the_photos(tmp_path: Path) -> None:
    missing = Target(str(tmp_path / "no" / "where.npy"), 0, 8)
    assert decode(DecodeTask(_file(photo(1), tmp_path), (missing,), PIXELS)).fault
    assert decode(DecodeTask(Extent(str(tmp_path / "gone.zip"), 0, 1, 1, crc=0), (), PIXELS)).fault


@pytest.fixture
def keeps_process_settings() -> Iterator[None]:
    import resource

    handler, limits = signal.getsignal(signal.SIGINT), resource.getrlimit(resource.RLIMIT_AS)
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)
    signal.signal(signal.SIGINT, handler)


@pytest.mark.usefixtures("keeps_process_settings")
def test_serves_until_the_other_end_closes(tmp_path: Path) -> None:
    ours, theirs = multiprocessing.Pipe()
    ours.send(DecodeTask(_file(photo(1), tmp_path), (), PIXELS))
    # Closing at once would lose what it answers; a half-closed pipe needs another process.
    reader = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"], pass_fds=[ours.fileno()])
    ours.close()
    try:
        serve(theirs, 1 << 40)
    finally:
        reader.wait()
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


class _Odd:
    """An object whose pickle makes a call in the decoding process."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self._call = (call, arguments)

    def __reduce__(self) -> Any:
        return self._call


def _die() -> None:
    """End the process at once. `os._exit` itself cannot be sent: where coverage is measured, it is a local function."""
    os._exit(1)


def _tasks(folder: Path, odd: dict[int, Any], count: int = 8) -> list[DecodeTask]:
    return [DecodeTask(odd.get(n) or _file(photo(n), folder, str(n)), (), PIXELS) for n in range(count)]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_photo_that_kills_its_process_is_named_and_the_rest_is_read(processes: int, tmp_path: Path) -> None:
    with Decoders(processes) as pool:
        replies = dict(pool.run(_tasks(tmp_path, {0: _Odd(_die), 5: _Odd(_die)})))
    assert sorted(replies) == list(range(8))
    assert {n: reply.reason for n, reply in replies.items() if reply.reason} == dict.fromkeys(
        (0, 5), "breaks the decoder"
    )


def test_a_photo_that_takes_too_long_is_named(tmp_path: Path) -> None:
    with Decoders(1, Bounds(image_seconds=1.5)) as pool:
        replies = dict(pool.run(_tasks(tmp_path, {2: _Odd(time.sleep, 600)}, count=5)))
    assert {n: reply.reason for n, reply in replies.items() if reply.reason} == {2: "takes too long to decode"}


def test_a_photo_that_needs_too_much_memory_is_named(tmp_path: Path) -> None:
    huge = _file(encoded(Image.new("L", (6000, 6000))), tmp_path, "huge")
    with Decoders(1, Bounds(memory_bytes=64 * 1024 * 1024)) as pool:
        replies = dict(pool.run(_tasks(tmp_path, {1: huge}, count=3)))
    assert {n: reply.reason for n, reply in replies.items() if reply.reason} == {1: "needs too much memory"}


def test_a_full_disk_is_our_fault(tmp_path: Path) -> None:
    missing = Target(str(tmp_path / "no" / "where.npy"), 0, 8)
    with Decoders(1) as pool, pytest.raises(OSError, match="No such file") as caught:
        list(pool.run([DecodeTask(_file(photo(1), tmp_path), (missing,), PIXELS)]))
    assert caught.value.errno == errno.ENOENT  # by which a full disk is told from others


def test_processes_that_do_not_start_are_our_fault(tmp_path: Path) -> None:
    with Decoders(1, Bounds(start_seconds=0)) as pool, pytest.raises(DecoderFault):
        list(pool.run(_tasks(tmp_path, {})))


def test_a_run_given_up_half_way_does_not_disturb_the_next(tmp_path: Path) -> None:
    tasks = _tasks(tmp_path, {})
    with Decoders(2) as pool:
        next(iter(pool.run(tasks)))
        assert sorted(index for index, _ in pool.run(tasks[:3])) == [0, 1, 2]
        assert list(pool.run([])) == []


PARENT = """
import sys, time
from vm_worker.intake.pool import Decoders
from vm_worker.intake.decoder import DecodeTask
from vm_worker.intake.extents import Extent
if __name__ == "__main__":
    pool = Decoders(2)
    extent = Extent(sys.argv[1], 0, 1, 1)
    list(pool.run([DecodeTask(extent, (), 1)] * 4))
    print(*[process._process.pid for process in pool._processes], flush=True)
    time.sleep(600)
"""


def test_a_killed_parent_leaves_no_child(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "gone")], stdout=subprocess.PIPE, text=True, env=_environment()
    )
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    assert children
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while any(_alive(pid) for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _environment() -> dict[str, str]:
    root = Path(__file__).parents[3]
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(root)}


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_decoding_processes_stay_light() -> None:
    code = "import sys, vm_worker.intake.decoder, vm_worker.intake.take_in; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment(), timeout=60
    )
    assert {"tensorflow", "keras", "pandas", "sklearn"} & set(done.stdout.split()) == set()
