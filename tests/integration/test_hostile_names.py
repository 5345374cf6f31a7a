"""Hostile names of classes and files, from the upload to the last thing that a person reads."""

from __future__ import annotations

import csv
import json
import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import UserError
from jobs.job import JobError
from jobs.mail import letters
from jobs.mail.message import FileMailer, Mail
from tests.unit.intake.crafted import class_files, photo, raw_files, raw_zip
from tests.unit.intake.lies import FEW
from tests.unit.mail.letters import HEAD, JOB
from tests.unit.report import samples
from vm_worker import report
from vm_worker.evaluation.tables import FORMULA_STARTS
from vm_worker.exports.files import write_labels
from vm_worker.intake.names import SHOWN_LENGTH
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.tasks.uploads import take_in

UTF8 = 0x800
PHOTOS = 6  # a class
JSON_DATA = {f"data-{name}" for name in ("cell", "classes", "sureness", "folder", "name", "says", "facts")}
# As names of classes and, with an ending, of files. Sorted like "class 00" and so on by the digits in front.
STRINGS = (
    "<script>alert(1)<|script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "<!--", "]]>",
    "<|style><|td>",
    "&lt;b&gt;&#60;", "javascript:alert(1)", "{{ 7*7 }}{% raw %}", "{{ config }}{# #}", "${7*7}<%= 7 %>#{7}",
    "{}{0}{x!r:>99}",
    "%s%n%d%(x)s", "$$", "$\\frac{1}{$", "$x^2$ and _{y}", "=cmd|' |C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1",
    "\r\n=1+1", "line\nbreak\r\nBcc: victim@example.org", "\x00-free \x01\x07\x08\x0b\x0c\x1c\x7f\x85",
    "\x1b[31mred\x1b]0;title\x07",
    "pho\u202egpj.exe", "\u2066\u2067\u2068\u2069\u200e\u200f\u061c", "\u2028\u2029", "\ufeffBOM",
    "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪",
    "纸板プラスチック종이", "تفاحة שלום",
    "Z̷̡̢͇̪͓a̴̛̟l̵̰̕g̸̨o̶̲͝" * 20, "\U000e0041\U000f1234\ufffe", "x" * 10_000, "&" * 3_000, "http:||evil.example|win",
    "www.evil.example",
    "   ", "None", "nan", "true", "items", "__class__", "model.h5", "-" * 300, "\\server\\share", "CON", "%2e%2e%2f",
    "\"'`;|$(id)",
)  # fmt: skip


