"""Whatever a class is called, the mail keeps its tags, its lines and its size."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.mail.letters import report_mail
from tests.unit.mail.test_letters import HTML_BYTES_MAX, dirt
from tests.unit.report import samples
from tests.unit.report.pages import Page
from vm_worker import report

# Every character there is, and more of those that mean something to HTML, jinja2, mail or a terminal.
CHARACTERS = st.one_of(st.characters(exclude_categories=()), st.sampled_from("<>&\"'{}%#\\\r\n\t\x00\u202e\u2028:/@="))
NAMES = st.lists(st.text(CHARACTERS, max_size=40), min_size=4, max_size=4, unique=True)


@cache
def tame() -> tuple[list[tuple[str, tuple[str, ...]]], int]:
    """Tags and lines of the mail of four harmless classes."""
    mail = report_mail(report.build(samples.facts(("a", "b", "c", "d"), photos=15)))
    return Page(mail.html).tags, mail.text.count("\n")


@pytest.mark.parametrize("count", [15, pytest.param(200, marks=pytest.mark.slow)])
def test_any_four_names(count: int) -> None:
    @settings(max_examples=count, deadline=None)
    @given(names=NAMES)
    def kept(names: list[str]) -> None:
        mail = report_mail(report.build(samples.facts(names, photos=15)))
        assert (Page(mail.html).tags, mail.text.count("\n")) == tame()
        assert dirt(mail.text) == []
        assert len(mail.html.encode()) < HTML_BYTES_MAX

    kept()
