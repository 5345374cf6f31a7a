"""Tests what web pages may do: CORS on the JSON API, and requests that a page sends without asking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from google.cloud import storage

from infra.emulator.protocol.hosts import Hosts
from tests.emulator.signed import signed_upload
from tests.servers import EmulatorUnderTest, api, running_emulator

ORIGIN = "https://photos.example.org"
CORS = [
    {"origin": [ORIGIN], "method": ["PUT", "GET"], "responseHeader": ["Content-Type", "Content-Range", "Range"]},
]
FOREIGN = {"origin": "https://evil.example"}


@pytest.fixture
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    bucket = emulator.bucket(cors=CORS)
    bucket.blob("there").upload_from_string("there")
    return bucket


def preflight(url: str, origin: str, method: str, headers: str = "content-type") -> str | None:
    asked = {"origin": origin, "access-control-request-method": method, "access-control-request-headers": headers}
    answer = requests.options(url, headers=asked, timeout=10)
    assert answer.status_code == 200
    return answer.headers.get("access-control-allow-origin")


def test_a_page_uploads_by_a_session_that_the_client_began(bucket: storage.Bucket) -> None:
    session = bucket.blob("big").create_resumable_upload_session(origin=ORIGIN, content_type="a/b")
    assert preflight(session, ORIGIN, "PUT", "content-type,content-range") == ORIGIN
    assert preflight(session, "https://other.example", "PUT") is None
    assert preflight(session, ORIGIN, "DELETE") is None
    headers = {"origin": ORIGIN, "content-range": "bytes 0-2/3", "sec-fetch-site": "cross-site"}
    answer = requests.put(session, data=b"abc", headers=headers, timeout=10)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert bucket.blob("big").download_as_bytes() == b"abc"


def test_the_rules_of_the_bucket_count_on_the_json_api(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    there, other = api(bucket, "/o/there"), emulator.bucket()
    assert preflight(there, ORIGIN, "GET", "") == ORIGIN
    assert preflight(api(other, "/o/there"), ORIGIN, "GET", "") is None
    assert preflight(f"{emulator.url}/storage/v1/b", ORIGIN, "GET", "") is None
    assert (
        preflight(f"{there}/rewriteTo/b/{other.name}/o/x", ORIGIN, "PUT", "") is None
    )  # the other bucket has no rules
    assert preflight(f"{there}/rewriteTo/b/{bucket.name}/o/x", ORIGIN, "PUT", "") == ORIGIN
    read = requests.get(there + "?alt=media", headers={"origin": ORIGIN}, timeout=10)
    assert (read.content, read.headers["access-control-allow-origin"]) == (b"there", ORIGIN)
    missing = requests.get(there + "x", headers={"origin": ORIGIN}, timeout=10)
    assert (missing.status_code, missing.headers["access-control-allow-origin"]) == (404, ORIGIN)


@pytest.mark.parametrize("page", [
    FOREIGN,
    {"origin": "null"},
    {**FOREIGN, "sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    {"origin": "http://127.0.0.1:1", "sec-fetch-site": "same-site"},  # another program's page on this machine
    {"origin": "http://127.0.0.1:1"},
])  # fmt: skip
def test_a_page_changes_nothing_that_no_rule_allows(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, page: dict[str, str]
) -> None:
    upload = api(bucket, "/o?uploadType=media&name=there", prefix="/upload/storage/v1")
    batch = (
        "--x\r\nContent-Type: application/http\r\n\r\n"
        f"DELETE /storage/v1/b/{bucket.name}/o/there HTTP/1.1\r\n\r\n\r\n--x--"
    )
    asks = [
        ("POST", upload, "text/plain", "stranger"),
        ("POST", f"{emulator.url}/batch/storage/v1", "multipart/mixed; boundary=x", batch),
        ("POST", f"{emulator.url}/storage/v1/b?project=p", "text/plain", '{"name": "strangers-bucket"}'),
        ("POST", api(bucket, "/o/there/compose"), "text/plain", '{"sourceObjects": [{"name": "there"}]}'),
        ("DELETE", api(bucket, "/o/there"), "", ""),
        ("POST", f"{emulator.url}/v1/projects/-/serviceAccounts/x:signBlob", "text/plain", "{}"),
    ]
    for method, url, kind, body in asks:
        headers = {**page, **({"content-type": kind} if kind else {})}
        answer = requests.request(method, url, data=body, headers=headers, timeout=10)
        assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (403, False), url
    assert [(blob.name, blob.size) for blob in bucket.list_blobs()] == [("there", 5)]
    assert not emulator.client.bucket("strangers-bucket").exists()


def test_a_batch_is_never_a_form(emulator: EmulatorUnderTest) -> None:
    kind = {"content-type": "multipart/form-data; boundary=x"}
    assert requests.post(f"{emulator.url}/batch", data="--x\n\n--x--", headers=kind, timeout=10).status_code == 400


@pytest.mark.parametrize(
    ("page", "status"),
    [
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),  # an image or a script of a strange page
        (FOREIGN, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}, 200),  # an image of a page on this machine
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 200),  # a link
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, 403),
        ({"sec-fetch-site": "none"}, 200),  # typed by hand
        ({"sec-fetch-site": "same-origin"}, 200),
        ({}, 200),
    ],
)
def test_what_a_page_reads(bucket: storage.Bucket, page: dict[str, str], status: int) -> None:
    answer = requests.get(api(bucket, "/o/there?alt=media"), headers=page, timeout=10)
    assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (status, False)


def test_links_forms_and_public_objects_are_for_every_page(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    page = {**FOREIGN, "sec-fetch-site": "cross-site"}
    assert requests.get(emulator.sign(bucket.blob("there")), headers=page, timeout=10).content == b"there"
    signed = signed_upload(emulator, bucket, "new")
    assert requests.put(signed.url, data=b"zip", headers={**signed.headers, **page}, timeout=10).status_code == 200
    bucket.blob("there").make_public()
    assert requests.get(f"{emulator.url}/{bucket.name}/there", headers=page, timeout=10).content == b"there"


def test_a_token_of_a_page_counts_only_by_the_rules(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    there = f"{emulator.url}/{bucket.name}/there"
    for page, status in ((FOREIGN, 403), ({"origin": ORIGIN}, 200), ({}, 200)):
        for token in ({"authorization": "Bearer x"}, {"x-goog-api-client": "gl-python"}):
            assert requests.get(there, headers={**token, **page}, timeout=10).status_code == status


@pytest.fixture(scope="module")
def steered(emulator: EmulatorUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorUnderTest]:
    """An emulator with admin routes, which also answers to another name."""
    data: Path = tmp_path_factory.mktemp("steered") / "data"
    with running_emulator(data, emulator.key, "--admin", "--public-host", "Storage.Test") as own:
        yield own


def test_a_page_orders_no_faults(steered: EmulatorUnderTest) -> None:
    for path, method in (("faults", "PUT"), ("lifecycle", "POST"), ("clock", "GET")):
        answer = requests.request(method, f"{steered.url}/_emulator/{path}", data="[]", headers=FOREIGN, timeout=10)
        assert answer.status_code == 403
    assert steered.tell("faults", [], "GET") == []


HOSTS = [
    ("evil.example", False),
    ("evil.example:{port}", False),
    ("127.0.0.1.evil.example", False),
    ("localhost.evil.example", False),
    ("storage.test", True),
    ("bucket.storage.test:{port}", True),
    ("127.0.0.1:{port}", True),
    ("127.5.5.5", True),
    ("localhost:{port}", True),
    ("LOCALHOST", True),
    ("[::1]:{port}", True),
    ("some.localhost", True),
    ("bucket.storage.googleapis.com", True),
    ("storage.googleapis.com", True),
    ("192.168.1.5:{port}", False),
    ("gcs:{port}", False),
    ("", False),
    ("@", False),
]  # fmt: skip


@pytest.mark.parametrize(("host", "known"), HOSTS)
def test_only_names_of_this_server_are_answered(steered: EmulatorUnderTest, host: str, known: bool) -> None:
    """A name that its owner points at this machine would make a strange page one of our own."""
    headers = {"host": host.format(port=steered.url.rpartition(":")[2])}
    for path in ("/storage/v1/b?project=p", "/_emulator/faults", "/_emulator/health", "/"):
        answer = requests.get(steered.url + path, headers=headers, timeout=10)
        refused = answer.status_code == 403 and "--public-host" in answer.text
        assert refused != known, (path, answer.status_code)


@pytest.mark.parametrize(
    ("bound", "host", "known"),
    [
        ("0.0.0.0", "192.168.1.5:9000", True),  # noqa: S104 - no name, so nobody points it elsewhere
        ("0.0.0.0", "gcs:9000", True),  # noqa: S104 - a name without a dot is of a local network
        ("::", "[fe80::1]:9000", True),
        ("0.0.0.0", "evil.example", False),  # noqa: S104
        ("192.168.1.5", "192.168.1.5", True),
        ("127.0.0.1", "192.168.1.5", False),
        ("storage.lan", "storage.lan:9000", True),
    ],
)
def test_an_open_address_answers_to_what_no_stranger_owns(bound: str, host: str, known: bool) -> None:
    assert Hosts().admits(host, bound) is known
