"""The mail of a task without a template of its own fits a phone, and shows the pictures that it carries."""

from __future__ import annotations

from tests.unit.mail.letters import PNG, report_mail
from tests.unit.report import samples
from vm_worker import report

HEADS = ["class", "labelled", "found", "missed", "without a label", "AP50", "AP"]
WIDE = {"title": "Class by class", "paragraphs": ["Two."], "columns": HEADS, "rows": [[f"c{n}" for n in range(7)]]}
FIRST = {"title": "How well it counts", "paragraphs": ["One."], "columns": ["counted"], "rows": [["seals"]]}


def test_pictures_are_shown_and_wide_tables_cut() -> None:
    built = {
        **report.build(samples.facts()),
        "task": "detection",
        "sections": [FIRST, WIDE],
        "mail_pictures": ["counts.png", "curves.png"],
    }
    mail = report_mail(built, {"counts.png": PNG})
    assert [picture.cid for picture in mail.pictures] == ["counts"]
    assert mail.html.index("One.") < mail.html.index('src="cid:counts"') < mail.html.index("Two.")
    assert "On the line the count is exact." in mail.html and "cid:curves" not in mail.html
    assert "c4" in mail.html and "c5" not in mail.html and "AP50" not in mail.html
    assert mail.html.count("The other columns are in the") == 1
    assert "c6" in mail.text and "AP50" in mail.text
