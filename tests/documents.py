"""Read the documents: their code, tables, links and anchors. The tests of the documents share this."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.M)
TABLE = re.compile(r"^\|.*\n\|[-|]+\n((?:\|.*\n)+)", re.M)


@dataclass(frozen=True)
class Page:
    """One document: its name, relative to the repository's root with slashes, and its text."""

    name: str
    text: str

    @property
    def prose(self) -> str:
        """The text without fenced code and without code spans, where links and headings stand."""
        return SPAN.sub("", FENCE.sub("", self.text))

    @property
    def code_lines(self) -> list[str]:
        """Every line of fenced code, and every code span. A line that ends in a backslash is one with the next."""
        blocks = [body.replace("\\\n", " ") for _, body in FENCE.findall(self.text)]
        lines = [line.strip() for body in blocks for line in body.splitlines()]
        return [line for line in lines if line] + SPAN.findall(FENCE.sub("", self.text))

    @property
    def anchors(self) -> set[str]:
        """The anchors that GitHub makes of the headings."""
        headings = HEADING.findall(FENCE.sub("", self.text))
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    @property
    def links(self) -> list[str]:
        """The targets of all links and pictures."""
        return LINK.findall(self.prose)

    def table_after(self, text: str) -> list[str]:
        """The rows of the first table that begins at or after `text`; AssertionError where there is none."""
        assert text in self.text, f"{self.name} does not hold {text!r}"
        table = TABLE.search(self.text, self.text.index(text))
        assert table, f"{self.name} has no table after {text!r}"
        return table[1].splitlines()

    def first_cells(self, text: str) -> list[str]:
        """The first cell of each row of that table, without backticks."""
        return [row.split("|")[1].strip(" `") for row in self.table_after(text)]


def _read(path: Path) -> Page:
    return Page(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


FILES = [
    *(ROOT / f"{name}.md" for name in ("README", "SECURITY", "CHANGELOG")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "infra").glob("*/README.md")),
]
PAGES = {page.name: page for page in map(_read, FILES)}
README, SECURITY, CHANGELOG = (PAGES[f"{name}.md"] for name in ("README", "SECURITY", "CHANGELOG"))
ALL = list(PAGES.values())


def page(name: str) -> Page:
    """The page docs/<name>.md; KeyError where it is missing."""
    return PAGES[f"docs/{name}.md"]
