"""Tests a real browser before the bucket emulator: uploads from a page, and pages that try more than they may."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from google.cloud import storage
from playwright.sync_api import Browser, Page

from tests.servers import EmulatorUnderTest, api

SEND = """async ([url, options]) => {
    try {
        const answer = await fetch(url, options);
        return [answer.status, answer.type === "opaque" ? "" : await answer.text()];
    } catch (error) {
        return [0, String(error)];
    }
}"""


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>a page</title>")

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """The port of another program's web pages."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Empty) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def own_tab(browser: Browser) -> Iterator[Page]:
    """The tab that all pages of this file come to."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture(params=["127.0.0.1", pytest.param("localhost", marks=pytest.mark.slow), "evil.example"])
def page(request: pytest.FixtureRequest, own_tab: Page, site: int) -> Page:
    """A page of another program of this machine, by an address and by a name, and one of a stranger."""
    own_tab.goto(f"http://{request.param}:{site}/")
    return own_tab


@pytest.fixture
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    bucket = emulator.bucket()
    bucket.blob("there").upload_from_string("there")
    return bucket


def test_a_page_uploads_by_a_session_in_chunks(page: Page, bucket: storage.Bucket) -> None:
    origin = page.evaluate("location.origin")
    headers = ["Content-Type", "Content-Range", "Range"]
    bucket.cors = [{"origin": [origin], "method": ["PUT"], "responseHeader": headers}]
    bucket.patch()
    session = bucket.blob("big").create_resumable_upload_session(origin=origin, content_type="text/plain")
    ranges = page.evaluate("""async ([url, piece]) => {
        const send = (body, range) => fetch(url, {method: "PUT", body, headers: {"content-range": range}});
        const first = await send("x".repeat(piece), `bytes 0-${piece - 1}/${piece + 3}`);
        const last = await send("end", `bytes ${piece}-${piece + 2}/${piece + 3}`);
        return [first.status, first.headers.get("range"), last.status];
    }""", [session, 256 * 1024])  # fmt: skip
    assert ranges == [308, "bytes=0-262143", 200]
    assert bucket.blob("big").download_as_bytes() == b"x" * 256 * 1024 + b"end"


def test_a_page_without_a_rule_reads_and_changes_nothing(
    page: Page, emulator: EmulatorUnderTest, bucket: storage.Bucket
) -> None:
    upload = api(bucket, "/o?uploadType=media&name=there", prefix="/upload/storage/v1")
    batch = f"--x\r\n\r\nDELETE /storage/v1/b/{bucket.name}/o/there HTTP/1.1\r\n\r\n\r\n--x--"
    plain, form = {"content-type": "text/plain"}, {"content-type": "multipart/form-data; boundary=x"}
    sent = [
        page.evaluate(SEND, [upload, {"method": "POST", "mode": "no-cors", "headers": plain, "body": "stranger"}]),
        page.evaluate(
            SEND, [f"{emulator.url}/batch", {"method": "POST", "mode": "no-cors", "headers": form, "body": batch}]
        ),
        page.evaluate(SEND, [api(bucket, "/o/there"), {"method": "DELETE"}]),
        page.evaluate(SEND, [api(bucket, "/o/there?alt=media"), {}]),
    ]
    assert [status for status, _ in sent] == [0] * 4  # opaque or refused: the page learns nothing
    assert [(blob.name, blob.size) for blob in bucket.list_blobs()] == [("there", 5)]


def test_a_form_of_a_page_changes_nothing(page: Page, emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    upload = api(bucket, "/o?uploadType=media&name=there", prefix="/upload/storage/v1")
    with page.expect_navigation():
        page.evaluate("""url => {
            document.body.innerHTML = '<form method="post" enctype="text/plain"><input name="a" value="b"></form>';
            document.forms[0].action = url;
            document.forms[0].submit();
        }""", upload)  # fmt: skip
    assert "error" in page.content()
    assert bucket.blob("there").download_as_bytes() == b"there"


def test_a_name_of_a_stranger_does_not_make_its_page_ours(
    browser: Browser, emulator: EmulatorUnderTest, bucket: storage.Bucket
) -> None:
    context = browser.new_context()
    port = emulator.url.rpartition(":")[2]
    answer = context.new_page().goto(f"http://evil.example:{port}/storage/v1/b/{bucket.name}/o")
    assert answer is not None and (answer.status, "there" in answer.text()) == (403, False)
    context.close()
