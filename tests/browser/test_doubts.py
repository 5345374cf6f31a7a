"""Photos to look at are filtered and marked on the page, and the saved marks are what `modelmail relabel` follows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from skimage.io import imsave

from infra.cli.relabel import Wish, run
from infra.local.stack import Stack
from jobs import render
from jobs.installation import open_queue
from jobs.queue import Queue
from tests.browser.conftest import PHONE
from tests.browser.test_report_page import finish
from tests.unit.report import samples
from vm_worker.results.evaluated import DoubtRow, Doubts, Evaluated, Sureness
from vm_worker.results.exported import FileRow

ASSETS = Path(render.__file__).parents[1] / "templates" / "assets"
CLASSES = ("cats", "dogs", '"><b>&')
ROWS = (
    DoubtRow(name="cats/1.jpg", says="dogs", probability=0.97, kinds=("doubtful", "mistake"), label="cats"),
    DoubtRow(name='=cmd("x").jpg', says="cats", probability=0.4, kinds=("unsure",), label="dogs"),
    DoubtRow(name="dogs/2, old.jpg", says='"><b>&', probability=0.9, kinds=("mistake", "sure"), label="dogs"),
)


@pytest.fixture(scope="module")
def queue(stack: Stack) -> Iterator[Queue]:
    """The stack's records and buckets."""
    yield open_queue(stack.settings)


