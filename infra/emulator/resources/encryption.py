"""Customer-supplied encryption keys, as far as a client can see them.

Nothing is encrypted here: the key's hash is kept, and without the same key the content is not given out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.messages import Request
from infra.emulator.resources.rows import ObjectRow

FIELD = "customerEncryption"
_KEY_BYTES = 32


def key_hash(request: Request, *, source: bool = False) -> str:
    """The base64 SHA-256 of the request's key; empty where it has none. Raises ApiError for what is no key."""
    prefix = "x-goog-copy-source-encryption-" if source else "x-goog-encryption-"
    text = request.header(prefix + "key")
    if not text:
        return ""
    if request.header(prefix + "algorithm") != "AES256":
        raise ApiError(INVALID, "The encryption algorithm must be AES256.")
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    found = base64.b64encode(hashlib.sha256(key).digest()).decode()
    if len(key) != _KEY_BYTES or request.header(prefix + "key-sha256") != found:
        raise ApiError(INVALID, "The encryption key must be 32 bytes in base64, with its SHA-256 in base64.")
    return found


def key_field(request: Request) -> dict[str, Any]:
    """What an object that is written with a key has in its resource; {} without."""
    found = key_hash(request)
    return {FIELD: {"encryptionAlgorithm": "AES256", "keySha256": found}} if found else {}


def check_key(row: ObjectRow, given: str) -> None:
    """Raises ApiError where the object has another key, or one where none was given, or the other way round."""
    held = row.config.get(FIELD, {}).get("keySha256", "")
    if held != given:
        missing = "The target object is encrypted by a customer-supplied encryption key."
        raise ApiError(INVALID, missing if not given else "The provided encryption key is incorrect.")


def key_headers(row: ObjectRow) -> list[tuple[str, str]]:
    """The headers that name the key of an object."""
    if FIELD not in row.config:
        return []
    held = row.config[FIELD]
    return [
        ("x-goog-encryption-algorithm", held["encryptionAlgorithm"]),
        ("x-goog-encryption-key-sha256", held["keySha256"]),
    ]
