"""The upload page reads a zip as the worker does: the same classes and photos, or the same code of a refusal."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from infra.local.stack import Stack
from jobs.errors import UserError
from jobs.limits import Limits
from jobs.options import Options
from tests.browser.zips import OPENED, UNREAD, ZIPS
from tests.corpus import LAYOUTS
from tests.unit.intake.pools import shared
from vm_worker.tasks.detection.survey import LabelledSurvey
from vm_worker.tasks.uploads import survey, verdict

READ = """async ([zips, levels]) => {
    const base = document.querySelector("script[type=module]").src.replace("home.js", "");
    const {readZip} = await import(base + "read-upload.js");
    const {PartNames} = await import(base + "part-names.js");
    const config = JSON.parse(document.getElementById("send").dataset.config);
    const parts = new PartNames(config.parts);
    const read = {};
    for (const [name, text] of Object.entries(zips)) {
        const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
        const rules = {...config, parts, level: levels[name] ?? "", task: ""};
        const {code, unknown, classes, remarks} = await readZip(new Blob([bytes]), rules);
        const counts = classes.map(({name, photos}) => [name, photos.length]);
        const told = remarks.map(({text}) => text).join(" ");
        read[name] = {code, unknown, classes: Object.fromEntries(counts), told};
    }
    return read;
}"""


@dataclass(frozen=True)
class Reading:
    """What is made of a zip: a code, or the photos of each class."""

    code: str | None
    classes: dict[str, int]


@pytest.fixture(scope="module")
def zips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every zip, by name."""
    folder = tmp_path_factory.mktemp("zips")
    paths = {}
    for number, (name, write) in enumerate(ZIPS.items()):
        paths[name] = folder / f"{number}.zip"
        write(paths[name])
    return paths


@pytest.fixture(scope="module")
def page_reads(browser: Browser, stack: Stack, zips: dict[str, Path]) -> Iterator[dict[str, dict[str, Any]]]:
    """What the page makes of each, read by its modules in one load of the page."""
    context = browser.new_context(base_url=stack.function_url)
    page = context.new_page()
    page.goto("/")
    texts = {name: base64.b64encode(path.read_bytes()).decode() for name, path in zips.items()}
    levels = {f"layout: {name}": layout.option for name, layout in LAYOUTS.items()}
    yield page.evaluate(READ, [texts, levels])
    context.close()


def _worker_reads(path: Path, level: str, opened: bool) -> Reading:
    if opened:
        return Reading(verdict(path, Limits(), shared()).code, {})
    try:
        found = survey(path, Limits(), Options(classes=level))
    except UserError as error:
        return Reading(error.code, {})
    return Reading(None, dict(Counter(photo.stratum for photo in found.photos)))


@pytest.mark.parametrize("name", ZIPS)
def test_page_and_worker_are_of_one_mind(
    name: str, zips: dict[str, Path], page_reads: dict[str, dict[str, Any]]
) -> None:
    level = LAYOUTS[name.removeprefix("layout: ")].option if name.startswith("layout: ") else ""
    worker, page = _worker_reads(zips[name], level, name in OPENED), page_reads[name]
    assert bool(page.get("unknown")) == (name in UNREAD)
    if name in UNREAD:
        return
    assert Reading(page["code"], {} if page["code"] else page["classes"]) == worker, json.dumps(page)


@pytest.mark.parametrize("name", [name for name in ZIPS if name.startswith("labels: ")])
def test_the_page_counts_the_boxes_that_the_worker_reads(
    name: str, zips: dict[str, Path], page_reads: dict[str, dict[str, Any]]
) -> None:
    found = survey(zips[name], Limits())
    assert isinstance(found, LabelledSurvey)
    boxes = Counter(box.label for one in found.drawn for box in one.boxes).most_common()
    counted = ", ".join(f"{label} {number}" for label, number in boxes)
    classes = f"{len(boxes)} class{'es' if len(boxes) > 1 else ''}"
    assert f": {sum(number for _, number in boxes)} boxes of {classes}: {counted}. So they" in page_reads[name]["told"]


@pytest.mark.parametrize("name", [name for name in ZIPS if name.startswith("foreign: ")])
def test_folders_beside_labels_of_another_format_are_no_classes(
    name: str, zips: dict[str, Path], page_reads: dict[str, dict[str, Any]]
) -> None:
    with pytest.raises(UserError) as caught:
        survey(zips[name], Limits())
    page = page_reads[name]
    assert caught.value.code == "labels_unreadable" and page["classes"] == {}
    title = re.match(r"These are photos with labelled boxes \(([^)]+)\), and no classes\.", page["told"])
    assert title, page["told"]
    assert title[1] in caught.value.message or title[1] == "in a form that is not known here"
