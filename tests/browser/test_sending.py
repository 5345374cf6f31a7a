"""Photos arrive in the bucket whatever the network does, and the page can be used afterwards."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from infra.local.stack import Stack
from tests.browser.upload import arrived, heavy, landed, pick, send


def test_an_option_that_is_not_valid_is_unfolded_and_pointed_at(page: Page, photos: Path) -> None:
    pick(page, photos)
    page.get_by_text("Options", exact=True).first.click()
    page.fill("#minutes", "1")
    page.get_by_text("Options", exact=True).first.click()
    expect(page.locator("#minutes")).to_be_hidden()
    send(page, "invalid@example.org")
    expect(page.locator("#minutes")).to_be_focused()


@pytest.mark.slow  # a load more
def test_a_page_that_back_brings_again_can_be_used(page: Page, photos: Path) -> None:
    pick(page, photos)
    send(page, "back@example.org")
    landed(page)
    page.go_back()
    expect(page.locator("#pick")).to_be_enabled()
    expect(page.locator("#cancel")).to_be_hidden()


@pytest.mark.slow
def test_a_large_folder_goes_on_after_dropped_connections(page: Page, stack: Stack, tmp_path: Path) -> None:
    folder = heavy(tmp_path / "heavy", 20)
    dropped: list[str] = []

    def drop(route: Route) -> None:
        given = route.request.headers.get("content-range", "")
        if given.startswith("bytes 8388608-") and len(dropped) < 2:
            dropped.append(given)
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(f"{stack.storage_url}/**", drop)
    pick(page, folder)
    send(page, "dropped-connection@example.org")
    expect(page.locator("#meter-text")).to_contain_text("Trying again")
    landed(page)
    assert len(dropped) == 2
    with arrived(stack, page) as archive:
        assert archive.testzip() is None and len(archive.namelist()) == 20


def test_an_upload_goes_on_after_a_reload_once_the_folder_is_picked_again(
    page: Page, stack: Stack, tmp_path: Path, dialogs: list[str]
) -> None:
    folder = heavy(tmp_path / "heavy", 20)
    ranges: list[str] = []

    def stop(route: Route) -> None:
        given = route.request.headers.get("content-range", "")
        if given.startswith("bytes 16777216-"):
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(f"{stack.storage_url}/**", stop)
    pick(page, folder)
    send(page, "reload@example.org")
    expect(page.locator("#meter-text")).to_contain_text("Trying again")
    page.unroute_all()
    page.on("request", lambda request: ranges.append(request.headers.get("content-range", "")))
    page.reload()
    assert [dialogs.pop()] == ["beforeunload"]  # photos are being sent: the browser asks first
    expect(page.locator("#said")).to_contain_text("goes on where it stopped")
    page.set_input_files("#folder", folder)
    expect(page.locator("#summary")).to_contain_text("classes")
    send(page, "reload@example.org")
    landed(page)
    sent = [given for given in ranges if re.match(r"bytes \d+-", given)]
    assert sent and all(given.startswith("bytes 16777216-") for given in sent)
    with arrived(stack, page) as archive:
        assert archive.testzip() is None
    assert page.evaluate("localStorage.getItem('modelmail.upload')") is None


def test_cancel_stops_the_upload_and_leaves_the_page_usable(page: Page, stack: Stack, tmp_path: Path) -> None:
    page.route(re.compile("upload_id="), lambda route: None)  # the bucket never answers
    pick(page, heavy(tmp_path / "heavy", 12))
    send(page, "cancel@example.org")
    expect(page.locator("#cancel")).to_be_visible()
    page.click("#cancel")
    expect(page.locator("#said")).to_contain_text("Cancelled")
    expect(page.locator("#go")).to_be_enabled()
    expect(page.locator("#go")).to_be_focused()


def test_the_services_refusals_are_shown_in_its_own_words(page: Page, photos: Path) -> None:
    pick(page, photos)
    send(page, "nobody@localhost")
    expect(page.locator("#said")).to_contain_text("That is not one email address")
    expect(page.locator("#go")).to_be_enabled()


def test_options_go_with_the_job(page: Page, stack: Stack, photos: Path) -> None:
    pick(page, photos)
    page.get_by_text("Options", exact=True).first.click()
    page.fill("#minutes", "7")
    page.select_option("#task", "classification")
    page.select_option("#objective", "small")
    page.fill("#goal", "57")
    page.uncheck("input[name=mirror]")
    page.check("input[name=from_scratch]")
    page.check("input[value=efficientnet_lite1]")
    with page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/")) as asked:
        send(page, "options@example.org")
    body: Any = asked.value.post_data_json
    options: dict[str, Any] = body["options"]
    assert {
        "minutes": 7,
        "task": "classification",
        "objective": "small",
        "goal": 0.57,
        "mirror": False,
        "from_scratch": True,
        "candidates": ["efficientnet_lite1"],
    }.items() <= options.items()
    landed(page)


def test_the_time_is_proposed_by_the_number_of_photos_and_said(page: Page, photos: Path, tmp_path: Path) -> None:
    pick(page, photos)
    expect(page.locator("#time")).to_have_text("The training takes about 2 minutes.")
    many = tmp_path / "many"
    for name in ("cats", "dogs"):
        (many / name).mkdir(parents=True)
        for number in range(405):
            shutil.copyfile(photos / "cats" / "00.jpg", many / name / f"{number}.jpg")
    pick(page, many)
    expect(page.locator("#time")).to_have_text("The training takes about 4 minutes.")
    page.click("#about summary")
    assert page.input_value("#minutes") == "4"
    page.select_option("#design", "evolution")
    expect(page.locator("#time")).to_have_text("The training takes about 62 minutes.")
    page.select_option("#design", "none")
    assert page.input_value("#minutes") == "4"
    page.fill("#minutes", "9")
    page.select_option("#design", "evolution")  # what a person has set stays
    expect(page.locator("#time")).to_have_text("The training takes about 9 minutes.")
    page.click("#clear")
    expect(page.locator("#time")).to_be_hidden()
    page.set_input_files("#folder", photos)
    expect(page.locator("#time")).to_have_text("The training takes about 9 minutes.")
