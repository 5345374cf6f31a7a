"""XML bodies: answers are written from nested pairs, and requests are read safely."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.messages import Response

LISTS = "http://doc.s3.amazonaws.com/2006-03-01"
UPLOADS = "http://s3.amazonaws.com/doc/2006-03-01/"
# Characters that XML documents cannot contain.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN = re.compile(r"[\w \-.:/\"=+,@]*", re.ASCII)  # most texts: nothing in them needs a second look

Node = tuple[str, "str | Sequence[Node]"]  # an element's name, with its attributes if it has any, and its content


def xml_response(root: str, namespace: str, children: Sequence[Node], status: int = 200) -> Response:
    """Make an XML answer."""
    attribute = f" xmlns='{namespace}'" if namespace else ""
    body = f"<?xml version='1.0' encoding='UTF-8'?><{root}{attribute}>{_inner(children)}</{root}>"
    return Response(status, body.encode(), [("content-type", "application/xml; charset=UTF-8")])


def clean(text: str) -> str:
    """Escape a text; characters that no XML document may contain become question marks."""
    return text if _PLAIN.fullmatch(text) else escape(_FORBIDDEN.sub("?", text))


def read_xml(data: bytes) -> ElementTree.Element:
    """Parse a client's document; names lose their namespaces. Raises ApiError."""
    if b"\0" in data or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ApiError(INVALID, "A document type is not allowed.")
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - entities are refused above, and UTF-16, which would hide them
    except ElementTree.ParseError:
        raise ApiError(INVALID, "The XML you provided was not well-formed.") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _inner(children: Sequence[Node]) -> str:
    parts: list[str] = []
    for name, value in children:
        begin, end = _tags(name)
        parts += (begin, clean(value) if isinstance(value, str) else _inner(value), end)
    return "".join(parts)


@lru_cache(maxsize=256)
def _tags(name: str) -> tuple[str, str]:
    return f"<{name}>", f"</{name.partition(' ')[0]}>"
