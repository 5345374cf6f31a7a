"""What a request may be: numbers with their reasons."""

from __future__ import annotations

BODY_BYTES = 64 * 1024 * 1024  # of a request: a few dozen phone photos
IMAGES = 32  # in a request: seconds of work, not minutes
XML_BYTES = 48 * 1024 * 1024  # of an envelope; base64 makes a photo a third larger
