"""`POST /`: what comes in, what goes out, and every way in which it is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from jobs.job import valid_id
from jobs.options import Options
from tests.unit.function.conftest import PUBLIC_URL, Front, front_at

FORMS: dict[str, dict[str, Any]] = {
    "json": {"json": {"email": "ada@example.org", "options": {"minutes": 2, "exports": ["keras"]}}},
    "json, flat": {"json": {"email": "ada@example.org", "minutes": 2, "exports": "keras"}},
    "json, with no content type of its own": {
        "data": '{"email": "ada@example.org", "options": {"minutes": 2, "exports": "keras"}}',
        "content_type": "application/x-www-form-urlencoded",
    },
    "form": {"data": {"email": "ada@example.org", "minutes": "2", "exports": "keras"}},
    "form, options as JSON": {"data": {"email": "ada@example.org", "options": '{"minutes": 2, "exports": ["keras"]}'}},
    "multipart": {
        "data": {"email": "ada@example.org", "minutes": "2", "exports": "keras"},
        "content_type": "multipart/form-data",
    },
    "query": {"query_string": {"email": "ada@example.org", "minutes": "2", "exports": "keras"}},
    "query, options as JSON": {
        "query_string": {"email": "ada@example.org", "options": '{"minutes": "2", "exports": ["keras"]}'}
    },
    "query and form": {"query_string": {"email": "ada@example.org"}, "data": {"minutes": "2", "exports": "keras"}},
    "address with blanks around it": {"data": {"email": "  ada@example.org ", "minutes": "2", "exports": "keras"}},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_every_form_makes_the_same_job(front: Front, form: dict[str, Any]) -> None:
    answer = front.call("POST", "/", **form)
    assert answer.status_code == 201, answer.text
    record = front.queue.read(answer.get_json()["job_id"])
    assert record is not None
    assert record.job.email == "ada@example.org"
    assert record.job.options == Options(minutes=2, exports=("h5", "keras"))


def test_the_answer_holds_all_that_an_upload_needs(front: Front) -> None:
    answer = front.submitted()
    assert set(answer) == {"job_id", "upload", "status_url", "delete_url"}
    job_id, upload = answer["job_id"], answer["upload"]
    assert valid_id(job_id)
    assert answer["status_url"] == f"{PUBLIC_URL}/jobs/{job_id}"
    assert answer["delete_url"].startswith(f"{PUBLIC_URL}/jobs/{job_id}/delete?token=")
    headers = {
        "content-type": "application/zip",
        "x-goog-content-length-range": "1,2147483648",
        "x-goog-if-generation-match": "0",
    }
    assert set(upload) == {"method", "url", "headers", "expires_at", "max_bytes", "resumable"}
    assert (upload["method"], upload["headers"], upload["max_bytes"]) == ("PUT", headers, 2147483648)
    assert upload["expires_at"] == "2026-01-01T01:00:00Z"
    start = upload["resumable"]
    assert (start["method"], start["headers"]) == ("POST", {**headers, "x-goog-resumable": "start"})


@pytest.mark.parametrize(
    ("path", "extra"), [(("upload",), ""), (("upload", "resumable"), ";x-goog-resumable")], ids=["put", "resumable"]
)
def test_links_sign_one_object_for_an_hour(front: Front, path: tuple[str, ...], extra: str) -> None:
    answer = front.submitted()
    link: Any = answer
    for key in path:
        link = link[key]
    parts = urlsplit(link["url"])
    assert f"{parts.scheme}://{parts.netloc}" == "http://127.0.0.1:9000"
    assert parts.path == f"/modelmail-datasets/{answer['job_id']}.zip"
    query = parse_qs(parts.query)
    assert query["X-Goog-Algorithm"] == ["GOOG4-RSA-SHA256"]
    assert query["X-Goog-Expires"] == ["3600"]
    signed = "content-type;host;x-goog-content-length-range;x-goog-if-generation-match" + extra
    assert query["X-Goog-SignedHeaders"] == [signed]


PLUS: dict[str, tuple[dict[str, Any], str]] = {
    "form": ({"data": "email=ada+cats@example.org"}, "ada+cats@example.org"),
    "form, with %40": ({"data": "minutes=2&email=ada+cats+dogs%40example.org"}, "ada+cats+dogs@example.org"),
    "form, %2B": ({"data": "email=ada%2Bcats%40example.org"}, "ada+cats@example.org"),
    "form, the name encoded too": ({"data": "%65mail=ada+cats@example.org"}, "ada+cats@example.org"),
    "form, pasted with blanks": ({"data": "email=+ada@example.org%20"}, "ada@example.org"),
    "query": ({"query_string": "email=ada+cats@example.org"}, "ada+cats@example.org"),
    "query and form": ({"query_string": "minutes=2", "data": "email=ada+cats@example.org"}, "ada+cats@example.org"),
    "multipart": (
        {"data": {"email": "ada+cats@example.org"}, "content_type": "multipart/form-data"},
        "ada+cats@example.org",
    ),
    "json": ({"json": {"email": "ada+cats@example.org"}}, "ada+cats@example.org"),
}


@pytest.mark.parametrize(("how", "email"), PLUS.values(), ids=PLUS.keys())
def test_a_plus_in_an_address_is_a_plus(front: Front, how: dict[str, Any], email: str) -> None:
    if isinstance(how.get("data"), str):
        how = {**how, "content_type": "application/x-www-form-urlencoded"}
    answer = front.call("POST", "/", **how)
    assert answer.status_code == 201, answer.text
    record = front.queue.read(answer.get_json()["job_id"])
    assert record is not None
    assert record.job.email == email


def test_a_space_in_an_address_is_no_plus(front: Front) -> None:
    how = {"data": "email=ada%20cats@example.org", "content_type": "application/x-www-form-urlencoded"}
    answer = front.call("POST", "/", **how)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "bad_email")


BAD_EMAILS: dict[str, Any] = {
    "none at all": None,
    "empty": "",
    "no @": "ada",
    "two, with a comma": "ada@example.org,bob@example.org",
    "two, with a semicolon": "ada@example.org;bob@example.org",
    "two, with a blank": "ada@example.org bob@example.org",
    "a list of one": ["ada@example.org"],
    "a number": 7,
    "a display name": "Ada <ada@example.org>",
    "carriage return and line feed": "ada@example.org\r\nBcc: bob@example.org",
    "line feed at the end": "ada@example.org\n",
    "carriage return at the start": "\rada@example.org",
    "encoded line feed stays text": "ada%0d%0abcc:bob@example.org",
    "null": "ada@example.org\0",
    "too long a local part": "a" * 65 + "@example.org",
    "too long in all": "a@" + "b" * 60 + "." + ".".join(["c" * 60] * 4) + ".org",
    "quoted": '"ada smith"@example.org',
    "an IP address": "ada@[127.0.0.1]",
    "this machine": "ada@localhost",
    "a local part that few mail servers take": "\u00e4da@example.org",
    "half a character": "ada\ud800@example.org",
}


@pytest.mark.parametrize("email", BAD_EMAILS.values(), ids=BAD_EMAILS.keys())
def test_a_bad_address_is_refused(front: Front, email: Any) -> None:
    answer = front.call("POST", "/", json={} if email is None else {"email": email})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "bad_email")
    assert list(front.buckets.emails.list()) == []


@pytest.mark.parametrize(
    "how",
    [
        {"query_string": "email=ada@example.org&email=bob@example.org"},
        {"data": "email=ada@example.org&email=bob@example.org", "content_type": "application/x-www-form-urlencoded"},
        {"query_string": "email=ada@example.org", "data": {"email": "bob@example.org"}},
        {"query_string": "email=ada@example.org", "json": {"email": "ada@example.org"}},
        {"data": '{"email": "ada@example.org", "email": "bob@example.org"}', "content_type": "application/json"},
        {"query_string": "email=" + quote("ada@example.org\r\nX-Evil: 1")},
        {"data": urlencode({"email": "ada@example.org\nBcc: b@example.org"}).encode()}
        | {"content_type": "application/x-www-form-urlencoded"},
    ],
)
def test_two_addresses_or_a_line_break_in_any_form(front: Front, how: dict[str, Any]) -> None:
    answer = front.call("POST", "/", **how)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "bad_email")


def test_an_international_domain_is_kept_as_mail_servers_write_it(front: Front) -> None:
    record = front.queue.read(front.submitted("ada@b\u00fccher.example.org")["job_id"])
    assert record is not None and record.job.email == "ada@xn--bcher-kva.example.org"


BAD_OPTIONS: dict[str, dict[str, Any]] = {
    "unknown": {"json": {"email": "ada@example.org", "options": {"speed": "fast"}}},
    "unknown, flat": {"json": {"email": "ada@example.org", "speed": "fast"}},
    "unknown, in a form": {"data": {"email": "ada@example.org", "speed": "fast"}},
    "unknown, in the query": {"query_string": {"email": "ada@example.org", "speed": "fast"}},
    "a value out of range": {"data": {"email": "ada@example.org", "minutes": "1"}},
    "given twice": {"json": {"email": "ada@example.org", "minutes": 2, "options": {"minutes": 3}}},
    "given twice in the query": {"query_string": "email=ada@example.org&minutes=2&minutes=3"},
    "a nested value": {"json": {"email": "ada@example.org", "options": {"minutes": {"a": [1]}}}},
    "half a character": {"json": {"email": "ada@example.org", "options": {"\ud800": "\ud800"}}},
}


@pytest.mark.parametrize("how", BAD_OPTIONS.values(), ids=BAD_OPTIONS.keys())
def test_bad_options_are_refused(front: Front, how: dict[str, Any]) -> None:
    answer = front.call("POST", "/", **how)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "bad_option")
    assert list(front.buckets.emails.list()) == []


BAD_BODIES: dict[str, bytes] = {
    "no JSON": b"{",
    "no object": b'["ada@example.org"]',
    "a text": b'"ada@example.org"',
    "no UTF-8": b'{"email": "\xff"}',
    "too deep": b'{"email": ' + b"[" * 60_000,
    "too large a number": b'{"email": ' + b"9" * 6000 + b"}",
    "options that are no object": b'{"email": "ada@example.org", "options": [1]}',
    "options that are no JSON": b'{"email": "ada@example.org", "options": "minutes"}',
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_body_that_cannot_be_read(front: Front, body: bytes) -> None:
    answer = front.call("POST", "/", data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "bad_request")


def test_a_file_in_the_form_is_told_where_to_go(front: Front) -> None:
    answer = front.call("POST", "/", data={"email": "ada@example.org", "zip": (io.BytesIO(b"PK"), "a.zip")})
    assert answer.status_code == 400
    assert "upload link" in answer.get_json()["error"]["message"]


@pytest.mark.parametrize("size", [65_537, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit(front: Front, size: int, chunked: bool) -> None:
    body = b'{"email": "ada@example.org"}'.ljust(size)  # cut off at the limit, it would still be JSON
    how: dict[str, Any] = {"data": body}
    if chunked:
        stream = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
        how = {"environ": stream, "headers": {"Transfer-Encoding": "chunked"}}
    answer = front.call("POST", "/", **how)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (413, "too_large")


def test_a_query_over_the_limit(front: Front) -> None:
    answer = front.call("POST", "/", query_string="email=ada@example.org&" + "x" * 65_537)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (413, "too_large")


def test_a_body_of_just_the_limit(front: Front) -> None:
    assert front.call("POST", "/", data=b'{"email": "ada@example.org"}'.ljust(65_536)).status_code == 201


def test_a_form_of_too_many_fields(front: Front) -> None:
    body = "".join(f'--b\r\nContent-Disposition: form-data; name="f{n}"\r\n\r\n\r\n' for n in range(1100)) + "--b--\r\n"
    answer = front.call("POST", "/", data=body.encode(), content_type="multipart/form-data; boundary=b")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (413, "too_large")


def test_links_come_from_the_public_url_and_not_from_the_request(front: Front) -> None:
    answer = front.call("POST", "/", json={"email": "ada@example.org"}, headers={"Host": "evil.example.net"})
    assert "evil" not in json.dumps(answer.get_json())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),  # a program
        ({"Sec-Fetch-Site": "same-origin", "Origin": PUBLIC_URL}, 201),
        ({"Sec-Fetch-Site": "none"}, 201),
        ({"Origin": PUBLIC_URL}, 201),  # an older browser
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://other.example.org"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),  # a page in a sandbox
    ],
)
def test_a_form_of_another_site_makes_no_job(front: Front, headers: dict[str, str], status: int) -> None:
    answer = front.call("POST", "/", data={"email": "ada@example.org"}, headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.get_json()["error"]["code"] == "foreign_page"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost:8080", 200),
        ("LOCALHOST", 200),
        ("[::1]:8080", 200),
        ("photos.localhost:8080", 200),
        ("evil.example:8080", 403),  # a name of a stranger's that points here
        ("127.0.0.1.evil.example", 403),
        ("192.168.1.5:8080", 403),
        ("localhost.evil.example", 403),
    ],
)
def test_a_service_on_one_s_own_machine_answers_only_to_its_names(key_file: Path, host: str, status: int) -> None:
    local = front_at("http://127.0.0.1:8080", key_file)
    own_page = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert local.call("GET", "/health", headers=own_page).status_code == status
    sent = local.call("POST", "/", json={"email": "ada@example.org"}, headers=own_page)
    assert sent.status_code == {200: 201, 403: 403}[status]
    assert any(local.buckets.emails.list("jobs/")) == (status == 200)


def test_a_service_elsewhere_answers_to_any_name(front: Front) -> None:
    assert front.call("GET", "/health", headers={"Host": "abc-ew.a.run.app"}).status_code == 200
