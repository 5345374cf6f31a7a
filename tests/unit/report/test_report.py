"""report.json has every number; report.html stands alone and cannot be broken by a name."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.report import courses, samples
from tests.unit.report.pages import SPECIALISTS, Page
from vm_worker import report
from vm_worker.evaluation.matrix import MATRIX_CLASSES
from vm_worker.report_facts import Facts, Licence
from vm_worker.results.candidates import FromScratch
from vm_worker.results.exported import Exported, ExportRow, Latency, MachineFacts, ThreadLatency
from vm_worker.results.intake import DuplicateCounts, SkippedRow
from vm_worker.results.trials import SearchSummary

NONE: dict[str, Any] = {
    "skipped": (),
    "skipped_count": 0,
    "duplicates": DuplicateCounts(0, 0, 0, ()),
    "warnings": (),
}
PICTURES = dict.fromkeys(samples.PICTURES, "data:image/png;base64,AAAA")


def html(facts: Facts) -> str:
    return report.page(report.build(facts), PICTURES)


def test_build_changes_nothing_and_gives_the_same_again() -> None:
    facts = samples.facts()
    before = copy.deepcopy(facts, {id(facts.sections): facts.sections})  # which have no values to compare
    assert report.build(facts) == report.build(facts)
    assert facts == before


def test_build_carries_every_number_of_the_stages() -> None:
    facts = samples.facts()
    built, evaluate = report.build(facts), samples.evaluated_of(facts).to_json()
    for told, row in zip(built["candidates"], facts.select.candidates, strict=True):
        plain = row.to_json()
        assert {key: told[key] for key in plain} == plain
    assert built["candidates"][0]["bytes"] == 14_022_312  # of the file itself
    assert built["candidates"][1]["bytes"] == 4 * 2_266_000
    assert built["unsure"] == evaluate["unsure"]
    assert built["curve"] == [point.to_json() for point in (*facts.select.curve, *facts.tune.curve)]
    assert built["trials"] == [trial.to_json() for trial in facts.tune.trials]
    assert built["test"] == evaluate["test"]
    assert built["model"] == evaluate["model"]
    assert built["winner"] == {
        "name": "efficientnet_lite0",
        "title": "EfficientNet-Lite0",
        "size": 224,
        "tuned": True,
        "mean": False,
        "from_scratch": False,
        "validation_accuracy": facts.tune.validation_accuracy,
        "validation_score": facts.tune.validation_accuracy,
        "metric": "accuracy",
        "note": facts.select.note,
    }
    assert built["total_seconds"] == pytest.approx(681.5)
    assert built["retention"] == {"model_days": 30, "delete_after": "2026-04-02T14:05:41+00:00"}


def test_what_was_not_measured_is_null_not_nan(tmp_path: Path) -> None:
    facts = samples.facts()
    curve = tuple(replace(point, loss=float("nan"), accuracy=float("inf")) for point in facts.select.curve)
    facts = replace(facts, select=replace(facts.select, curve=curve))
    built = report.build(facts)
    assert (built["curve"][0]["loss"], built["curve"][0]["accuracy"]) == (None, None)
    report.write(facts, built, tmp_path)
    assert "NaN" not in (tmp_path / "report.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(("products", "told"), [("bfloat16", True), ("float32", False), (None, False)])
def test_halves_in_the_trials_are_told(products: str | None, told: bool) -> None:
    """A job of before this was measured has no such word."""
    facts = samples.facts()
    search = SearchSummary("random", 3, "", products)
    text = Page(html(replace(facts, tune=replace(facts.tune, search=search)))).text
    assert "a random search, 1 trial in all." in text
    assert ("1 trial in all. In the trials the convolutions' products were taken in bfloat16" in text) == told


def test_skipped_files_are_cut_but_counted() -> None:
    facts = samples.facts()
    many = tuple(SkippedRow(f"a/{number}.txt", "is not a photo") for number in range(50))
    built = report.build(replace(facts, dataset=replace(facts.dataset, skipped=many, skipped_count=50)))
    assert len(built["dataset"]["skipped"]) == report.SKIPPED_SHOWN
    page = report.page(built, PICTURES)
    assert "Skipped: 50 files" in page
    assert "and 30 more." in page


def test_a_network_from_scratch_owes_nobody_anything() -> None:
    facts = samples.facts()
    row = replace(facts.select.candidates[0], name="scratch_alexnet_25", title="AlexNet 1/4 from scratch")
    select = replace(facts.select, winner=row.name, candidates=(row,), from_scratch=FromScratch(9))
    licence = Licence("yours", "Trained on your photos alone.")
    job = replace(facts.job, options=replace(facts.job.options, from_scratch=True))
    built = report.build(replace(facts, job=job, select=select, licence=licence))
    assert built["winner"]["from_scratch"]
    assert "--candidates" not in built["repeat"]["command"]
    assert "--from-scratch true --seed 7" in built["repeat"]["command"]
    text = Page(report.page(built, {})).text
    assert "trained on your photos alone" in text
    assert "this network learned your photos from scratch" in text
    assert "pretrained weights: " not in text and "Keep this notice" not in text
    card = report.card(built)
    assert "trained from scratch" in card and "There are no pretrained weights in it; the licence is yours." in card


def test_networks_that_were_not_there_are_told() -> None:
    facts = samples.facts()
    absent = [replace(facts.select.candidates[0], name=key, state="no_weights") for key in ("vgg16", "xception")]
    select = replace(facts.select, candidates=(*facts.select.candidates, *absent))
    for asked, told in ((("vgg16", "xception"), True), (("vgg16", "efficientnet_lite0"), False)):
        job = replace(facts.job, options=replace(facts.job.options, candidates=asked))
        built = report.build(replace(facts, job=job, select=select))
        said = "has weights on the training machine (vgg16, xception); those that it has were tried"
        assert any(said in sentence for sentence in built["cautions"]) == told
        assert (said in Page(report.page(built, {})).text) == told


def test_a_network_from_scratch_that_was_not_asked_for_is_told() -> None:
    facts = samples.facts()
    select = replace(facts.select, from_scratch=FromScratch(9))
    built = report.build(replace(facts, select=select))
    assert any("no pretrained networks" in sentence for sentence in built["cautions"])


def test_the_repeat_command_names_what_was_measured() -> None:
    command = report.build(samples.facts())["repeat"]["command"]
    assert "--candidates efficientnet_lite0,mobilenet_v2,efficientnet_v2_b0 " in command
    assert "--trials 1 " in command
    assert command.endswith("--seed 7")


def test_write_leaves_the_files_it_names_and_its_page_needs_nothing_else(tmp_path: Path) -> None:
    facts = samples.facts()
    built = report.build(facts)
    names = report.write(facts, built, tmp_path)
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    assert set(built["mail_pictures"]) <= set(names)
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == built
    check_page((tmp_path / "report.html").read_text(encoding="utf-8"))


def check_page(text: str) -> None:
    """It holds its pictures, links the files beside it, and runs nothing."""
    page = Page(text)
    pictures = [address for address in page.addresses if address.startswith("data:")]
    links = [address for address in page.addresses if not address.startswith("data:")]
    assert len(pictures) == len(samples.PICTURES) - 1  # the matrix is a table there
    names = {link for link in links if not link.startswith("#")}
    assert {"model.h5", "labels.txt", "report.json"} <= names
    assert not [name for name in names if ":" in name or "/" in name]  # beside it, and without the job's id
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    assert "default-src 'none'" in text


def test_the_first_screen_has_headline_and_download() -> None:
    facts = samples.facts()
    text = html(facts)
    headline = report.build(facts)["headline"].replace(" %", "\N{NO-BREAK SPACE}%")
    headline, button = text.index(headline, text.index("<h1")), text.index("Download model.h5")
    assert headline < button < text.index("What to do next") < text.index('id="candidates"')


@pytest.mark.parametrize(
    "wanted",
    [
        "89-94 % (95 % sure)",  # the interval
        "no weights on this machine",  # a candidate that was left out
        "the rule: unfrozen from block6a_expand_conv, epochs 6, learning rate 0.0001, batch 64 kept",
        "is cut short",  # a skipped file
        "Total params 3,420,710 Trainable params 737,286 Non-trainable params 2,683,424",
        "(None, 224, 224, 3)",
        "def read_photo(path):",
        "--seed 7",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "tensorflow 2.20.0",
        "EfficientNet-Lite0 by Google (Apache-2.0)",
        "tune 6 min 11 s",
        "The budget was 20 minutes; the estimate at the start was 11 min 40 s",
        "until 2 April 2026 (30 days)",
        "12 photos are copies of others, or nearly, and were kept on the same side of the split",
        "A first look at 400 photos",
        "VGG16 left out 74.0 % 0.120 -",
        "off by 1.2 % on average; before calibration by 6.1 %",
        "Would more photos help? More photos would probably help: with 360 training photos",
        "720 84.4 % 1.2 %",
        "31 photos look much more like another kind",
        'Below 72 %, let it say "not sure". It then answers 90 % of the test photos',
        "72 % chosen 90 %",  # its row
        "a person looks at 32 photos of 324",
        "The clearest 20:",
        "31 photos look much more like another kind than the one of the folder",  # a next step, in the mail too
    ],
)
def test_the_page_says(wanted: str) -> None:
    assert wanted in Page(html(samples.facts())).text


def test_words_are_explained_where_they_stand_first_and_specialists_words_are_folded_away() -> None:
    text = html(samples.facts())
    before = Page(text[: text.index('id="specialists"')]).text.lower()
    assert not {word for word in SPECIALISTS if word in before}
    assert before.index("test photo") == before.index("test photos: 9")  # "kept aside ..., the test photos: 92 %"
    assert before.index("validation") == before.index("validation photos, which chose between models")
    whole = Page(text).text
    assert whole.index("An epoch is one pass") < whole.index("loss says how far the probabilities were from the truth")


def test_hostile_names_change_no_tag() -> None:
    tame = tuple(f"kind {number}" for number in range(len(samples.HOSTILE)))
    hostile_page, tame_page = Page(html(samples.facts(samples.HOSTILE))), Page(html(samples.facts(tame)))
    assert hostile_page.tags == tame_page.tags
    assert "<script>alert(1)</script>" in hostile_page.text


def test_hostile_names_are_written_to_every_file(tmp_path: Path) -> None:
    facts = samples.facts(samples.HOSTILE)
    built = report.build(facts)
    report.write(facts, built, tmp_path)
    assert json.loads((tmp_path / "report.json").read_bytes())["dataset"]["classes"] == list(samples.HOSTILE)
    assert "\u202e" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_names_of_every_script_are_shown() -> None:
    text = Page(html(samples.facts(samples.CJK + samples.WORLD))).text
    assert all(name in text for name in samples.CJK + samples.WORLD)


@pytest.mark.parametrize("number", [MATRIX_CLASSES, MATRIX_CLASSES + 1])
def test_the_matrix_is_explained_as_it_is_drawn(number: int) -> None:
    text = html(samples.facts(samples.many(number), photos=4))
    assert ("a full matrix cannot be read" in text) == (number > MATRIX_CLASSES)


def test_what_litert_took_is_told_by_every_figure() -> None:
    facts = samples.facts(("cat", "dog"))
    one, every = (ThreadLatency(threads, 14.25, 14.1, 16.93) for threads in (1, 2))
    latency = Latency(100, 13_386_136, one, every)
    row = ExportRow("model.tflite", "tflite", "made", 324, 0.91, 1.0, 1e-6, "", latency)
    machine = MachineFacts("A fast one", 2, "2.3.0")
    export = replace(facts.export, exports=(*facts.export.exports, row), machine=machine)
    text = Page(html(replace(facts, export=export))).text
    told = "model.tflite 1 14.2 14.1 16.9 model.tflite 2 14.2 14.1 16.9"
    assert told in " ".join(text.split())
    assert "100 runs each, without reading the photo, on A fast one." in " ".join(text.split())


def without(part: str) -> Facts:
    """Facts of a job in which something did not happen."""
    facts = samples.facts(("cat", "dog"), 20, 1.0)
    changes: dict[str, Any] = {
        "tuning": {"tune": replace(facts.tune, better=False, trials=(), curve=())},
        "trial": {"tune": courses.SKIPPED_TRIAL},
        "skipped": {"dataset": replace(facts.dataset, **NONE)},
        "quote": {"quoted_seconds": None},
        "exports": {"export": Exported((), ())},
        "findings": {
            "select": replace(facts.select, pruning=(), learning_curve=None, suspects=(), suspects_count=None)
        },
        "calibration": {"evaluate": replace(samples.evaluated_of(facts), calibration=None)},
        "measure": {"tune": replace(facts.tune, validation_accuracy=None, validation_score=None)},
    }
    return replace(facts, **changes[part])


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        ("tuning", "Nothing was tuned. You get the model as it was selected"),
        ("trial", "Nothing was tuned: the time left does not allow it. You get the model as it was selected."),
        ("skipped", "Every file could be used."),
        ("quote", "The budget was 20 minutes; it took 11 min 21 s"),
        ("exports", "Download model.h5"),
        ("measure", "so you get it."),
        ("findings", "Which networks were compared"),
        ("calibration", "Would more photos help?"),
    ],
)
def test_a_job_in_which_something_did_not_happen_reads_well(part: str, wanted: str) -> None:
    assert wanted in Page(html(without(part))).text
