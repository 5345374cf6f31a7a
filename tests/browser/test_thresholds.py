"""The slider of a detector's report moves the boxes, and the radio buttons move the slider."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from playwright.sync_api import Page, expect

from function.reports import _scripts
from jobs import render
from vm_worker.tasks.detection.results import Mark, Step, ThresholdSheet

TEMPLATES = Path(render.__file__).parents[1] / "templates"
SHEET = ThresholdSheet(
    width=100,
    height=60,
    steps=(Step(0.2, 3, 2), Step(0.44, 2, 1), Step(0.6, 1, 0)),
    chosen=1,
    marks=(Mark(5, 5, 20, 20, "found", 2), Mark(40, 5, 20, 20, "unlabelled", 0), Mark(70, 5, 20, 20, "missed", 2)),
)


def test_the_slider_moves_the_boxes(page: Page) -> None:
    detection = SimpleNamespace(sheet=SHEET, scores=SimpleNamespace(labelled=4))
    report = SimpleNamespace(detection=detection)
    part = render.render("report/thresholds.html", report=report, pictures={"thresholds.jpg": "data:,"})
    assert _scripts(part, None) == ("steps.js",) and _scripts("<p>no steps</p>", None) == ()
    style = (TEMPLATES / "report" / "style.css").read_text(encoding="utf-8")
    page.set_content(f"<style>{style}</style><div class='report'>{part}</div>")
    page.add_script_tag(path=TEMPLATES / "assets" / "steps.js", type="module")
    slider = page.get_by_role("slider", name="Threshold")
    expect(slider).to_have_value("1")
    expect(page.get_by_text("0.44, which was chosen: found 2 of 4")).to_be_visible()
    expect(page.locator("rect:visible")).to_have_count(1)
    slider.press("ArrowLeft")
    expect(page.get_by_text("0.20: found 3 of 4")).to_be_visible()
    expect(page.locator("rect:visible")).to_have_count(2)
    expect(slider).to_have_attribute("aria-valuetext", "0.20")
    page.get_by_text("0.60", exact=True).click()
    expect(slider).to_have_value("2")
    expect(page.locator("rect.missed:visible")).to_have_count(1)
