"""Elements of the service's own XML names, with texts that XML can hold."""

from __future__ import annotations

from xml.etree import ElementTree

NAMESPACE = "urn:modelmail:service:1"

Element = ElementTree.Element


def ours(name: str) -> str:
    """Return a name of the service's namespace, as ElementTree writes it."""
    return f"{{{NAMESPACE}}}{name}"


def add(parent: Element, name: str, text: str = "") -> Element:
    """Add an element with a text, and return it."""
    made = ElementTree.SubElement(parent, ours(name))
    made.text = "".join(map(_allowed, text)) or None
    return made


def _allowed(character: str) -> str:
    """Return the character, or a replacement for one that XML 1.0 (section 2.2) cannot hold even escaped."""
    allowed = character in "\t\n\r" or " " <= character <= "\ud7ff" or "\ue000" <= character <= "\ufffd"
    return character if allowed or character >= "\U00010000" else "\ufffd"
