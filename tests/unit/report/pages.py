"""Reading HTML in tests: which tags, attributes and addresses a page has."""

from __future__ import annotations

from html.parser import HTMLParser

# Words that only the folded part of a report, and the end of its mail, may hold, in small letters.
SPECIALISTS = ("selected head", "the rule", "mcnemar", "temperature", "views", "epoch", "loss", "validation accuracy")


class Page(HTMLParser):
    """The skeleton of a page, without its words."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []  # with the names of their attributes
        self.addresses: list[str] = []  # of links and pictures
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "action", "background")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """All the words of the page, spaces evened."""
        return " ".join(" ".join(self.words).split())
