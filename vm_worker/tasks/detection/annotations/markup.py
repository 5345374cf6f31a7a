"""Read XML without its dangerous parts: no entities, no document types, bounded depth and size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

DEPTH_MAX = 16  # elements inside each other; labels need 4
ELEMENTS_MAX = 100_000
TEXT_MAX = 1000  # characters of one element


class BadMarkup(ValueError):
    """The XML cannot be used; the message is the rest of a sentence."""


@dataclass
class Element:
    """An element of XML, with its text."""

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def first(self, name: str) -> Element | None:
        """Return the first child of this name."""
        return next(self.all(name), None)

    def all(self, name: str) -> Iterator[Element]:
        """Return the children of this name."""
        return (child for child in self.children if child.name == name)

    def text_of(self, name: str) -> str:
        """Return the text of the first child of this name; empty where there is none."""
        child = self.first(name)
        return child.text.strip() if child else ""


def parse(data: bytes) -> Element:
    """Return the root element. Raises BadMarkup."""
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise BadMarkup(f"is no valid XML at line {error.lineno}") from error
    except (ValueError, LookupError) as error:  # LookupError: an encoding that Python does not know
        raise error if isinstance(error, BadMarkup) else BadMarkup("is no valid XML") from error
    return builder.root.children[0]


class _Builder:
    """The elements that were read so far."""

    def __init__(self) -> None:
        self.root = Element("")
        self._open = [self.root]
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) > DEPTH_MAX or self._count > ELEMENTS_MAX:
            raise BadMarkup("is nested too deeply" if len(self._open) > DEPTH_MAX else "has too many elements")
        element = Element(name)
        self._open[-1].children.append(element)
        self._open.append(element)

    def end(self, name: str) -> None:
        self._open.pop()

    def characters(self, text: str) -> None:
        element = self._open[-1]
        element.text = (element.text + text)[:TEXT_MAX]

    def doctype(self, *_: object) -> None:
        raise BadMarkup("declares a document type or entities, which labels do not need")
