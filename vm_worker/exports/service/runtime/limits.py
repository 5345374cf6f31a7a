"""The limits of a request to a service: numbers with their reasons."""

from __future__ import annotations

from dataclasses import dataclass

BODY_BYTES = 64 * 1024 * 1024  # of a request: a few dozen phone photos
IMAGES = 32  # in a request: seconds of work, not minutes
LARGE = 256 * 1024  # bytes whose reading would keep others waiting: it is done in a thread
ROOM_BYTES = 2 * BODY_BYTES  # of all requests together: what a small machine can lose
AGAIN_SECONDS = 1  # after which a client that found no room may come back
XML_BYTES = 48 * 1024 * 1024  # of an envelope; base64 makes a photo a third larger
HEAD_BYTES = 64 * 1024  # of a request: several times what browsers send
FRAME_SHARE = 16  # of a chunked body one part of so many more may be frames: six bytes for a chunk of a hundred
SILENCE_SECONDS = 30.0  # of a client in the middle of a request: phones lose their network for so long


@dataclass(frozen=True)
class Patience:
    """The limits of one service that may differ from those above, as tests need it."""

    room_bytes: int = ROOM_BYTES  # that the bodies of all requests may hold together
    large_bytes: int = LARGE  # from which on a body is read in a thread
    silence_seconds: float = SILENCE_SECONDS
