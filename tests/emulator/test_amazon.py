"""What clients of Amazon's ask in their own words, and Google's in theirs: all versions, and access control lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

import pytest
import requests
from google.cloud import storage

from tests.emulator.signed import exactly
from tests.emulator.test_hmac import AMAZON, EMAIL, Key, signed_headers
from tests.servers import EmulatorUnderTest

Ask = Callable[..., Any]
GRANT = (
    "<AccessControlPolicy xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Owner><ID>x</ID></Owner><AccessControlList>"
    "<Grant><Grantee xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='{kind}'>{grantee}</Grantee>"
    "<Permission>{permission}</Permission></Grant></AccessControlList></AccessControlPolicy>"
)
EVERYBODY = "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>"


@pytest.fixture
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    made = emulator.bucket(versioning_enabled=True)
    for name in ("a", "b/1", "b/2", "c"):
        made.blob(name).upload_from_string("first")
    made.blob("a").upload_from_string("second")
    made.blob("c").delete()
    return made


@pytest.fixture
def amazon(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> Iterator[Ask]:
    """Send a signed request for that part of the bucket."""
    metadata, secret = emulator.client.create_hmac_key(EMAIL, project_id="some-project")
    key = Key(metadata.access_id, secret)

    def ask(method: str, path: str, body: bytes = b"") -> Any:
        url = f"{emulator.url}/{bucket.name}{path}"
        return exactly(method, url, signed_headers(AMAZON, key, url, method, body), body)

    yield ask


@pytest.fixture
def google(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> Ask:
    def ask(method: str, path: str, body: bytes = b"") -> Any:
        headers = {"authorization": "Bearer any"}
        return requests.request(method, f"{emulator.url}/{bucket.name}{path}", data=body, headers=headers, timeout=10)

    return ask


def fields(element: ElementTree.Element) -> Mapping[str, str]:
    """The texts of its children, without namespaces."""
    return {child.tag.rpartition("}")[2]: child.text or "" for child in element}


def versions(answer: Any) -> tuple[str, Mapping[str, str], list[tuple[str, str, str]], list[str]]:
    """The root's name, the fields beside the lists, name, generation and newest of each version, and the prefixes."""
    root = ElementTree.fromstring(answer.content)  # noqa: S314 - of our own server
    parts = [(child.tag.rpartition("}")[2], fields(child)) for child in root]
    found = [(one["Key"], one["VersionId"], one["IsLatest"]) for tag, one in parts if tag == "Version"]
    prefixes = [one["Prefix"] for tag, one in parts if tag == "CommonPrefixes"]
    return root.tag.rpartition("}")[2], fields(root), found, prefixes


def test_all_versions_in_both_ways(bucket: storage.Bucket, amazon: Ask, google: Ask) -> None:
    blobs = list(bucket.list_blobs(versions=True))
    expected = [(blob.name, str(blob.generation), str(blob.time_deleted is None).lower()) for blob in blobs]
    assert [name for name, _, latest in expected if latest == "false"] == ["a", "c"]
    for ask, root in ((amazon, "ListVersionsResult"), (google, "ListBucketResult")):
        name, whole, found, _ = versions(ask("GET", "?versions="))
        assert (name, found, whole["IsTruncated"]) == (root, expected, "false")
        assert versions(ask("GET", "?max-keys=0&versions="))[2] == []
        assert [key for key, *_ in versions(ask("GET", "?prefix=b%2F&versions="))[2]] == ["b/1", "b/2"]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_all_versions_in_pages(amazon: Ask, google: Ask, count: int) -> None:
    whole = versions(google("GET", "?versions&delimiter=/"))
    for ask, name, version in (
        (amazon, "KeyMarker", "VersionIdMarker"),
        (google, "Marker", "GenerationMarker"),
    ):
        parameter = {"KeyMarker": "key-marker", "Marker": "marker"}[name]
        other = {"VersionIdMarker": "version-id-marker", "GenerationMarker": "generation-marker"}[version]
        found, prefixes, more = list[Any](), list[str](), ""
        for _ in range(6):
            pairs = sorted(["delimiter=%2F", f"max-keys={count}", "versions=", *more.split("&")])
            _, page, objects, common = versions(ask("GET", "?" + "&".join(pair for pair in pairs if pair)))
            found, prefixes = found + objects, prefixes + common
            if page["IsTruncated"] == "false":
                break
            more = f"{parameter}={page[f'Next{name}'].replace('/', '%2F')}"
            more += f"&{other}={page[f'Next{version}']}" if f"Next{version}" in page else ""
        assert (found, prefixes) == (whole[2], whole[3]) and prefixes == ["b/"]


def test_a_marker_without_a_generation_skips_the_whole_name(google: Ask) -> None:
    assert [key for key, *_ in versions(google("GET", "?versions&marker=a"))[2]] == ["b/1", "b/2", "c"]
    assert google("GET", "?versions&marker=a&generation-marker=x").status_code == 400


def test_rights_in_amazon_s_words(emulator: EmulatorUnderTest, bucket: storage.Bucket, amazon: Ask) -> None:
    url = f"{emulator.url}/{bucket.name}/a"
    granted = GRANT.format(kind="Group", grantee=EVERYBODY, permission="READ").encode()
    assert requests.get(url, timeout=10).status_code == 403
    assert amazon("PUT", "/a?acl=", granted).status_code == 200
    assert requests.get(url, timeout=10).content == b"second"
    shown = amazon("GET", "/a?acl=").content
    assert amazon("PUT", "/a?acl=", shown).status_code == 200  # what it shows it also takes
    assert amazon("GET", "/a?acl=").content == shown
    assert [(one["entity"], one["role"]) for one in bucket.blob("a").acl] == [("allUsers", "READER")]
    by_mail = GRANT.format(
        kind="AmazonCustomerByEmail", grantee="<EmailAddress>a@example.org</EmailAddress>", permission="FULL_CONTROL"
    )
    assert amazon("PUT", "/a?acl=", by_mail.encode()).status_code == 200
    assert requests.get(url, timeout=10).status_code == 403
    assert b"<ID>a@example.org</ID>" in amazon("GET", "/a?acl=").content


@pytest.mark.parametrize(
    ("kind", "grantee", "permission"),
    [
        ("Group", "<URI>http://example.org/others</URI>", "READ"),
        ("CanonicalUser", "", "READ"),
        ("Robot", "<ID>a</ID>", "READ"),
        ("Group", EVERYBODY, "WRITE_ACP"),
    ],
)
def test_rights_that_there_are_not(amazon: Ask, kind: str, grantee: str, permission: str) -> None:
    text = GRANT.format(kind=kind, grantee=grantee, permission=permission)
    assert amazon("PUT", "/a?acl=", text.encode()).status_code == 400
