"""What all answers have in common: refusals, pages, headers, logs, and the start of the program."""

from __future__ import annotations

import gzip
import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import flask
import pytest

from function import answers, assets, main
from function.handlers import OVERDUE_SECONDS
from jobs import browser_runtime
from jobs.errors import CODES, Where
from jobs.job import Status, new_id
from jobs.options import Options
from jobs.settings import Settings
from jobs.storage.providers import open_links
from tests.unit.function.conftest import HTML, PUBLIC_URL, Down, Front


def _expired(front: Front, job_id: str) -> None:
    front.change(job_id, status=Status.EXPIRED)


def _deleted(front: Front, job_id: str) -> None:
    front.queue.delete(job_id)


def _past_its_time(front: Front, job_id: str) -> None:
    front.change(job_id, status=Status.DONE, delete_after=front.clock.now())


IDS: dict[str, str] = {
    "unknown": new_id(),
    "too short": "abc",
    "too long": "a" * 23,
    "line feed at the end": "a" * 22 + "%0A",
    "a path": "..%2F..%2Fjobs%2Fx",
    "other letters": "\u00e4" * 22,
    "null": "a" * 21 + "%00",
}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs/{}"),
        ("GET", "/jobs/{}/files/model.h5"),
        ("GET", "/jobs/{}/delete?token=x"),
        ("POST", "/jobs/{}/upload"),
        ("POST", "/jobs/{}/delete?token=x"),
        ("DELETE", "/jobs/{}?token=x"),
    ],
)
def test_whatever_is_not_there_answers_the_same(front: Front, method: str, path: str) -> None:
    bodies = {front.call(method, path.format(job_id)).data for job_id in IDS.values() if "%2F" not in job_id}
    for make_gone in (_expired, _deleted, _past_its_time):
        job_id = front.submitted(f"{make_gone.__name__}@example.org")["job_id"]
        make_gone(front, job_id)
        answer = front.call(method, path.format(job_id))
        assert answer.status_code == 404
        bodies.add(answer.data)
    assert len(bodies) == 1
    assert json.loads(bodies.pop())["error"]["code"] == "not_found"
    assert front.call(method, path.format(IDS["a path"])).status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_ids_are_checked_before_any_read(front: Front, method: str) -> None:
    down = front.on(Down())
    assert down.call(method, f"/jobs/{IDS['too short']}").status_code == 404
    assert down.call(method, f"/jobs/{IDS['unknown']}").status_code == 503


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/", "GET, HEAD, POST"),
        ("OPTIONS", "/", "GET, HEAD, POST"),
        ("POST", "/health", "GET, HEAD"),
        ("POST", "/jobs/" + "a" * 22, "DELETE, GET, HEAD"),
        ("GET", "/jobs/" + "a" * 22 + "/upload", "POST"),
        ("PATCH", "/jobs/" + "a" * 22 + "/delete", "DELETE, GET, HEAD, POST"),
    ],
)
def test_other_methods(front: Front, method: str, path: str, allow: str) -> None:
    answer = front.call(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)
    assert answer.get_json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/nothing", "/jobs", "/jobs/", "/tasks/sweep", "/health/x"])
def test_other_paths(front: Front, path: str) -> None:
    assert front.call("POST", path).status_code in (404, 405)
    assert front.call("GET", path).get_json()["error"]["code"] == "not_found"


def test_health_tells_the_age_of_the_oldest_upload(front: Front) -> None:
    assert front.call("GET", "/health").get_json() == {"status": "ok", "oldest_waiting_seconds": None, "overdue": False}
    front.upload(front.submitted()["job_id"])
    assert isinstance(front.call("GET", "/health").get_json()["oldest_waiting_seconds"], float)
    front.clock.advance(OVERDUE_SECONDS + 1)
    assert front.call("GET", "/health").get_json()["overdue"] is True


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (None, False),
        ("*/*", False),
        ("text/*", False),
        ("application/json", False),
        ("text/html", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("application/json, text/html;q=0.5", False),
        ("text/html;q=0", False),
    ],
)
def test_html_only_when_accept_names_it(front: Front, done: str, accept: str | None, html: bool) -> None:
    for path in ("/", f"/jobs/{done}", "/nothing"):
        answer = front.call("GET", path, headers={"Accept": accept} if accept else {})
        assert answer.mimetype == ("text/html" if html else "application/json")


