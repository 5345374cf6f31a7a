"""What a request may be: numbers with their reasons."""

from __future__ import annotations

BODY_BYTES = 64 * 1024 * 1024  # of a request: a few dozen phone photos
IMAGES = 32  # in a request: seconds of work, not minutes
LARGE = 256 * 1024  # bytes whose reading would keep others waiting: it is done in a thread
XML_BYTES = 48 * 1024 * 1024  # of an envelope; base64 makes a photo a third larger
HEAD_BYTES = 64 * 1024  # of a request: several times what browsers send
FRAME_SHARE = 16  # of a chunked body one part of so many more may be frames: six bytes for a chunk of a hundred
