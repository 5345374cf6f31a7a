"""Photos picked or dropped in a real browser arrive in the bucket, whatever the network does."""

from __future__ import annotations

import io
import random
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from function.client import zip_folder
from infra.local.stack import Stack
from jobs.storage import gcs
from tests.browser.conftest import PHONE

MIB = 1024 * 1024


def _store(stack: Stack, bucket: str) -> gcs.GcsStore:
    return gcs.GcsStore(gcs.client(stack.storage_url).bucket(bucket))


def _arrived(stack: Stack, page: Page) -> zipfile.ZipFile:
    """The zip of the job whose page this is."""
    job_id = page.url.rpartition("/")[2]
    blob = _store(stack, stack.settings.datasets_bucket).get(f"{job_id}.zip")
    assert blob is not None
    return zipfile.ZipFile(io.BytesIO(blob.data))


def _names(folder: Path) -> list[str]:
    return sorted(f"pets/{path.relative_to(folder).as_posix()}" for path in folder.rglob("*.jpg"))


def _pick(page: Page, what: Path, where: str = "#folder") -> None:
    page.goto("/")
    page.set_input_files(where, what)
    expect(page.locator("#summary")).to_contain_text("classes")


def _send(page: Page, email: str) -> None:
    page.fill("#email", email)
    page.click("#go")


def _landed(page: Page) -> None:
    page.wait_for_url(re.compile("/jobs/[A-Za-z0-9_-]{22}$"))
    expect(page.locator("h1")).to_have_text("Your photos are here")


