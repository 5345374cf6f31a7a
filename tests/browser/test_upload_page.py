"""Photos picked or dropped in a real browser arrive in the bucket, whatever the network does."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from function.client import zip_folder
from infra.local.stack import Stack
from tests.browser.conftest import PHONE, watch
from tests.browser.upload import arrived, landed, names_of, pick, send, stored
from tests.unit.detection.test_foreign_labels import IN_FOLDERS


def test_a_folder_goes_as_a_zip_to_the_bucket_and_on_to_the_jobs_page(page: Page, stack: Stack, photos: Path) -> None:
    pick(page, photos)
    expect(page.locator("#summary")).to_contain_text("24 photos in 2 classes")
    expect(page.locator("#classes tr")).to_have_count(2)
    expect(page.locator("#classes tr").first).to_contain_text("cats")
    expect(page.locator("#classes canvas")).to_have_count(8)
    expect(page.locator("#remarks")).to_contain_text("50 or more give a better model")
    send(page, "folder@example.org")
    landed(page)
    expect(page.locator("main")).to_contain_text("You can close this page")
    expect(page.locator("#address")).to_have_text("folder@example.org")
    with arrived(stack, page) as archive:
        assert archive.namelist() == names_of(photos)  # no litter, in the order of their paths
        assert archive.testzip() is None
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        assert archive.read("pets/cats/03.jpg") == (photos / "cats" / "03.jpg").read_bytes()


def test_only_photos_and_label_files_are_sent(page: Page, stack: Stack, photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    shutil.copytree(photos, folder)
    (folder / "cats" / "00.jpg").rename(folder / "cats" / "00.jpg_large")
    others = ("cats/notes.txt", "holiday.mp4", "tax.pdf")
    labels = ("cats/03.txt", "cats/03.xml", "data.yaml", "instances.json", "obj.names", "train.txt")
    for name in (*others, *labels):
        (folder / name).write_bytes(b"neither a photo nor empty")
    pick(page, folder)
    expect(page.locator("#summary")).to_contain_text("6 label files")
    expect(page.locator("#left-summary")).to_have_text("3 other files are of no use here, and not sent")
    page.click("#left-summary")
    assert page.locator("#left-names li").all_text_contents() == [f"pets/{name}" for name in others]
    send(page, "sifted@example.org")
    landed(page)
    with arrived(stack, page) as archive:
        names = {name.replace("00.jpg", "00.jpg_large") if "cats/00" in name else name for name in names_of(photos)}
        assert set(archive.namelist()) == names | {f"pets/{name}" for name in labels}


def test_dropped_folders_are_read_to_the_bottom(page: Page, stack: Stack, photos: Path) -> None:
    page.goto("/")
    expect(page.locator("#send")).to_be_visible()
    box = page.locator("#zone").bounding_box()
    assert box is not None
    where = {"x": box["x"] + 20, "y": box["y"] + 20}
    data = {"items": [], "files": [str(photos / "cats"), str(photos / "dogs")], "dragOperationsMask": 1}
    browser = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, "data": data, **where})
    expect(page.locator("#summary")).to_contain_text("24 photos in 2 classes")
    send(page, "dropped@example.org")
    landed(page)
    with arrived(stack, page) as archive:
        assert archive.namelist() == [name.removeprefix("pets/") for name in names_of(photos)]


def test_a_zip_is_looked_into_and_sent_as_it_is(page: Page, stack: Stack, photos: Path, tmp_path: Path) -> None:
    packed = zip_folder(photos, tmp_path / "pets.zip")
    pick(page, packed, "#zip")
    expect(page.locator("#summary")).to_contain_text("24 photos in 2 classes")
    expect(page.locator("#classes canvas")).to_have_count(8)
    send(page, "zip@example.org")
    landed(page)
    job_id = page.url.rpartition("/")[2]
    blob = stored(stack, stack.settings.datasets_bucket).get(f"{job_id}.zip")
    assert blob is not None and blob.data == packed.read_bytes()


def test_a_zip_and_folders_are_not_mixed_in_silence(page: Page, photos: Path, tmp_path: Path) -> None:
    pick(page, zip_folder(photos, tmp_path / "pets.zip"), "#zip")
    page.set_input_files("#folder", photos)
    expect(page.locator("#said")).to_have_text("pets.zip was put aside: a zip is sent as it is, and alone.")
    page.set_input_files("#zip", tmp_path / "pets.zip")
    expect(page.locator("#said")).to_contain_text("What was picked before was put aside")


def test_classes_can_be_picked_one_at_a_time_on_a_phone(browser: Browser, stack: Stack, photos: Path) -> None:
    context = browser.new_context(viewport=PHONE, base_url=stack.function_url, has_touch=True)
    page = context.new_page()
    dialogs: list[str] = []
    errors = watch(page, dialogs)
    page.goto("/")
    page.get_by_text("pick the photos of one class").click()
    for name in ("cats", "dogs"):
        page.fill("#class-name", name)
        page.set_input_files("#class-files", sorted((photos / name).glob("*.jpg")))
        page.click("#class-add")
    expect(page.locator("#summary")).to_contain_text("24 photos in 2 classes")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0  # nothing sticks out to the side
    send(page, "phone@example.org")
    landed(page)
    with arrived(stack, page) as archive:
        assert len(archive.namelist()) == 24
    context.close()
    assert (errors, dialogs) == ([], [])


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"cats/1.jpg": 20}, "The only class folder is “cats”"),
        # What else is read alike by page and worker: tests/browser/test_reading.py.
        pytest.param({"1.jpg": 1, "2.jpg": 1}, "The only class folder is “bad”", marks=pytest.mark.slow),
        pytest.param({"cats/a.jpg": 12, "dogs/a.jpg": 3}, "“dogs” has 3 photos", marks=pytest.mark.slow),
        pytest.param({"cats/a.txt": 12, "dogs/a.txt": 12}, "no photos in a format that", marks=pytest.mark.slow),
    ],
    ids=["one class", "no folders", "a small class", "no photos"],
)
def test_what_cannot_be_used_is_said_before_anything_is_sent(
    page: Page, tmp_path: Path, files: dict[str, int], words: str
) -> None:
    for name, count in files.items():
        path = tmp_path / "bad" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            path.with_stem(f"{path.stem}{number}").write_bytes(b"\xff\xd8\xff" if path.suffix == ".jpg" else b"text")
    page.goto("/")
    page.set_input_files("#folder", tmp_path / "bad")
    expect(page.locator("#remarks .error").first).to_contain_text(words)
    expect(page.locator("#go")).to_be_disabled()


def test_a_file_that_is_no_zip_is_said_so(page: Page, tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(b"hello" * 100)
    page.goto("/")
    page.set_input_files("#zip", tmp_path / "photos.zip")
    expect(page.locator("#remarks .error")).to_contain_text("This file is not a zip.")
    expect(page.locator("#go")).to_be_disabled()


@pytest.mark.parametrize("name", ["labelme in a tree", "tables"])
def test_folders_of_labelled_photos_are_sent_and_are_no_classes(
    page: Page, stack: Stack, tmp_path: Path, name: str
) -> None:
    entries, said = IN_FOLDERS[name]
    for path, data in entries.items():
        (tmp_path / "farm" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "farm" / path).write_bytes(data)
    labels = [path for path in entries if not path.endswith(".jpg")]
    page.goto("/")
    page.set_input_files("#folder", tmp_path / "farm")
    expect(page.locator("#summary")).to_contain_text(f"12 photos, {len(labels)} label files")
    expect(page.locator("#table")).to_be_hidden()
    expect(page.locator("#remarks")).to_contain_text(f"photos with labelled boxes ({said}), and no classes")
    expect(page.locator("#left")).to_be_hidden()
    send(page, "boxes@example.org")
    landed(page)
    with arrived(stack, page) as archive:
        assert {f"farm/{path}" for path in labels} <= set(archive.namelist())


def test_class_names_are_data(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "names"
    for name in ("<img src=x onerror=alert(1)>", "猫と犬"):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            (folder / name / f"{number}.jpg").write_bytes(b"\xff\xd8\xff")
    pick(page, folder)
    expect(page.locator("#classes bdi").first).to_have_text("<img src=x onerror=alert(1)>")
    expect(page.locator("#classes bdi").last).to_have_text("猫と犬")
    assert page.locator("img").count() == 0


def test_the_tab_key_alone_reaches_everything(page: Page, photos: Path) -> None:
    pick(page, photos)
    page.fill("#email", "tab@example.org")
    page.locator("header a").focus()
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"folder", "zip", "clear", "email", "go", "SUMMARY"} <= set(reached)
    assert reached.index("folder") < reached.index("email") < reached.index("go")


def test_a_class_can_be_renamed_and_removed(page: Page, stack: Stack, photos: Path) -> None:
    pick(page, photos)
    page.get_by_label("Rename the class cats").click()
    page.keyboard.type("lions")
    page.keyboard.press("Enter")
    expect(page.locator("#classes th bdi")).to_have_text(["dogs", "lions"])
    expect(page.get_by_label("Rename the class lions")).to_be_focused()
    page.get_by_label("Rename the class lions").click()
    page.keyboard.type("dogs")
    page.keyboard.press("Escape")
    expect(page.locator("#classes th bdi")).to_have_text(["dogs", "lions"])
    page.get_by_label("Remove the class dogs").click()
    expect(page.locator("#summary")).to_contain_text("12 photos in 1 class")
    page.set_input_files("#folder", photos)
    page.get_by_label("Remove the class lions").click()
    expect(page.locator("#summary")).to_contain_text("24 photos in 2 classes")
    # Two become one; no photo is lost, though they have the same names.
    page.get_by_label("Rename the class cats").click()
    page.keyboard.type("dogs")
    page.keyboard.press("Enter")
    expect(page.locator("#summary")).to_contain_text("24 photos in 1 class")
    page.get_by_label("Remove the class dogs").click()
    expect(page.locator("#found")).to_be_hidden()


def test_photos_of_one_name_are_all_kept(page: Page, photos: Path) -> None:
    """Some phones call each photo image.jpg."""
    pick(page, photos)
    for number in range(2):
        page.evaluate("document.querySelector('#class-name').closest('details').open = true")
        page.fill("#class-name", "pets/owls")
        sizes = (number + 5, number + 20)
        files = [FilePayload(name="image.jpg", mimeType="image/jpeg", buffer=b"\xff\xd8\xff" * size) for size in sizes]
        page.set_input_files("#class-files", files)
        page.click("#class-add")
    expect(page.locator("#summary")).to_contain_text("28 photos in 3 classes")


def test_which_folders_are_the_classes_is_asked_where_two_readings_make_sense(page: Page, tmp_path: Path) -> None:
    for place in ("anna/ok", "anna/broken", "ben/ok", "ben/broken"):
        (tmp_path / "all" / place).mkdir(parents=True)
        for number in range(10):
            (tmp_path / "all" / place / f"{number}.jpg").write_bytes(b"\xff\xd8\xff")
    page.goto("/")
    page.set_input_files("#folder", tmp_path / "all")
    expect(page.locator("#remarks .error")).to_contain_text("“anna” (20 photos), “ben” (20 photos)")
    expect(page.locator("#go")).to_be_disabled()
    page.select_option("#level", "inner")
    expect(page.locator("#summary")).to_contain_text("40 photos in 2 classes")
    with page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/")) as asked:
        send(page, "asked@example.org")
    body: Any = asked.value.post_data_json
    assert body["options"]["classes"] == "inner"
    landed(page)
