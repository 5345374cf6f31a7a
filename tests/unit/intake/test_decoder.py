"""What a decoding process answers, how it writes, and what it may do."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import socket
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.unit.intake.crafted import encoded, photo, picture
from vm_worker.intake.decoder import DecodeTask, Reply, Target, decode
from vm_worker.intake.extents import DamagedEntry, Extent, Shape
from vm_worker.intake.images import BadImage, NotAnImage, read_square
from vm_worker.intake.pool import Decoders

PIXELS = 40_000_000


@dataclass(frozen=True)
class Raising(Extent):
    """An extent that cannot be read."""

    error: Exception | None = None

    def read(self) -> bytes:
        assert self.error is not None
        raise self.error


def failed(error: Exception) -> Reply:
    return decode(DecodeTask(Raising("nowhere", 0, 0, 0, error=error), (), PIXELS))


def test_each_failure_has_its_reply() -> None:
    nothing = Shape(0, 0)
    assert failed(NotAnImage("is a song")) == Reply("is a song", is_picture=False, shape=nothing)
    assert failed(BadImage("is damaged")) == Reply("is damaged", is_picture=True, shape=nothing)
    assert failed(DamagedEntry("cannot be opened")) == Reply("cannot be opened", is_picture=True, shape=nothing)
    assert failed(MemoryError()) == Reply("needs too much memory", is_picture=True, shape=nothing)
    assert failed(OSError(28, "No space")) == Reply(None, fault=(28, "No space"))
    for error in (Reply(), failed(BadImage("is damaged"))):
        assert (error.content, error.pixels, error.thumbnail, error.grey_peak, error.taken) == ("", "", b"", 0, None)


def extent(data: bytes, folder: Path) -> Extent:
    (folder / "photo").write_bytes(data)
    return Extent(str(folder / "photo"), 0, len(data), len(data))


def test_a_photo_is_told_by_its_digests_and_its_shape(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture(3, 90, 60), exif=exif)
    reply = decode(DecodeTask(extent(data, tmp_path), (), PIXELS))
    square = read_square(tmp_path / "photo", 224)
    assert reply.content == hashlib.sha256(data).hexdigest()
    assert reply.pixels == hashlib.blake2b(square.tobytes(), digest_size=16).hexdigest()
    grey = np.frombuffer(reply.thumbnail, np.uint8).reshape(32, 32)
    cells = (square @ [0.299, 0.587, 0.114]).reshape(32, 7, 32, 7).mean(axis=(1, 3))
    assert np.abs(grey - cells).max() <= 0.51
    assert reply.shape == Shape(90, 60, 6)
    assert (reply.reason, reply.is_picture, reply.grey_peak, reply.taken, reply.fault) == (None, True, 0, None, None)


def test_pictures_of_sixteen_bits_are_read_by_their_white(tmp_path: Path) -> None:
    data = encoded(Image.fromarray(np.full((8, 8), 2000, np.uint16)))
    task = DecodeTask(extent(data, tmp_path), (), PIXELS)
    assert decode(task).grey_peak == 2000
    assert set(decode(task).thumbnail) == {8}
    assert set(decode(replace(task, grey_white=4000)).thumbnail) == {128}


def test_a_square_is_written_whole_whatever_the_system_takes_at_a_time(tmp_path: Path) -> None:
    whole, path = os.pwrite, tmp_path / "squares"
    path.write_bytes(b"x" * 2000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", lambda file, data, offset: whole(file, data[:100], offset))
        decode(DecodeTask(extent(photo(1), tmp_path), (Target(str(path), 50, 16),), PIXELS))
    square = read_square(tmp_path / "photo", 16).tobytes()
    assert path.read_bytes() == b"x" * 50 + square + b"x" * (2000 - 50 - len(square))
    files = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    decode(DecodeTask(extent(photo(1), tmp_path), (Target(str(path), 50, 16),) * 9, PIXELS))
    assert len(os.listdir("/proc/self/fd") if files else ()) == files  # each is closed


class _Allowed(Extent):
    """An extent that tells, as the fault of a photo, what its process may do."""

    def read(self) -> bytes:
        try:
            socket.socket().close()
            network = "network"
        except OSError:
            network = "no network"
        most, taken = resource.getrlimit(resource.RLIMIT_AS)[0], Path("/proc/self/statm").read_text().split()[0]
        room = most - int(taken) * resource.getpagesize()
        ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        ignored = ignored and signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())  # from the start
        raise DamagedEntry(f"{network};{resource.getrlimit(resource.RLIMIT_CORE)};{ignored};{room >> 20}")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux bounds a process so")
def test_a_decoding_process_may_do_little(decoders: Decoders) -> None:
    ((_, reply),) = decoders.run([DecodeTask(_Allowed("nowhere", 0, 0, 0), (), PIXELS)])
    network, core, ignored, room = str(reply.reason).split(";")
    assert (network, core, ignored) == ("no network", "(0, 0)", "True")
    assert 1200 < int(room) <= 1536  # MiB, of which some are taken by now
