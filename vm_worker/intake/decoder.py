"""What runs in a decoding process: read a file's bytes once, decode, write the squares, answer.

The process trusts nothing it reads: its memory is limited, and the pool that owns it ends it when it takes too long.
"""

from __future__ import annotations

import hashlib
import os
import resource
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake import near
from vm_worker.intake.extents import DamagedEntry, Extent
from vm_worker.intake.images import BadImage, NotAnImage, read_squares

# Pixels a side. Fixed, so that duplicates and thus the split do not depend on what a run decodes; a multiple of
# the thumbnail's; and the commonest size of the candidates, so that it mostly costs nothing.
FINGERPRINT_SIZE = 224


@dataclass(frozen=True)
class Target:
    """Where in a .npy file a square goes."""

    path: str
    offset: int  # bytes
    size: int  # pixels a side


@dataclass(frozen=True)
class Task:
    """One photo to decode."""

    extent: Extent
    targets: tuple[Target, ...]  # empty: only look
    pixels_max: int


@dataclass(frozen=True)
class Reply:
    """What became of a photo."""

    reason: str | None = None  # why it cannot be used; None: it can
    is_picture: bool = True  # False: of no format that we read
    content: str = ""  # SHA-256 of the file's bytes, hex
    pixels: str = ""  # digest of the decoded picture, hex
    thumbnail: bytes = b""  # 32 x 32 grey
    fault: str | None = None  # our own trouble, such as a full disk


def decode(task: Task) -> Reply:
    """Decode one photo into its targets; never raises for a bad one."""
    try:
        return _decode(task)
    except NotAnImage as error:
        return Reply(reason=str(error), is_picture=False)
    except (BadImage, DamagedEntry) as error:
        return Reply(reason=str(error))
    except MemoryError:
        return Reply(reason="needs too much memory")
    except OSError as error:
        return Reply(fault=str(error))


def _decode(task: Task) -> Reply:
    data = task.extent.read()
    sizes = (FINGERPRINT_SIZE, *(target.size for target in task.targets))
    fingerprint, *squares = read_squares(data, sizes, task.pixels_max)
    for target, square in zip(task.targets, squares, strict=True):
        _write(target, square)
    pixels = hashlib.blake2b(fingerprint.tobytes(), digest_size=16).hexdigest()
    grey = near.thumbnail(fingerprint).tobytes()
    return Reply(content=hashlib.sha256(data).hexdigest(), pixels=pixels, thumbnail=grey)


def _write(target: Target, square: NDArray[np.uint8]) -> None:
    # Not through a memory map: on a full disk that ends the process, and the photo would be blamed.
    descriptor = os.open(target.path, os.O_WRONLY)
    try:
        rest, offset = memoryview(square.tobytes()), target.offset
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            rest, offset = rest[written:], offset + written
    finally:
        os.close(descriptor)


def serve(connection: Connection, memory_bytes: int) -> None:
    """Answer tasks until the other end closes: also when the parent was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not fill the disk
    _limit_memory(memory_bytes)
    try:
        connection.send(None)  # ready
        while True:
            connection.send(decode(connection.recv()))
    except (EOFError, ConnectionError):
        return


def _limit_memory(room: int) -> None:
    """Let this process grow by `room` bytes of address space and no more; where that cannot be set, go without."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:  # not Linux
        return
    wanted, hard = pages * resource.getpagesize() + room, resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
