"""Sentences of the documents that promise more than holds: each is checked against what the program does."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from infra.cli import demo, main, up
from tests.documents import ALL, README, ROOT, Page, page
from tests.unit.report import samples
from vm_worker import report
from vm_worker.results.exported import Exported

REPORT = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "templates/report").glob("*.html")))


def sentences(text: str) -> list[str]:
    """The sentences of a text, each on one line."""
    return re.split(r"(?<=[.:|])\s+", re.sub(r"\s+", " ", text))


def _same(text: str) -> list[str]:
    """The sentences that promise the same result again."""
    return [one for one in sentences(text) if re.search(r"same (?:result|model|figures|accuracy)\b", one)]


@pytest.mark.parametrize("document", ALL, ids=lambda document: document.name)
def test_no_page_promises_the_same_result_on_every_machine(document: Page) -> None:
    assert [one for one in _same(document.text) if re.search(r"\bseed\b", one)] == []


def test_the_report_says_what_a_busy_machine_changes() -> None:
    assert [one for one in _same(REPORT) if re.search(r"\bseed\b", one)] == []
    assert "how busy it is" in re.sub(r"\s+", " ", REPORT)
    row = next(row for row in page("using").table_after("| option |") if "`seed`" in row)
    assert "how busy it is" in row and "`trials` fixes their number" in row


def test_latency_is_promised_only_where_there_was_time() -> None:
    facts = samples.facts()
    rows = tuple(replace(row, latency=None) for row in facts.export.exports)
    late = report.build(replace(facts, export=Exported(rows, facts.export.files)))
    assert all(row["latency"] is None for row in late["exports"])
    assert "Latency" not in report.page(late, {})  # no such table
    shown = [one for one in sentences(page("formats").text) if re.search(r"report shows .*latency", one)]
    assert shown and all("where there was time" in one for one in shown)


def test_it_is_told_that_files_of_labels_are_read_too() -> None:
    """The page sends them, and tasks read them: kinds.js and the readers of annotations."""
    kinds = (ROOT / "templates/assets/kinds.js").read_text(encoding="utf-8")
    assert re.search(r"label", kinds)
    data = page("using").text.partition("## What happens to your data")[2].partition("\n## ")[0]
    read = [one for one in sentences(data) if re.search(r"\bare read\b", one)]
    assert read and all("files of labels" in one for one in read)


def test_what_each_command_keeps_is_told() -> None:
    """Only a demo downloads results to jobs/<id>/."""
    kept = next(one for one in sentences(README.text) if "`jobs/<id>/`" in one)
    assert kept.startswith("A demo downloads")
    source = {module.__name__: (ROOT / f"{module.__name__.replace('.', '/')}.py").read_text() for module in (demo, up)}
    assert '"jobs"' in source[demo.__name__] and '"jobs"' not in source[up.__name__]


def test_exit_statuses_are_those_that_the_commands_name() -> None:
    shown = set(page("using").first_cells("| exit status | means |"))
    apps = [main.app, *(group.typer_instance for group in main.app.registered_groups if group.typer_instance)]
    commands = [command for app in apps for command in app.registered_commands]
    helps = " ".join(command.callback.__doc__ or "" for command in commands if command.callback)
    named = set(re.findall(r"\b(\d+) (?:when|without)", re.sub(r"\s+", " ", helps)))
    assert {"0", "1", "2", "3"} <= named | {"0"} and named <= shown
