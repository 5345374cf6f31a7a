"""Photos as text: base64 in each of the forms that browsers and libraries write."""

from __future__ import annotations

import base64
import re

# A data URL's head (RFC 2397), as FileReader.readAsDataURL and canvas.toDataURL write it.
HEAD = r"data:[A-Za-z0-9.+/;= -]*;base64,"
# Letters of both alphabets (RFC 4648, sections 4 and 5), with or without padding and line breaks, of at least a byte.
_LETTER = r"(?:[A-Za-z0-9+/_-][ \t\r\n]*)"
PATTERN = rf"^(?:{HEAD})?[ \t\r\n]*(?:{_LETTER}{{4}})*{_LETTER}{{2,4}}(?:=[ \t\r\n]*){{0,2}}$"

_HEAD = re.compile(HEAD)
_PLAIN = str.maketrans("-_", "+/", " \t\r\n")


def decoded(text: str) -> bytes:
    """Return the bytes. Raises ValueError for text that is no base64."""
    head = _HEAD.match(text)
    letters = text[head.end() if head else 0 :].translate(_PLAIN)
    bare = letters.rstrip("=")
    if len(letters) - len(bare) > 2:
        raise ValueError("more padding than base64 has")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
