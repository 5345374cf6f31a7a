"""What the mails say, in both their parts, whatever the dataset is called."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from hashlib import sha256

import pytest

from jobs import tokens
from jobs.errors import CODES, Bug, Where
from jobs.mail.letters import compose
from jobs.mail.message import Mail, cids
from tests.unit.mail.letters import HEAD, JOB, PNG, error_mail, report_mail
from tests.unit.report import courses, samples
from tests.unit.report.pages import Page
from vm_worker import report
from vm_worker.results.evaluated import LayerRow
from vm_worker.results.intake import SkippedRow

HTML_BYTES_MAX = 90_000
BODY_WORDS_MAX = 80
PAGE = f"https://photos.example.org/jobs/{JOB.id}"
OF_LATER = ("unsure", "pictures", "matrix_classes", "plain", "actions")  # what a report of an older worker has not
REFUSE = f"https://photos.example.org/refuse/{tokens.refusal_token(HEAD.secret, JOB.email_hmac)}"
MESSAGE = 'The folder "glass" has 4 photos; each class needs at least 10, better 50 or more.'

WASTE = report_mail(report.build(samples.facts()))


def dirt(text: str) -> list[str]:
    """Characters that a text mail must not hold."""
    return [
        repr(character)
        for character in text
        if (unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") and character != "\n")
        or unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    ]


@pytest.mark.parametrize("part", [WASTE.text, Page(WASTE.html).text], ids=["text", "html"])
@pytest.mark.parametrize(
    "wanted",
    [
        "A model that tells 6 kinds apart: right on 92 % of 324 photos that it had never seen (89-94 %)",
        "EfficientNet-Lite0 by Google (Apache-2.0)",
        "MobileNetV2",
        "glass has fewer than 50 photos",
        "trash/broken.jpg is cut short",
        "2 April 2026",
        'let it say "not sure": it then answers 90 % of the test photos and is right on 97 % of these',
        "modelmail predict model.h5 photo.jpg",
        "small copies of some stay in the report",
        "quoted as 11 min 40 s",
    ],
)
def test_both_parts_of_a_report_say(part: str, wanted: str) -> None:
    assert wanted in " ".join(part.split())


def test_the_model_is_linked_before_anything_else() -> None:
    html, text = Page(WASTE.html), WASTE.text
    assert html.addresses[0] == f"{PAGE}/files/model.h5"
    assert text.index(f"{PAGE}/files/model.h5\n") < text.index("WHAT TO DO NEXT")
    assert len(WASTE.html[: WASTE.html.index("Download model.h5")]) < 4000


def test_no_link_leads_to_trying_a_model_that_no_page_can_run() -> None:
    built = report.build(samples.facts())
    mail = report_mail({**built, "actions": [{"text": "Try it.", "button": "Try", "target": "#try"}]})  # without TFLite
    assert "Try it." in mail.text and "#try" not in mail.text + mail.html


def test_every_address_is_the_services_own() -> None:
    token = tokens.delete_token(HEAD.secret, JOB.id)
    assert set(Page(WASTE.html).addresses) == {
        f"{PAGE}/files/model.h5",
        f"{PAGE}/files/labels.txt",
        f"{PAGE}/files/report.html",
        PAGE,
        f"{PAGE}#doubts",
        f"{PAGE}#sure",
        f"{HEAD.public_url}/",
        f"{PAGE}/delete?token={token}",
        REFUSE,
        "cid:curves",
        "cid:confusion",
    }


def test_pictures_are_shown_by_content_id_with_width_and_words() -> None:
    assert {picture.cid for picture in WASTE.pictures} == cids(WASTE.html) == {"curves", "confusion"}
    assert all(picture.data == PNG for picture in WASTE.pictures)
    images = [attributes for tag, attributes in Page(WASTE.html).tags if tag == "img"]
    assert len(images) == 2
    assert all({"src", "width", "alt"} <= set(attributes) for attributes in images)


def test_a_report_of_an_older_worker_is_sent_too() -> None:
    built = report.build(samples.facts())
    mail = report_mail({key: built[key] for key in built if key not in OF_LATER})
    assert "1. Download model.h5" in mail.text
    assert "not sure" not in mail.text + mail.html
    assert "small copies" not in mail.text + mail.html


def test_a_missing_picture_leaves_no_empty_frame() -> None:
    mail = report_mail(report.build(samples.facts()), {"curves.png": PNG})
    assert cids(mail.html) == {"curves"}
    assert len(mail.pictures) == 1


def test_mail_programs_get_only_what_they_know() -> None:
    tags = {tag for tag, _ in Page(WASTE.html).tags}
    assert tags <= {"html", "head", "meta", "title", "body", "div", "table", "tr", "td", "th", "p", "h1", "h2", "b",
                    "a", "br", "span", "img"}  # fmt: skip
    assert "data:" not in WASTE.html


@pytest.mark.parametrize(
    "classes",
    [
        samples.many(200),
        tuple(f"{number:03d} {'<&>' * 80}" for number in range(200)),  # each character becomes four or five
        tuple(f"{number:03d} {'玻' * 80}" for number in range(200)),  # three bytes each
        samples.HOSTILE,
    ],
    ids=["200", "200-hostile", "200-chinese", "hostile"],
)
def test_the_html_stays_under_the_size_at_which_gmail_cuts(classes: tuple[str, ...]) -> None:
    facts = samples.facts(classes, photos=12, right=0.6)
    warnings = tuple(f"{name} has few photos." for name in classes)
    skipped = tuple(SkippedRow(f"{name}/a.jpg", name) for name in classes)[:20]
    noisy = replace(facts.dataset, warnings=warnings, skipped=skipped, skipped_count=900)
    mail = report_mail(report.build(replace(facts, dataset=noisy)))
    assert len(mail.html.encode()) < HTML_BYTES_MAX
    assert len(mail.text.encode()) < HTML_BYTES_MAX


def test_cut_tables_say_how_much_is_missing_and_where_it_is() -> None:
    mail = report_mail(report.build(samples.facts(samples.many(200), photos=12, right=0.6)))
    words = Page(mail.html).text
    assert "The weakest kinds" in words
    assert "175 more kinds are in the full report" in words


def test_a_deep_model_shows_both_its_ends() -> None:
    facts = samples.facts()
    layers = tuple(LayerRow(f"layer_{number}", "Conv2D", "(None, 7, 7, 1280)", 9) for number in range(1, 201))
    model = replace(facts.evaluate.model, layers=layers)
    mail = report_mail(report.build(replace(facts, evaluate=replace(samples.evaluated_of(facts), model=model))))
    words = Page(mail.html).text
    assert "191 layers between, all in the full report" in words
    shown = [number for number in range(1, 201) if f"layer_{number} Conv2D" in words]
    assert shown == [1, 2, 3, *range(195, 201)]


def test_a_skipped_trial_is_told_not_tabled() -> None:
    mail = report_mail(report.build(replace(samples.facts(), tune=courses.SKIPPED_TRIAL)))
    told = "Nothing was tuned: the time left does not allow it. You get the model as it was selected."
    assert told in mail.text
    assert told in Page(mail.html).text
    assert "what was tried" not in mail.html


def test_the_weakest_kinds_come_first_under_their_numbers() -> None:
    facts = samples.facts(samples.many(200), photos=12, right=0.6)
    rows = sorted(samples.evaluated_of(facts).test.per_class, key=lambda row: row.recall)
    number = facts.dataset.classes.index(rows[0].label) + 1
    words = Page(report_mail(report.build(facts)).html).text
    assert f"test photos {number} {rows[0].label}" in words


def test_hostile_names_change_no_tag_and_dirty_no_text() -> None:
    tame = tuple(f"kind {number}" for number in range(len(samples.HOSTILE)))
    hostile_mail = report_mail(report.build(samples.facts(samples.HOSTILE)))
    tame_mail = report_mail(report.build(samples.facts(tame)))
    assert Page(hostile_mail.html).tags == Page(tame_mail.html).tags
    assert dirt(hostile_mail.text) == []
    assert dirt(Page(hostile_mail.html).text) == []
    assert len(hostile_mail.text.splitlines()) == len(tame_mail.text.splitlines())  # no name makes a line of its own
    assert "<script>alert(1)</script>" in hostile_mail.text  # as it is: text needs no escapes
    assert "http://evil" not in hostile_mail.text + hostile_mail.html
    hostile_mail.html.encode()
    hostile_mail.text.encode()


def test_no_subject_has_a_users_text() -> None:
    for classes in (samples.HOSTILE, samples.CJK):
        subject = report_mail(report.build(samples.facts(classes))).subject
        assert subject.isascii()
        assert subject.startswith("Your model is ready: right on ")
    assert error_mail("rejected", "one_class", "only <b>glass</b>\r\nBcc: x").subject == "Your photos could not be used"


@pytest.mark.parametrize("code", [row.code for row in CODES.values() if row.where is Where.DATASET])
def test_a_rejected_dataset_is_told_what_where_and_what_to_do(code: str) -> None:
    check_error_mail(error_mail("rejected", code, MESSAGE, "glass/IMG_0001.jpg"), code)


@pytest.mark.parametrize("code", [row.code for row in CODES.values() if row.where is Where.JOB])
def test_a_failed_job_is_told_what_and_what_to_do(code: str) -> None:
    mail = error_mail("failed", code, "The training machine ran out of memory.")
    check_error_mail(mail, code)
    assert "File:" not in mail.text


def check_error_mail(mail: Mail, code: str) -> None:
    row, message = CODES[code], mail.text.split("\n\n")[1].split("\n")[0]
    assert mail.text.startswith(f"{row.title}.\n\n")
    assert f"What to do: {row.advice}" in mail.text
    assert len(mail.text.split()) <= BODY_WORDS_MAX
    words = Page(mail.html).text
    assert all(part in words for part in (row.title, row.advice, message))
    assert f"{PAGE}/delete?token=" in mail.text
    assert mail.to == JOB.email


def test_the_file_at_fault_is_named_in_both_parts() -> None:
    mail = error_mail("rejected", "damaged_zip", "The zip ends too early.", "a/\u202e<b>.jpg")
    assert "File: a/<b>.jpg\n" in mail.text
    assert "File: a/<b>.jpg" in Page(mail.html).text


def test_an_unknown_code_reads_as_ours() -> None:
    assert error_mail("failed", "from_the_future", "").text.startswith(CODES["internal"].title)


def test_the_operator_hears_no_user_data() -> None:
    mail = error_mail("operator", "internal", "KeyError in stage select")
    everything = mail.subject + mail.text + mail.html
    assert mail.to == HEAD.operator
    assert mail.subject == "modelmail: job Qm3xT9aZ failed (internal)"
    assert "KeyError in stage select" in mail.text
    assert JOB.id not in everything
    assert str(JOB.email) not in everything


@pytest.mark.parametrize(
    "mail", [WASTE, error_mail("rejected", "one_class", MESSAGE), error_mail("failed", "internal", MESSAGE)]
)
def test_each_mail_to_a_user_can_be_the_last(mail: Mail) -> None:
    assert mail.headers == {"List-Unsubscribe": f"<{REFUSE}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    assert mail.text.split().count(REFUSE) == 1
    assert Page(mail.html).addresses.count(REFUSE) == 1
    assert JOB.email is not None
    assert not any(part in REFUSE for part in (JOB.email, JOB.email.partition("@")[0], JOB.id))


def test_the_operator_cannot_refuse_for_the_user() -> None:
    mail = error_mail("operator", "internal", MESSAGE)
    assert mail.headers == {}
    assert "/refuse/" not in mail.text + mail.html


def test_message_ids_are_steady_distinct_and_do_not_tell_the_job() -> None:
    again = report_mail(report.build(samples.facts(samples.CJK)))
    assert again.message_id == WASTE.message_id
    assert WASTE.message_id != error_mail("failed", "internal", "").message_id
    other = compose(replace(JOB, id="x" * 22), "report", HEAD, report.build(samples.facts()), {})
    assert other.message_id != WASTE.message_id
    assert JOB.id[:8] not in WASTE.message_id
    # An installation of another version may send it again, so the form stays.
    assert WASTE.message_id == f"<report.{sha256(f'mail:{JOB.id}'.encode()).hexdigest()[:32]}@modelmail>"


def test_what_cannot_be_written_is_a_bug() -> None:
    with pytest.raises(Bug, match="no mail of kind"):
        compose(JOB, "newsletter", HEAD, None, {})
    with pytest.raises(Bug, match="has no report"):
        compose(JOB, "report", HEAD, None, {})
    with pytest.raises(Bug, match="has no address"):
        compose(replace(JOB, email=None), "failed", HEAD, None, {})
    with pytest.raises(Bug, match="has no address"):
        compose(JOB, "operator", replace(HEAD, operator=""), None, {})


def test_the_continue_link_comes_where_a_later_job_can_use_it() -> None:
    link = tokens.continue_link(HEAD.public_url, HEAD.secret, JOB.id)
    job = replace(JOB, continues="classification")
    built = report.build(samples.facts())
    mail = compose(job, "report", HEAD, built, {})
    for part in (mail.text, mail.html):
        assert link in part
        assert "Until 2 April 2026" in part
    assert link not in report_mail(built).text


def test_kept_photos_are_not_said_to_be_deleted() -> None:
    built = report.build(samples.facts())
    assert "Your photos have been deleted" in report_mail(built).text
    mail = report_mail({**built, "photos_kept": True})
    for part in (mail.text, mail.html):
        assert "Your photos are kept, as you asked" in part
        assert "Your photos have been deleted" not in part
