"""Customer-supplied encryption keys, as far as a client can see them.

Nothing is encrypted here. The hash of the key is kept, and the content is given out only with the same key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.messages import Request
from infra.emulator.resources.reading import child
from infra.emulator.resources.rows import ObjectRow
from jobs.json_values import Json

FIELD = "customerEncryption"
_ALGORITHM = "AES256"
_KEY_BYTES = 32


def key_hash(request: Request, *, source: bool = False) -> str:
    """Return the base64 SHA-256 of the request's key; "" if it has none. Raises ApiError for a wrong key.

    `source`: use the key of the object that is copied, instead of the key of the new object.
    """
    prefix = "x-goog-copy-source-encryption-" if source else "x-goog-encryption-"
    text = request.header(prefix + "key")
    if not text:
        return ""
    if request.header(prefix + "algorithm") != _ALGORITHM:
        raise ApiError(INVALID, "The encryption algorithm must be AES256.")
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    found = base64.b64encode(hashlib.sha256(key).digest()).decode()
    if len(key) != _KEY_BYTES or request.header(prefix + "key-sha256") != found:
        raise ApiError(INVALID, "The encryption key must be 32 bytes in base64, with its SHA-256 in base64.")
    return found


def key_field(request: Request) -> dict[str, Json]:
    """Make the field of the resource that names the request's key; {} if the request has none."""
    found = key_hash(request)
    return {FIELD: {"encryptionAlgorithm": _ALGORITHM, "keySha256": found}} if found else {}


def check_key(row: ObjectRow, given: str) -> None:
    """Check the hash of a key against that of the object's key. Raises ApiError if they differ, or one is missing."""
    held = child(row.config, FIELD).get("keySha256", "")
    if held != given:
        missing = "The target object is encrypted by a customer-supplied encryption key."
        raise ApiError(INVALID, missing if not given else "The provided encryption key is incorrect.")


def key_headers(row: ObjectRow) -> list[tuple[str, str]]:
    """Make the headers that name the key of an object; [] if it has none."""
    held = child(row.config, FIELD)
    if not held:
        return []
    return [
        ("x-goog-encryption-algorithm", str(held["encryptionAlgorithm"])),
        ("x-goog-encryption-key-sha256", str(held["keySha256"])),
    ]