@pytest.fixture(scope="module")
def job(stack: Stack, queue: Queue, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A finished job with three doubtful photos."""
    folder = tmp_path_factory.mktemp("doubtful")
    imsave(folder / "doubts.jpg", np.zeros((16, 32, 3), np.uint8), check_contrast=False)
    facts = samples.facts(CLASSES)
    assert isinstance(facts.evaluate, Evaluated)
    doubts = Doubts(side=16, columns=2, rows=ROWS)
    cats, others = Sureness(counts(50, 80, 99), counts(75)), Sureness(counts(30, 90), counts())
    sureness = (cats, others, Sureness(counts(), counts(60, 60)))
    evaluated = replace(facts.evaluate, doubts=doubts, sureness=sureness)
    export = replace(facts.export, files=(*facts.export.files, FileRow("service.pyz", 1, "0" * 64)))
    return finish(stack, queue, folder, CLASSES, replace(facts, evaluate=evaluated, export=export))


def counts(*places: int) -> tuple[int, ...]:
    """Photos whose answers have these probabilities, in hundredths."""
    return tuple(places.count(place) for place in range(101))


def test_filters_show_the_photos_of_a_reason(page: Page, job: str) -> None:
    page.goto(f"/jobs/{job}")
    photos = page.locator("#doubts li:visible")
    expect(photos).to_have_count(3)
    page.get_by_role("button", name="least sure (1)").click()
    expect(photos).to_have_count(1)
    expect(page.locator("#doubts [role=status]")).to_have_text("1 photo shown.")
    mistakes = page.get_by_role("button", name=re.compile(r"^mistakes \(2 of \d+\)$"))
    mistakes.click()
    expect(photos).to_have_count(2)
    expect(mistakes).to_have_attribute("aria-pressed", "true")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_a_cell_of_the_matrix_shows_its_photos(page: Page, job: str) -> None:
    page.goto(f"/jobs/{job}")
    cell = page.locator("td[data-cell] button").filter(has_text="1").first
    cell.click()
    told = page.locator("#doubts [data-part=shown]")
    expect(told).to_be_focused()
    expect(told).to_have_text(re.compile(r"^\d photos? of .*, taken for .* shown\. results\.csv names the other \d\.$"))
    page.evaluate("dispatchEvent(new CustomEvent('modelmail:cell', {detail: {folder: 'cats', says: 'dogs'}}))")
    expect(page.locator("#doubts li:visible")).to_have_count(1)
    page.evaluate(
        "dispatchEvent(new CustomEvent('modelmail:cell', {detail: {folder: 'cats', says: 'dogs', count: 4}}))"
    )
    expect(told).to_have_text("1 photo of cats, taken for dogs shown. results.csv names the other 3.")


def test_the_limit_says_what_it_saves_and_costs(page: Page, job: str) -> None:
    page.goto(f"/jobs/{job}")
    slider, effect = page.get_by_role("slider"), page.locator("[data-part=effect]")
    chosen = slider.input_value()
    expect(effect).to_contain_text(
        "It answers 4 of 8 test photos (50 %) and is right on 75 % of these. It leaves 4 to you."
    )
    slider.focus()
    page.keyboard.press("End")
    expect(effect).to_contain_text("It answers 1 of 8 test photos (13 %) and is right on 100 %")
    expect(page.locator("[data-part=command]")).to_contain_text("python3 service.pyz --unsure 0.99")
    page.keyboard.press("Home")
    expect(effect).to_contain_text("It answers 8 of 8")
    page.get_by_text("For each kind", exact=True).click()
    expect(page.locator("[data-part=kinds] tr").nth(1)).to_have_text("cats4100 %75 %")
    page.goto("/")
    page.go_back()  # the part that tries the model begins with the report's limit again, and so must the slider
    expect(effect).to_contain_text("It answers 4 of 8")
    expect(slider).to_have_value(chosen)


def test_a_share_that_is_not_all_is_not_called_all(page: Page) -> None:
    rows = json.dumps([{"right": [0] * 99 + [1, 398], "wrong": [0] * 99 + [0, 1]}, {"right": [400], "wrong": []}])
    parts = "".join(f"<p data-part={name}></p>" for name in ("limit", "effect", "command", "kinds"))
    slider = "<input type=range max=99 value=99>"
    page.set_content(
        f"""<div data-part=slider data-sureness='{rows}' data-classes='["cats", "dogs"]'>{slider}{parts}</div>"""
    )
    page.add_script_tag(path=ASSETS / "limit.js", type="module")
    expect(page.locator("[data-part=kinds] tr").nth(1)).to_have_text("cats400100 %99.8 %")
    expect(page.locator("[data-part=kinds] tr").nth(2)).to_have_text("dogs4000 %none")
    # No service.pyz was made.
    expect(page.locator("[data-part=command]")).to_have_text("modelmail predict model.h5 photos/ --unsure 0.99")


def test_marks_that_were_not_saved_are_not_lost_in_silence(page: Page, job: str, dialogs: list[str]) -> None:
    page.goto(f"/jobs/{job}")
    said, save = page.locator("[data-part=marked]"), page.get_by_role("button", name="Save relabel.csv")
    for saved in (False, True):
        page.locator("#doubts select").first.focus()
        page.keyboard.press("ArrowDown")
        expect(said).to_have_text("1 marked.")
        if saved:
            with page.expect_download():
                save.click()
        page.reload()
        assert dialogs == ([] if saved else ["beforeunload"])
        dialogs.clear()


def test_saved_marks_are_followed(page: Page, job: str, tmp_path: Path) -> None:
    pets = tmp_path / "pets"
    for row in ROWS:
        (pets / row.name).parent.mkdir(parents=True, exist_ok=True)
        (pets / row.name).write_text(row.name)
    page.goto(f"/jobs/{job}")
    save = page.get_by_role("button", name="Save relabel.csv")
    expect(save).to_be_disabled()
    fields = page.locator("#doubts select")
    fields.nth(0).select_option("move dogs")
    fields.nth(1).select_option("remove")
    fields.nth(2).select_option("keep")
    expect(page.locator("[data-part=marked]")).to_have_text("3 marked.")
    with page.expect_download() as download:
        save.click()
    assert download.value.suggested_filename == "relabel.csv"
    marks = tmp_path / "relabel.csv"
    download.value.save_as(marks)
    text = marks.read_text(encoding="utf-8")
    assert '"\'=cmd(""x"").jpg"' in text and text.startswith("\ufeff")  # Excel reads it as UTF-8 by this mark alone
    assert run(Wish(pets, marks, apply=True)) == 0
    assert (pets / "dogs/1.jpg").is_file() and (pets / '.modelmail-removed/=cmd("x").jpg').is_file()
    assert (pets / "dogs/2, old.jpg").is_file()
