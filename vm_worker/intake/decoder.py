"""Decode one photo in a process of its own: read the file's bytes, decode, write the squares, answer.

A hostile photo can do little harm here: the process has limited memory and no network, and its pool ends it when it
takes too long.
"""

from __future__ import annotations

import hashlib
import os
import resource
import signal
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from vm_worker.intake import near_duplicates
from vm_worker.intake.arrays import Pixels
from vm_worker.intake.extents import DamagedEntry, Extent, Shape
from vm_worker.intake.files.grey import GREY_16_MAX
from vm_worker.intake.images import BadImage, NotAnImage, grey_peak, read_measured
from vm_worker.intake.recordings.camera_clock import taken_at
from vm_worker.processes.no_network import forbid_network

# Pixels a side of the picture that duplicates are found by. It is fixed, so that the split does not depend on the sizes
# that a run decodes. It is a multiple of the thumbnail's side, and the most common input size of the networks, so that
# it mostly costs nothing.
FINGERPRINT_SIZE = 224


@dataclass(frozen=True)
class Target:
    """The place in a .npy file that a square picture is written to."""

    path: str
    offset: int  # bytes
    size: int  # pixels a side


@dataclass(frozen=True)
class DecodeTask:
    """A photo to decode."""

    extent: Extent
    targets: tuple[Target, ...]  # empty: only check the photo
    pixels_max: int  # width times height
    grey_white: int = GREY_16_MAX  # the value that is white in pictures of 16 bits


@dataclass(frozen=True)
class Reply:
    """The result of decoding a photo."""

    reason: str | None = None  # why it cannot be used; None: it can be used
    is_picture: bool = True  # False: its format is none that we read
    content: str = ""  # SHA-256 of the file's bytes, hex
    pixels: str = ""  # digest of the decoded picture, hex
    thumbnail: bytes = b""  # 32 x 32 grey
    grey_peak: int = 0  # the largest value of a grey picture of 16 bits; 0 for all others
    shape: Shape = field(default_factory=lambda: Shape(0, 0))  # of the photo; without pixels where it cannot be used
    taken: float | None = None  # seconds by the camera's clock; None: not known
    fault: tuple[object, ...] | None = None  # the arguments of an OSError: a fault of this machine, such as a full disk


def decode(task: DecodeTask) -> Reply:
    """Decode one photo into its targets. A bad photo raises no error: the reply says the reason."""
    try:
        return _decode(task)
    except NotAnImage as error:
        return Reply(reason=str(error), is_picture=False)
    except (BadImage, DamagedEntry) as error:
        return Reply(reason=str(error))
    except MemoryError:
        return Reply(reason="needs too much memory")
    except OSError as error:
        return Reply(fault=error.args)


def _decode(task: DecodeTask) -> Reply:
    data = task.extent.read()
    sizes = (FINGERPRINT_SIZE, *(target.size for target in task.targets))
    (fingerprint, *squares), shape = read_measured(data, sizes, task.pixels_max, task.grey_white)
    for target, square in zip(task.targets, squares, strict=True):
        _write(target, square)
    pixels = hashlib.blake2b(fingerprint.tobytes(), digest_size=16).hexdigest()
    grey = near_duplicates.thumbnail(fingerprint).tobytes()
    content, where = hashlib.sha256(data).hexdigest(), Shape(*shape)
    return Reply(None, True, content, pixels, grey, grey_peak(data), where, taken_at(data))


def _write(target: Target, square: Pixels) -> None:
    # Not by a memory map: on a full disk that would end the process, and the photo would seem to be at fault.
    descriptor = os.open(target.path, os.O_WRONLY)
    try:
        rest, offset = memoryview(square.tobytes()), target.offset
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            rest, offset = rest[written:], offset + written
    finally:
        os.close(descriptor)


def serve_alone(connection: Connection, memory_bytes: int) -> None:
    """Answer tasks as `serve` does, in a process that may not use the network from then on, where the system can."""
    forbid_network()  # a flaw of a decoder must not reach the machine's account
    serve(connection, memory_bytes)


def serve(connection: Connection, memory_bytes: int) -> None:
    """Answer tasks until the other end closes, even when the parent process was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not fill the disk
    _limit_memory(memory_bytes)
    try:
        connection.send(None)  # ready
        while True:
            connection.send(decode(connection.recv()))
    except (EOFError, ConnectionError):
        return


def _limit_memory(room: int) -> None:
    """Limit the growth of this process to `room` bytes of address space; do nothing where that cannot be set."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:  # not Linux
        return
    wanted, hard = pages * resource.getpagesize() + room, resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
