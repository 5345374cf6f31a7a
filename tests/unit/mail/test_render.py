"""The one jinja2 environment: strict, escaping HTML, cleaning what it shows."""

from __future__ import annotations

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from jobs import render as rendering
from jobs.render import render


def test_a_missing_value_is_an_error_not_a_hole() -> None:
    with pytest.raises(UndefinedError):
        render("mail/operator.txt", short_id="abc")


def test_a_missing_template_is_an_error() -> None:
    with pytest.raises(TemplateNotFound):
        render("mail/none.txt")


@pytest.mark.parametrize(
    ("template", "escaped"),
    [("a.html", True), ("a.html.j2", True), ("a.css", True), (None, True), ("a.txt", False)],  # unknown kinds are safe
)
def test_only_text_is_not_escaped(template: str | None, escaped: bool) -> None:
    assert rendering._is_markup(template) is escaped


def test_tags_of_a_template_leave_no_lines() -> None:
    template = rendering._environment().from_string(
        "{% if true %}\n  {% if true %}\nx\n  {% endif %}\n{% endif %}\nend\n"
    )
    assert template.render() == "x\nend\n"


def test_values_lose_controls_and_keep_their_escapes() -> None:
    template = rendering._environment().from_string("{{ value }}|{{ value | code }}")
    shown = template.render(value="<b>\n\u202e")
    assert shown == "&lt;b&gt; |&lt;b&gt;\n\u202e"  # program text is our own and keeps its lines
