"""Tests who may use the XML API: signed links of both kinds, signed headers, tokens, anonymous callers; and hosts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from google.cloud import storage
from google.cloud.storage import _signing

from infra.emulator.signatures.keys import load_key
from tests.emulator.signed import error_code
from tests.servers import EmulatorUnderTest, credentials_of, running_emulator


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    bucket = emulator.bucket()
    bucket.blob("there.txt").upload_from_string("there")
    return bucket


def url_of(emulator: EmulatorUnderTest, bucket: storage.Bucket, name: str = "there.txt") -> str:
    return f"{emulator.url}/{bucket.name}/{name}"


@pytest.mark.parametrize(
    ("method", "headers", "status", "code"),
    [
        ("GET", {}, 403, "AccessDenied"),  # a link without its signature
        ("PUT", {}, 403, "AccessDenied"),
        ("DELETE", {}, 403, "AccessDenied"),
        ("GET", {"authorization": "Bearer anything"}, 200, ""),
        ("GET", {"authorization": "Basic YTpi"}, 400, "MalformedSecurityHeader"),
        ("GET", {"authorization": "GOOG4-HMAC-SHA256 Credential=a"}, 400, "MalformedSecurityHeader"),
        ("GET", {"x-goog-api-client": "gl-go/1.22 gccl/20240101"}, 200, ""),  # a client library without credentials
        ("GET", {"x-cloud-trace-context": "1/1;o=0"}, 200, ""),  # an older one
        ("PUT", {"x-cloud-trace-context": "1/1;o=0"}, 403, "AccessDenied"),
    ],
)
def test_unsigned_requests(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, method: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = requests.request(method, url_of(emulator, bucket), headers=headers, timeout=10)
    assert (answer.status_code, error_code(answer)) == (status, code)


@pytest.mark.parametrize("header", ["x-goog-api-client", "authorization"])
def test_no_header_saves_a_forged_link(emulator: EmulatorUnderTest, bucket: storage.Bucket, header: str) -> None:
    forged = emulator.sign(bucket.blob("there.txt"))[:-4] + "0000"
    answer = requests.get(forged, headers={header: "Bearer x"}, timeout=10)
    assert answer.status_code in (400, 403)


def test_strangers_read_what_is_public_and_nothing_else(emulator: EmulatorUnderTest) -> None:
    bucket = emulator.bucket()
    for name in ("open", "closed"):
        bucket.blob(name).upload_from_string(name)
    bucket.blob("open").make_public()
    assert requests.get(url_of(emulator, bucket, "open"), timeout=10).content == b"open"
    assert requests.get(url_of(emulator, bucket, "closed"), timeout=10).status_code == 403
    assert requests.put(url_of(emulator, bucket, "open"), data=b"x", timeout=10).status_code == 403
    policy = bucket.get_iam_policy()
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"allUsers"}})
    bucket.set_iam_policy(policy)
    assert requests.get(url_of(emulator, bucket, "closed"), timeout=10).content == b"closed"
    bucket.iam_configuration.public_access_prevention = "enforced"
    bucket.patch()
    assert requests.get(url_of(emulator, bucket, "open"), timeout=10).status_code == 403


def signed_header(
    emulator: EmulatorUnderTest, url: str, method: str = "GET", *, late: int = 0, more: str = ""
) -> dict[str, str]:
    """Headers that sign a request as the service documents it, written out by hand."""
    key, moment = load_key(emulator.key), datetime.now(UTC) - timedelta(seconds=late)
    date, host = moment.strftime("%Y%m%dT%H%M%SZ"), emulator.url.removeprefix("http://")
    path, payload = url.removeprefix(emulator.url), hashlib.sha256(b"").hexdigest()
    scope = f"{date[:8]}/auto/storage/goog4_request"
    names = "host;x-goog-content-sha256;x-goog-date"
    head = f"host:{host}\nx-goog-content-sha256:{payload}\nx-goog-date:{date}\n"
    canonical = f"{method}\n{path}\n\n{head}\n{names}\n{payload}"
    text = f"GOOG4-RSA-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    value = f"Credential={key.email}/{scope}, SignedHeaders={names}, Signature={key.sign(text.encode()).hex()}"
    return {
        "x-goog-date": date, "x-goog-content-sha256": payload, "authorization": f"GOOG4-RSA-SHA256 {value}{more}",
    }  # fmt: skip


def test_a_signed_header(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    url = url_of(emulator, bucket)
    assert requests.get(url, headers=signed_header(emulator, url), timeout=10).content == b"there"
    for headers, code in (
        (signed_header(emulator, url, "DELETE"), "SignatureDoesNotMatch"),
        (signed_header(emulator, url + "x"), "SignatureDoesNotMatch"),
        (signed_header(emulator, url, late=16 * 60), "RequestTimeTooSkewed"),
        (signed_header(emulator, url, late=-16 * 60), "RequestTimeTooSkewed"),
        (signed_header(emulator, url, more=", Signature=00"), "MalformedSecurityHeader"),
        ({**signed_header(emulator, url), "x-goog-date": "today"}, "MalformedSecurityHeader"),
        ({**signed_header(emulator, url), "x-goog-meta-a": "b"}, "MalformedSecurityHeader"),
    ):
        assert error_code(requests.get(url, headers=headers, timeout=10)) == code


def test_a_link_of_the_older_kind(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    def link(method: str = "GET", seconds: int = 60) -> str:
        return str(
            _signing.generate_signed_url_v2(
                credentials_of(emulator.key), resource=f"/{bucket.name}/there.txt", method=method,
                expiration=timedelta(seconds=seconds), api_access_endpoint=emulator.url,
            )
        )  # fmt: skip

    assert requests.get(link(), timeout=10).content == b"there"
    for url, code in (
        (link("PUT"), "SignatureDoesNotMatch"),
        (link().replace("there", "their"), "SignatureDoesNotMatch"),
        (link(seconds=-5), "ExpiredToken"),
        (link().replace("Expires=", "Expires=9"), "SignatureDoesNotMatch"),
        (link() + "&Expires=1", "MalformedSecurityHeader"),
        (link().split("&Signature")[0], "MalformedSecurityHeader"),
    ):
        assert error_code(requests.get(url, timeout=10)) == code


def test_a_bucket_named_by_its_host(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    endpoint = "https://storage.googleapis.com"
    link = emulator.sign(bucket.blob("there.txt"), api_access_endpoint=endpoint, virtual_hosted_style=True)
    host, _, path = link.removeprefix("https://").partition("/")
    assert host == f"{bucket.name}.storage.googleapis.com"
    assert requests.get(f"{emulator.url}/{path}", headers={"host": host}, timeout=10).content == b"there"
    other = requests.get(f"{emulator.url}/{path}", headers={"host": "x" + host}, timeout=10)
    assert error_code(other) == "SignatureDoesNotMatch"


def test_a_host_that_is_bound_to_a_bucket(tmp_path: Path, emulator: EmulatorUnderTest) -> None:
    with running_emulator(tmp_path / "data", emulator.key, "--public-host", "photos.example.org=bound") as running:
        bucket = running.client.create_bucket("bound")
        bucket.blob("a b").upload_from_string("there")
        link = running.sign(bucket.blob("a b"), api_access_endpoint=None, bucket_bound_hostname="photos.example.org")
        path = link.removeprefix("http://photos.example.org")
        answer = requests.get(running.url + path, headers={"host": "photos.example.org"}, timeout=10)
        assert answer.content == b"there"


@pytest.fixture(scope="module")
def open_house(emulator: EmulatorUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorUnderTest]:
    data = tmp_path_factory.mktemp("open") / "data"
    with running_emulator(data, emulator.key, "--anonymous", "allow") as own:
        yield own


def test_anybody_does_everything_where_that_is_allowed(open_house: EmulatorUnderTest) -> None:
    bucket = open_house.bucket()
    path = url_of(open_house, bucket, "new")
    assert requests.put(path, data=b"x", timeout=10).status_code == 200
    assert requests.get(path, timeout=10).content == b"x"
    assert "<Key>new</Key>" in requests.get(f"{open_house.url}/{bucket.name}", timeout=10).text
    assert requests.put(f"{open_house.url}/another-bucket", timeout=10).status_code == 200
    assert requests.delete(path, timeout=10).status_code == 204


def test_amazon_s_clients_without_credentials(open_house: EmulatorUnderTest, emulator: EmulatorUnderTest) -> None:
    bucket, words = open_house.bucket(), {"x-amz-meta-k": "v", "x-amz-storage-class": "NEARLINE"}
    path = url_of(open_house, bucket, "new")
    assert requests.put(path, data=b"x", headers=words, timeout=10).status_code == 200
    blob = bucket.get_blob("new")
    assert blob is not None and (blob.metadata, blob.storage_class) == ({"k": "v"}, "NEARLINE")
    shown = requests.head(path, headers={"x-amz-checksum-mode": "ENABLED"}, timeout=10)
    assert shown.headers["x-amz-meta-k"] == "v"
    pieces = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
    assert requests.put(path, data=b"x", headers=pieces, timeout=10).status_code == 501
    strangers = emulator.bucket()
    assert requests.put(url_of(emulator, strangers, "new"), data=b"x", headers=words, timeout=10).status_code == 403


def test_signatures_and_pages_are_still_checked_there(open_house: EmulatorUnderTest) -> None:
    bucket = open_house.bucket()
    bucket.blob("there.txt").upload_from_string("there")
    path = url_of(open_house, bucket)
    forged = open_house.sign(bucket.blob("there.txt"))[:-4] + "0000"
    assert requests.get(forged, timeout=10).status_code in (400, 403)
    assert requests.get(path, headers={"authorization": "Basic YTpi"}, timeout=10).status_code == 400
    page = {"origin": "https://evil.example", "content-type": "text/plain"}
    assert requests.get(path, headers=page, timeout=10).status_code == 403
    assert requests.post(f"{path}?uploads", headers=page, timeout=10).status_code == 403
    bucket.blob("there.txt").make_public()
    assert requests.get(path, headers=page, timeout=10).content == b"there"


def test_whole_resources_show_their_rights_whoever_answers(emulator: EmulatorUnderTest) -> None:
    bucket, other = emulator.bucket(), emulator.bucket()
    client, full = f"{emulator.url}/storage/v1", {"projection": "full"}

    def ask(method: str, url: str, body: object = None, **more: str) -> dict[str, Any]:
        answer = requests.request(method, url, json=body, params={**full, **more}, timeout=10)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    name = f"{bucket.name}-made"
    one, copied = f"{client}/b/{bucket.name}/o/a", f"b/{other.name}/o/c"
    objects = {
        (bucket.name, "a"): [
            ask("POST", f"{emulator.url}/upload/storage/v1/b/{bucket.name}/o", name="a", uploadType="media"),
            ask("GET", one),
            ask("PATCH", one, {"contentType": "text/x"}),
            ask("GET", f"{client}/b/{bucket.name}/o")["items"][0],
        ],
        (other.name, "c"): [
            ask("POST", f"{one}/copyTo/{copied}"),
            ask("POST", f"{one}/rewriteTo/{copied}")["resource"],
            ask("POST", f"{client}/b/{other.name}/o/c/compose", {"sourceObjects": [{"name": "c"}]}),
        ],
        (other.name, "d"): [ask("POST", f"{client}/b/{other.name}/o/c/moveTo/o/d")],
    }
    for (held_in, named), shown in objects.items():
        for resource in shown:
            kinds = {(entry["kind"], entry["bucket"], entry["object"]) for entry in resource["acl"]}
            assert kinds == {("storage#objectAccessControl", held_in, named)}
    buckets = [
        ask("POST", f"{client}/b", {"name": name}, project="some-project"),
        ask("GET", f"{client}/b/{name}"),
        ask("PATCH", f"{client}/b/{name}", {"labels": {"a": "b"}}),
        *(row for row in ask("GET", f"{client}/b", project="some-project")["items"] if row["name"] == name),
    ]
    assert len(buckets) == 4
    for resource in buckets:
        assert {(entry["kind"], entry["bucket"]) for entry in resource["acl"]} == {
            ("storage#bucketAccessControl", name)
        }
        assert {(entry["kind"], entry["bucket"]) for entry in resource["defaultObjectAcl"]} == {
            ("storage#objectAccessControl", name)
        }