def test_the_first_page_has_the_commands(front: Front) -> None:
    page = front.call("GET", "/", headers=HTML).text
    assert f"curl -X POST {PUBLIC_URL}/ -d email=" in page
    description = front.call("GET", "/").get_json()
    assert description["submit"]["url"] == f"{PUBLIC_URL}/"
    assert set(description["options"]) == set(vars(Options()))


def test_pages_run_only_this_sites_own_scripts_and_load_nothing_else(front: Front, done: str) -> None:
    scripts = {
        "/": "home.js",
        f"/jobs/{done}": "status.js",
        f"/jobs/{done}/delete?token={front.token(done)}": None,
        "/nothing": None,
    }
    for path, script in scripts.items():
        answer = front.call("GET", path, headers=HTML)
        policy = answer.headers["Content-Security-Policy"]
        nonce = re.search(r"style-src 'nonce-([\w-]+)'", policy)
        assert nonce is not None and f'<style nonce="{nonce[1]}">' in answer.text
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert ("script-src 'self'" in policy) is (script is not None) is ("script-src" in policy)
        wanted = [f'<script type="module" src="{assets.path(script)}"></script>'] if script else []
        assert re.findall(r"<script.*?</script>", answer.text) == wanted
        links = [f'<link rel="icon" type="image/svg+xml" href="{assets.path("icon.svg")}">']
        assert re.findall("<link.*?>", answer.text) == links and "img-src 'self'" in policy
        assert not re.search(r"\sstyle=|\son\w+=", answer.text)
        assert '<html lang="en">' in answer.text and answer.text.count("<h1>") == 1


@pytest.mark.parametrize(
    ("name", "kind"), [("home.js", "text/javascript; charset=utf-8"), ("icon.svg", "image/svg+xml; charset=utf-8")]
)
def test_assets_are_kept_by_browsers_under_the_name_of_their_content(front: Front, name: str, kind: str) -> None:
    kept = front.call("GET", assets.path(name))
    assert kept.status_code == 200 and kept.content_type == kind
    assert "immutable" in kept.headers["Cache-Control"]
    # A page of before an update still finds its files, which no browser keeps under that name.
    old = front.call("GET", f"/assets/0123456789abcdef/{name}")
    assert old.data == kept.data and old.headers["Cache-Control"] == "no-store"