class _Tags(HTMLParser):
    """Each tag with all its attributes and their values; of pictures in the page, and of data for scripts, their kind.

    Data for scripts are JSON, of any names: HTMLParser has read them back, so they must be JSON still.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: Counter[tuple[Any, ...]] = Counter()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[(tag, *((name, _kind(name, str(value))) for name, value in attrs))] += 1

    def handle_endtag(self, tag: str) -> None:
        self.found[("/", tag)] += 1

    def handle_comment(self, data: str) -> None:
        self.found[("comment", data)] += 1

    def handle_decl(self, decl: str) -> None:
        self.found[("declaration", decl)] += 1

    def handle_data(self, data: str) -> None:
        self.text += data


def _kind(name: str, value: str) -> str:
    if name in JSON_DATA:
        return type(json.loads(value)).__name__
    return "data:" if value.startswith("data:") else value


@dataclass(frozen=True)
class Journey:
    """Everything that people get to read of one upload."""

    dataset: LabelledPhotos
    page: str
    mails: tuple[Mail, ...]
    folder: Path


def _class(number: int, text: str) -> str:
    # NUL and slashes have meanings of their own in zips, and their own tests.
    return f"{number:02} {text}".replace("/", "|").replace("\\", "|").replace("\0", "")


def _upload(names: tuple[str, ...], path: Path) -> Path:
    files: dict[str, bytes] = {}
    for number, text in enumerate(names):
        name = _class(number, text)
        files |= {f"{name}/{name[:200]} {n}.jpg": photo(100 * number + n) for n in range(PHOTOS)}
    # One broken photo, and one file that is none, of the same name.
    first = _class(0, names[0])
    files |= {f"{first}/{_class(0, text)[:200]}{number}.txt": b"x" for number, text in enumerate(names)}
    files[f"{first}/{first}.png"] = b"\x89PNG"
    return raw_zip(raw_files(files, UTF8), path)


def _refused(names: tuple[str, ...], folder: Path) -> UserError:
    files = class_files({_class(number, text): 1 for number, text in enumerate(names)})
    path = raw_zip(raw_files(files, UTF8), folder / "small.zip")
    with pytest.raises(UserError) as caught:
        take_in(IntakeRequest(path, folder, (16,), 0, FEW, 1), lambda *_: None)
    return caught.value


def _journey(names: tuple[str, ...], folder: Path) -> Journey:
    folder.mkdir()
    request = IntakeRequest(_upload(names, folder / "upload.zip"), folder / "cache", (16,), 0, FEW, 1)
    dataset = take_in(request, lambda *_: None)
    facts = samples.facts(dataset.truth.classes, photos=2, right=0.5)
    facts = replace(facts, dataset=dataset.taken_in())
    built = report.build(facts)
    out = folder / "out"
    out.mkdir()
    report.write(facts, built, out)
    write_labels(dataset.truth.classes, out / "labels.txt")
    pictures = {name: (out / name).read_bytes() for name in samples.PICTURES}
    error = _refused(names, folder)
    failed = replace(JOB, error=JobError(error.code, error.message, error.file or names[0][:80]))
    mails = (
        letters.compose(JOB, "report", HEAD, json.loads((out / "report.json").read_bytes()), pictures),
        *(letters.compose(failed, kind, HEAD, None, {}) for kind in ("rejected", "failed", "operator")),
    )
    for mail in mails:
        FileMailer(folder / "mail").send(mail)
    return Journey(dataset, (out / "report.html").read_text(encoding="utf-8"), mails, out)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    return _journey(STRINGS, tmp_path_factory.mktemp("names") / "hostile")


@pytest.fixture(scope="module")
def tame(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    return _journey(tuple(f"kind {n}" for n in range(len(STRINGS))), tmp_path_factory.mktemp("names") / "tame")


def test_each_name_is_a_class(hostile: Journey) -> None:
    assert len(hostile.dataset.truth.classes) == len(STRINGS)
    assert hostile.dataset.skipped[0].name.endswith(".png")
    assert len(hostile.dataset.skipped) == 1 + len(STRINGS)
    assert max(map(len, hostile.dataset.truth.classes)) > 10_000


def test_page_and_mails_have_the_same_tags_as_with_plain_names(hostile: Journey, tame: Journey) -> None:
    assert _Tags(hostile.page).found == _Tags(tame.page).found
    for one, other in zip(hostile.mails, tame.mails, strict=True):
        assert _Tags(one.html).found == _Tags(other.html).found, one.kind
        assert one.subject == other.subject


def test_names_are_shown_as_text(hostile: Journey) -> None:
    text = _Tags(hostile.page).text
    for shown in (
        "<script>alert(1)<|script>",
        "{{ 7*7 }}{% raw %}",
        "%s%n%d%(x)s",
        "$$",
        "纸板プラスチック종이",
        "تفاحة שלום",
    ):
        assert shown in text


def _odd_characters(text: str) -> set[str]:
    """Controls, halves and what turns the reading direction."""
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return {
        character
        for character in text
        if (unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") and character != "\n")
        or unicodedata.bidirectional(character) in turning
        or character in "\u200e\u200f\u061c\ufeff"
    }


def test_mails_and_page_have_no_control_characters(hostile: Journey) -> None:
    for mail in hostile.mails:
        assert _odd_characters(mail.text) == set(), mail.kind
        assert _odd_characters(mail.html) == set(), mail.kind
        assert _odd_characters(mail.subject) == set()
    assert _odd_characters(hostile.page) == set()


def test_no_name_becomes_a_link_or_a_header(hostile: Journey) -> None:
    for mail in hostile.mails:
        assert "://evil" not in mail.text + mail.html
        assert "www.evil" not in mail.text + mail.html
        assert mail.to in (JOB.email, HEAD.operator)
    for path in (hostile.folder.parent / "mail").glob("*.eml"):
        headers = path.read_bytes().partition(b"\r\n\r\n")[0].lower()
        assert b"\nbcc:" not in headers
        assert b"victim" not in headers


def test_mails_stay_small(hostile: Journey) -> None:
    for mail in hostile.mails:
        assert len(mail.html.encode()) < 90_000
        assert max(map(len, mail.text.splitlines())) < 1_000


def test_every_plot_is_made(hostile: Journey, tame: Journey) -> None:
    for name in samples.PICTURES:
        assert (hostile.folder / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert (tame.folder / name).stat().st_size > 10_000


def test_cells_of_the_table_are_harmless(hostile: Journey) -> None:
    with (hostile.folder / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert len(cells) > 20
    assert [cell for cell in cells if cell.startswith(FORMULA_STARTS)] == []


def test_labels_are_one_class_a_line_for_every_reader(hostile: Journey) -> None:
    text = (hostile.folder / "labels.txt").read_text(encoding="utf-8")
    assert text.splitlines() == list(hostile.dataset.truth.classes)
    assert text.split("\n")[:-1] == list(hostile.dataset.truth.classes)


def test_what_the_stages_commit_is_plain_json_of_a_reasonable_size(hostile: Journey) -> None:
    told = json.dumps(hostile.dataset.taken_in().to_json())
    assert json.loads(told)["classes"] == list(hostile.dataset.truth.classes)
    assert len(told) < 200_000


def test_a_refusal_names_the_file_in_few_characters(tmp_path: Path) -> None:
    error = _refused(STRINGS, tmp_path)
    assert error.code == "class_too_small"
    assert len(error.message) < 10 * SHOWN_LENGTH
    assert _odd_characters(error.message) == set()
