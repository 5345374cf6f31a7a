"""The limits of a request to a service, with their reasons."""

from __future__ import annotations

from dataclasses import dataclass

BODY_BYTES = 64 * 1024 * 1024  # size of a request: a few dozen phone photos
IMAGES = 32  # photos in a request: seconds of work, not minutes
PIXELS = 400_000_000  # pixels of a request: 32 photos of a phone's 12 megapixels; about 10 s of one core
SECONDS = 60.0  # seconds after which no photo of a request is begun
MARKUP = 1000  # marks `<` and `=` of a SOAP envelope; a request needs about twenty
LARGE = 256 * 1024  # size from which on a body is read in a thread, so that other requests do not wait
ROOM_BYTES = 2 * BODY_BYTES  # size of all requests together, which even a small machine can spare
AGAIN_SECONDS = 1  # seconds after which a client that was refused for lack of memory may try again
XML_BYTES = 48 * 1024 * 1024  # size of a SOAP envelope; base64 makes a photo a third larger
HEAD_BYTES = 64 * 1024  # size of a request's head: several times what browsers send
# Bytes of a chunked body for which one byte of chunk frames is allowed: a chunk of a hundred bytes has six.
FRAME_SHARE = 16
SLOWEST = 8 * 1024  # bytes a second that a client must send: 512 connections can be held by 4 MB/s, not by a trickle
CONNECTIONS = 512  # most connections at the same time; further clients get 503 and may try again
SILENCE_SECONDS = 30.0  # seconds without data in the middle of a request: phones lose their network for so long


@dataclass(frozen=True)
class Patience:
    """The limits of one service that may differ from those above. Tests need it."""

    room_bytes: int = ROOM_BYTES  # bytes that the bodies of all requests may hold together
    large_bytes: int = LARGE  # bytes of a body from which on it is read in a thread
    silence_seconds: float = SILENCE_SECONDS
    pixels: float = PIXELS  # pixels of a request
    seconds: float = SECONDS  # seconds after which no photo of a request is begun
    connections: int = CONNECTIONS  # most connections at the same time
    slowest: float = SLOWEST  # bytes a second that a client must send