@pytest.mark.skipif(bool(browser_runtime.missing()), reason="LiteRT.js could not be fetched here")
def test_the_program_that_runs_models_is_sent_as_it_is_kept_or_unpacked(front: Front) -> None:
    name = "litert_wasm_internal.wasm"
    packed = front.call("GET", assets.path(name), headers={"Accept-Encoding": "br, gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["Vary"] == "Accept-Encoding"
    assert packed.content_type == "application/wasm"
    plain = front.call("GET", assets.path(name))
    assert "Content-Encoding" not in plain.headers
    assert plain.data == gzip.decompress(packed.data) and plain.data.startswith(b"\0asm")
    assert front.call("GET", assets.path(f"{name}.gz")).status_code == 404
    licence = front.call("GET", assets.path("litert-licence.txt"))
    assert "Apache License" in licence.text and licence.content_type.startswith("text/plain")


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fbase.html", "__init__.py", ""])
def test_nothing_but_assets_is_served(front: Front, name: str) -> None:
    assert front.call("GET", assets.path("home.js").replace("home.js", name)).status_code == 404


@pytest.mark.parametrize(
    ("storage", "source"),
    [("", "https://storage.googleapis.com"), ("http://127.0.0.1:9000/", "http://127.0.0.1:9000")],
)
def test_the_upload_page_may_talk_to_this_site_and_the_storage_alone(key_file: Path, storage: str, source: str) -> None:
    links = open_links(Settings.from_env({"MODELMAIL_STORAGE_URL": storage, "MODELMAIL_SIGNING_KEY": str(key_file)}))
    policy = answers.live_page("deleted", {}, links.origin).headers["Content-Security-Policy"]
    assert f"connect-src 'self' {source};" in policy


EVERYWHERE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def test_every_answer_carries_the_headers_and_head_has_no_body(front: Front, done: str) -> None:
    for path in ("/", "/health", f"/jobs/{done}", f"/jobs/{done}/files/model.h5", "/nothing"):
        answer, head = front.call("GET", path), front.call("HEAD", path)
        assert EVERYWHERE.items() <= dict(answer.headers).items()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert (head.status_code, head.data) == (answer.status_code, b"")
        assert head.headers["Content-Length"] == answer.headers["Content-Length"] or "files" in path


def test_storage_that_does_not_answer(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    down = front.on(Down())
    answer = down.call("POST", "/", json={"email": "ada@example.org"})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "storage_unavailable")
    assert answer.headers["Retry-After"] == "60"
    assert "Transient" in caplog.text and "Signature" not in caplog.text


class _Broken(Down):
    """A bucket that breaks in a way that nobody foresaw."""

    def list(self, prefix: str = "") -> Any:
        raise RuntimeError("ada@example.org")


def test_a_bug_shows_no_traceback_and_logs_no_message(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    for headers in ({}, HTML):
        answer = front.on(_Broken()).call("POST", "/", json={"email": "ada@example.org"}, headers=headers)
        assert answer.status_code == 500
        assert "RuntimeError" not in answer.text and "ada@" not in answer.text
    assert "RuntimeError in" in caplog.text and "test_answers.py" in caplog.text
    assert "ada@" not in caplog.text


def test_logs_hold_no_id_address_token_or_signature(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    submission = front.submitted()
    job_id, token = submission["job_id"], front.token(submission["job_id"])
    front.call("GET", f"/jobs/{job_id}")
    front.call("POST", f"/jobs/{job_id}/upload")
    front.call("DELETE", f"/jobs/{job_id}?token=wrong")
    front.call("DELETE", f"/jobs/{job_id}?token={token}")
    assert f"job {job_id[:8]} submitted" in caplog.text and f"job {job_id[:8]} deleted" in caplog.text
    for secret in (job_id, token, "ada@", "example.org", "Signature", "203.0.113.7"):
        assert secret not in caplog.text


def test_every_code_of_a_request_is_tested() -> None:
    """Each code of the table stands in a test of the function, beside the answer that carries it."""
    here = Path(__file__).parent
    slow = here.parents[1] / "integration" / "test_slow_bodies.py"  # only a real server has a slow body
    text = "".join(path.read_text() for path in (*here.glob("test_*.py"), slow))
    codes = [row.code for row in CODES.values() if row.where is Where.REQUEST]
    assert [code for code in codes if f'"{code}"' not in text] == []


@pytest.mark.parametrize("missing", ["MODELMAIL_PUBLIC_URL", "MODELMAIL_SECRET", "MODELMAIL_ALLOWED_ADDRESSES"])
def test_a_missing_setting_is_named(
    missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {
        "MODELMAIL_PUBLIC_URL": PUBLIC_URL,
        "MODELMAIL_SECRET": "known to these tests",
        "MODELMAIL_ALLOWED_ADDRESSES": "*",
    }
    for name in settings:
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        if name != missing:
            monkeypatch.setenv(name, value)
    answer = main.handle(flask.Request({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http"}))
    assert answer.status_code == 500
    assert json.loads(answer.get_data())["error"]["code"] == "internal_error"
    assert f"{missing} must be set" in caplog.text


def test_importing_the_function_loads_nothing_heavy() -> None:
    heavy = "{'tensorflow', 'keras', 'numpy', 'PIL', 'pandas', 'matplotlib', 'sklearn', 'h5py'}"
    program = f"import sys, function.main; print(sorted({heavy} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == "[]"