def _heavy(folder: Path, megabytes: int) -> Path:
    """Two classes of files that are named like photos, so large that they go in chunks."""
    noise = random.Random(1)  # noqa: S311 (no secret)
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            (folder / name / f"{number}.jpg").write_bytes(noise.randbytes(megabytes * MIB // 20))
    return folder


def test_a_folder_goes_as_a_zip_to_the_bucket_and_on_to_the_jobs_page(page: Page, stack: Stack, photos: Path) -> None:
    _pick(page, photos)
    expect(page.locator("#summary")).to_contain_text("24 photos in 2 classes")
    expect(page.locator("#classes tr")).to_have_count(2)
    expect(page.locator("#classes tr").first).to_contain_text("cats")
    expect(page.locator("#classes canvas")).to_have_count(8)
    expect(page.locator("#remarks")).to_contain_text("50 or more give a better model")
    _send(page, "folder@example.org")
    _landed(page)
    expect(page.locator("main")).to_contain_text("You can close this page")
    expect(page.locator("#address")).to_have_text("folder@example.org")
    with _arrived(stack, page) as archive:
        assert archive.namelist() == _names(photos)  # no litter, in the order of their paths
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
    _pick(page, folder)
    expect(page.locator("#summary")).to_contain_text("6 label files")
    expect(page.locator("#left-summary")).to_have_text("3 other files are of no use here, and not sent")
    page.click("#left-summary")
    assert page.locator("#left-names li").all_text_contents() == [f"pets/{name}" for name in others]
    _send(page, "sifted@example.org")
    _landed(page)
    with _arrived(stack, page) as archive:
        names = {name.replace("00.jpg", "00.jpg_large") if "cats/00" in name else name for name in _names(photos)}
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
    _send(page, "dropped@example.org")
    _landed(page)
    with _arrived(stack, page) as archive:
        assert archive.namelist() == [name.removeprefix("pets/") for name in _names(photos)]


def test_a_zip_is_looked_into_and_sent_as_it_is(page: Page, stack: Stack, photos: Path, tmp_path: Path) -> None:
    packed = zip_folder(photos, tmp_path / "pets.zip")
    _pick(page, packed, "#zip")
    expect(page.locator("#summary")).to_contain_text("24 photos in 2 classes")
    expect(page.locator("#classes canvas")).to_have_count(8)
    _send(page, "zip@example.org")
    _landed(page)
    job_id = page.url.rpartition("/")[2]
    blob = _store(stack, stack.settings.datasets_bucket).get(f"{job_id}.zip")
    assert blob is not None and blob.data == packed.read_bytes()


def test_classes_can_be_picked_one_at_a_time_on_a_phone(browser: Browser, stack: Stack, photos: Path) -> None:
    context = browser.new_context(viewport=PHONE, base_url=stack.function_url, has_touch=True)
    page = context.new_page()
    page.goto("/")
    page.get_by_text("pick the photos of one class").click()
    for name in ("cats", "dogs"):
        page.fill("#class-name", name)
        page.set_input_files("#class-files", sorted((photos / name).glob("*.jpg")))
        page.click("#class-add")
    expect(page.locator("#summary")).to_contain_text("24 photos in 2 classes")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0  # nothing sticks out to the side
    _send(page, "phone@example.org")
    _landed(page)
    with _arrived(stack, page) as archive:
        assert len(archive.namelist()) == 24
    context.close()


def test_options_go_with_the_job(page: Page, stack: Stack, photos: Path) -> None:
    _pick(page, photos)
    page.get_by_text("Options", exact=True).first.click()
    page.fill("#minutes", "7")
    page.select_option("#task", "classification")
    page.select_option("#objective", "small")
    page.uncheck("input[name=mirror]")
    page.check("input[name=from_scratch]")
    page.check("input[value=efficientnet_lite1]")
    with page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/")) as asked:
        _send(page, "options@example.org")
    body: Any = asked.value.post_data_json
    options: dict[str, Any] = body["options"]
    assert {
        "minutes": 7,
        "task": "classification",
        "objective": "small",
        "mirror": False,
        "from_scratch": True,
        "candidates": ["efficientnet_lite1"],
    }.items() <= options.items()
    _landed(page)


def test_an_option_that_is_not_valid_is_unfolded_and_pointed_at(page: Page, photos: Path) -> None:
    _pick(page, photos)
    page.get_by_text("Options", exact=True).first.click()
    page.fill("#minutes", "1")
    page.get_by_text("Options", exact=True).first.click()
    expect(page.locator("#minutes")).to_be_hidden()
    _send(page, "invalid@example.org")
    expect(page.locator("#minutes")).to_be_focused()


def test_a_page_that_back_brings_again_can_be_used(page: Page, photos: Path) -> None:
    _pick(page, photos)
    _send(page, "back@example.org")
    _landed(page)
    page.go_back()
    expect(page.locator("#pick")).to_be_enabled()
    expect(page.locator("#cancel")).to_be_hidden()


def test_a_large_folder_goes_on_after_dropped_connections(page: Page, stack: Stack, tmp_path: Path) -> None:
    folder = _heavy(tmp_path / "heavy", 20)
    dropped: list[str] = []

    def drop(route: Route) -> None:
        given = route.request.headers.get("content-range", "")
        if given.startswith("bytes 8388608-") and len(dropped) < 2:
            dropped.append(given)
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(f"{stack.storage_url}/**", drop)
    _pick(page, folder)
    _send(page, "dropped-connection@example.org")
    expect(page.locator("#meter-text")).to_contain_text("Trying again")
    _landed(page)
    assert len(dropped) == 2
    with _arrived(stack, page) as archive:
        assert archive.testzip() is None and len(archive.namelist()) == 20


def test_an_upload_goes_on_after_a_reload_once_the_folder_is_picked_again(
    page: Page, stack: Stack, tmp_path: Path, dialogs: list[str]
) -> None:
    folder = _heavy(tmp_path / "heavy", 20)
    ranges: list[str] = []

    def stop(route: Route) -> None:
        given = route.request.headers.get("content-range", "")
        if given.startswith("bytes 16777216-"):
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(f"{stack.storage_url}/**", stop)
    _pick(page, folder)
    _send(page, "reload@example.org")
    expect(page.locator("#meter-text")).to_contain_text("Trying again")
    page.unroute_all()
    page.on("request", lambda request: ranges.append(request.headers.get("content-range", "")))
    page.reload()
    assert [dialogs.pop()] == ["beforeunload"]  # photos are being sent: the browser asks first
    expect(page.locator("#said")).to_contain_text("goes on where it stopped")
    page.set_input_files("#folder", folder)
    expect(page.locator("#summary")).to_contain_text("classes")
    _send(page, "reload@example.org")
    _landed(page)
    sent = [given for given in ranges if re.match(r"bytes \d+-", given)]
    assert sent and all(given.startswith("bytes 16777216-") for given in sent)
    with _arrived(stack, page) as archive:
        assert archive.testzip() is None
    assert page.evaluate("localStorage.getItem('modelmail.upload')") is None


def test_cancel_stops_the_upload_and_leaves_the_page_usable(page: Page, stack: Stack, tmp_path: Path) -> None:
    page.route(re.compile("upload_id="), lambda route: None)  # the bucket never answers
    _pick(page, _heavy(tmp_path / "heavy", 12))
    _send(page, "cancel@example.org")
    expect(page.locator("#cancel")).to_be_visible()
    page.click("#cancel")
    expect(page.locator("#said")).to_contain_text("Cancelled")
    expect(page.locator("#go")).to_be_enabled()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"cats/1.jpg": 20}, "only one class"),
        ({"1.jpg": 1, "2.jpg": 1}, "only one class, “bad”"),
        ({"cats/a.jpg": 12, "dogs/a.jpg": 3}, "Too few photos in “dogs” (3)"),
        ({"cats/a.txt": 12, "dogs/a.txt": 12}, "No photos were found"),
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
            path.with_stem(f"{path.stem}{number}").write_bytes(b"\xff\xd8\xff")
    page.goto("/")
    page.set_input_files("#folder", tmp_path / "bad")
    expect(page.locator("#remarks .error").first).to_contain_text(words)
    expect(page.locator("#go")).to_be_disabled()


def test_a_file_that_is_no_zip_is_said_so(page: Page, tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(b"hello" * 100)
    page.goto("/")
    page.set_input_files("#zip", tmp_path / "photos.zip")
    expect(page.locator("#said")).to_contain_text("not a zip")
    expect(page.locator("#go")).to_be_disabled()


def test_the_services_refusals_are_shown_in_its_own_words(page: Page, photos: Path) -> None:
    _pick(page, photos)
    _send(page, "nobody@localhost")
    expect(page.locator("#said")).to_contain_text("That is not one email address")
    expect(page.locator("#go")).to_be_enabled()


def test_class_names_are_data(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "names"
    for name in ("<img src=x onerror=alert(1)>", "猫と犬"):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            (folder / name / f"{number}.jpg").write_bytes(b"\xff\xd8\xff")
    _pick(page, folder)
    expect(page.locator("#classes th").first).to_have_text("<img src=x onerror=alert(1)>")
    expect(page.locator("#classes th").last).to_have_text("猫と犬")
    assert page.locator("img").count() == 0


def test_the_tab_key_alone_reaches_everything(page: Page, photos: Path) -> None:
    _pick(page, photos)
    page.fill("#email", "tab@example.org")
    page.locator("header a").focus()
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"folder", "zip", "clear", "email", "go", "SUMMARY"} <= set(reached)
    assert reached.index("folder") < reached.index("email") < reached.index("go")
