"""Tests the parts of objects and buckets in the XML API, and that no part is ever taken for the whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests
from google.api_core.exceptions import BadRequest, Forbidden
from google.cloud import storage

from tests.emulator.signed import error_code
from tests.emulator.test_xml_buckets import call, tree
from tests.servers import EmulatorUnderTest

PARTS = ["acl", "tagging", "retention", "legal-hold", "torrent", "restore", "attributes", "select", "annotation"]
PARTS_OF_BUCKETS = [
    "acl", "billing", "cors", "defaultObjectAcl", "encryption", "lifecycle", "logging", "notification", "object-lock",
    "ownershipControls", "policy", "publicAccessBlock", "replication", "storageClass", "tagging", "versioning",
    "versions", "website", "never-heard-of",
]  # fmt: skip


@pytest.fixture
def blob(emulator: EmulatorUnderTest) -> storage.Blob:
    blob = emulator.bucket().blob("a b")
    blob.upload_from_string("precious")
    return blob


@pytest.mark.parametrize("written", ["{}", "{}=", "{}=true", "generation=&{}"])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_an_object_is_not_the_object(
    emulator: EmulatorUnderTest, blob: storage.Blob, part: str, written: str
) -> None:
    path = f"/{blob.bucket.name}/a%20b?{written.format(part)}"
    for method in ("PUT", "POST", "DELETE", "GET", "HEAD"):
        answer = call(emulator, method, path, data=b"<Some/>")
        assert b"precious" not in answer.content
        known = {"acl": {"GET": 200, "HEAD": 200, "PUT": 400}, "retention": {"GET": 404, "HEAD": 404, "PUT": 400}}
        assert answer.status_code == known.get(part, {}).get(method, 501), method
    assert blob.download_as_bytes() == b"precious"


@pytest.mark.parametrize("part", ["never-heard-of", "policy", "versions"])
def test_an_unknown_part_is_refused_before_anything_is_lost(
    emulator: EmulatorUnderTest, blob: storage.Blob, part: str
) -> None:
    for method in ("PUT", "POST", "DELETE"):
        assert call(emulator, method, f"/{blob.bucket.name}/a%20b?{part}", data=b"<Some/>").status_code == 501
    assert blob.download_as_bytes() == b"precious"


@pytest.mark.parametrize("part", PARTS_OF_BUCKETS)
def test_a_part_of_a_bucket_is_not_the_bucket(emulator: EmulatorUnderTest, part: str) -> None:
    bucket = emulator.bucket(labels={"a": "b"})
    assert call(emulator, "PUT", f"/{bucket.name}?{part}", data=b"<Some/>").status_code in (400, 501)
    assert call(emulator, "PUT", f"/fresh-{bucket.name}?{part}", data=b"<Some/>").status_code in (400, 501)
    assert call(emulator, "DELETE", f"/{bucket.name}?{part}").status_code == (204 if part == "tagging" else 501)
    assert bucket.exists() and not emulator.client.bucket(f"fresh-{bucket.name}").exists()


def test_strangers_read_no_part_of_what_is_public(emulator: EmulatorUnderTest, blob: storage.Blob) -> None:
    blob.make_public()
    url = f"{emulator.url}/{blob.bucket.name}/a%20b"
    assert [requests.get(url + end, timeout=10).status_code for end in ("", "?acl", "?retention")] == [200, 403, 403]


ACL = """<?xml version="1.0" encoding="UTF-8"?>
<AccessControlList><Owner><ID>whoever</ID></Owner><Entries>
<Entry><Scope type="AllUsers"/><Permission>READ</Permission></Entry>
<Entry><Scope type="UserByEmail"><EmailAddress>ada@example.org</EmailAddress></Scope>
<Permission>FULL_CONTROL</Permission></Entry>
<Entry><Scope type="GroupByDomain"><Domain>example.org</Domain></Scope><Permission>READ</Permission></Entry>
<Entry><Scope type="GroupById"><ID>project-editors-0</ID></Scope><Permission>FULL_CONTROL</Permission></Entry>
</Entries></AccessControlList>"""
ENTITIES = {"allUsers", "user-ada@example.org", "domain-example.org", "project-editors-0"}


def test_the_list_of_rights_of_an_object(emulator: EmulatorUnderTest, blob: storage.Blob) -> None:
    path = f"/{blob.bucket.name}/a%20b"
    before = blob.metageneration
    assert call(emulator, "PUT", f"{path}?acl", data=ACL).status_code == 200
    blob.acl.reload()
    assert {entry["entity"] for entry in blob.acl} == ENTITIES
    assert requests.get(emulator.url + path, timeout=10).content == b"precious"
    shown = call(emulator, "GET", f"{path}?acl")
    again = call(emulator, "PUT", f"{path}?acl", data=shown.content)
    assert (again.status_code, shown.text) == (200, call(emulator, "GET", f"{path}?acl").text)
    types = [scope.get("type") for scope in tree(shown).iter("Scope")]
    assert types == ["AllUsers", "UserByEmail", "GroupByDomain", "GroupById"]
    assert call(emulator, "PUT", f"{path}?acl", headers={"x-goog-acl": "private"}).status_code == 200
    assert requests.get(emulator.url + path, timeout=10).status_code == 403
    blob.reload()
    assert blob.metageneration == before + 3
    late = call(emulator, "PUT", f"{path}?acl", data=ACL, headers={"x-goog-if-metageneration-match": "1"})
    assert error_code(late) == "PreconditionFailed"


@pytest.mark.parametrize("document", [
    "", "<AccessControlList", "<Other/>", ACL.replace("AllUsers", "Everyone"), ACL.replace("READ<", "SEE<"),
    ACL.replace("ada@example.org", ""), ACL.replace("<Scope type=\"AllUsers\"/>", ""),
])  # fmt: skip
def test_a_wrong_list_changes_nothing(emulator: EmulatorUnderTest, blob: storage.Blob, document: str) -> None:
    path = f"/{blob.bucket.name}/a%20b?acl"
    before = call(emulator, "GET", path).text
    assert call(emulator, "PUT", path, data=document).status_code == 400
    assert call(emulator, "GET", path).text == before


def test_the_lists_of_rights_of_a_bucket(emulator: EmulatorUnderTest) -> None:
    bucket = emulator.bucket()
    assert call(emulator, "PUT", f"/{bucket.name}?acl", data=ACL).status_code == 200
    assert call(emulator, "PUT", f"/{bucket.name}?defaultObjectAcl", headers={"x-goog-acl": "public-read"}).ok
    bucket.acl.reload()
    bucket.default_object_acl.reload()
    assert {entry["entity"] for entry in bucket.acl} == ENTITIES
    assert "allUsers" in {entry["entity"] for entry in bucket.default_object_acl}
    assert "AllUsers" in call(emulator, "GET", f"/{bucket.name}?defaultObjectAcl").text
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.patch()
    assert call(emulator, "GET", f"/{bucket.name}?acl").status_code == 400


def test_versioning_and_labels_of_a_bucket(emulator: EmulatorUnderTest) -> None:
    bucket = emulator.bucket()
    enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert call(emulator, "PUT", f"/{bucket.name}?versioning", data=enabled).status_code == 200
    tags = "<Tagging><TagSet><Tag><Key>team</Key><Value>a&amp;b</Value></Tag></TagSet></Tagging>"
    assert call(emulator, "PUT", f"/{bucket.name}?tagging", data=tags).status_code == 200
    bucket.reload()
    assert (bucket.versioning_enabled, bucket.labels) == (True, {"team": "a&b"})
    assert tree(call(emulator, "GET", f"/{bucket.name}?tagging")).findtext("TagSet/Tag/Value") == "a&b"
    assert call(emulator, "DELETE", f"/{bucket.name}?tagging").status_code == 204
    assert error_code(call(emulator, "GET", f"/{bucket.name}?tagging")) == "NoSuchTagSet"


def test_many_objects_are_deleted_at_once(emulator: EmulatorUnderTest) -> None:
    bucket = emulator.bucket()
    for name in ("a", "b/ü&", "held", "stays"):
        bucket.blob(name).upload_from_string(name)
    held = bucket.blob("held")
    held.temporary_hold = True
    held.patch()
    keys = "".join(f"<Object><Key>{key}</Key></Object>" for key in ("a", "b/ü&amp;", "held", "was never there"))
    answer = call(emulator, "POST", f"/{bucket.name}?delete", data=f"<Delete>{keys}</Delete>".encode())
    result = tree(answer)
    assert [item.findtext("Key") for item in result.iter("Deleted")] == ["a", "b/ü&", "was never there"]
    assert [(item.findtext("Key"), item.findtext("Code")) for item in result.iter("Error")] == [
        ("held", "AccessDenied")
    ]
    assert sorted(blob.name for blob in bucket.list_blobs()) == ["held", "stays"]
    quiet = "<Delete><Quiet>true</Quiet><Object><Key>stays</Key></Object></Delete>"
    assert list(tree(call(emulator, "POST", f"/{bucket.name}?delete", data=quiet))) == []
    for wrong in ("<Delete></Delete>", "<Other/>", "<Delete>" + "<Object><Key>k</Key></Object>" * 1001 + "</Delete>"):
        assert call(emulator, "POST", f"/{bucket.name}?delete", data=wrong).status_code == 400
    held.temporary_hold = False
    held.patch()


def until(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


def document(mode: str, moment: datetime) -> str:
    return f"<Retention><Mode>{mode}</Mode><RetainUntilDate>{moment.isoformat()}</RetainUntilDate></Retention>"


def test_the_retention_of_an_object(emulator: EmulatorUnderTest) -> None:
    plain = emulator.bucket().blob("a")
    plain.upload_from_string("x")
    path = f"/{plain.bucket.name}/a?retention"
    assert call(emulator, "PUT", path, data=document("GOVERNANCE", until(1))).status_code == 400  # the bucket has none
    bucket = emulator.client.create_bucket(f"{plain.bucket.name}-kept", enable_object_retention=True)
    blob = bucket.blob("a")
    blob.upload_from_string("x")
    path = f"/{bucket.name}/a?retention"
    end = until(2)
    assert call(emulator, "PUT", path, data=document("GOVERNANCE", end)).status_code == 200
    blob.reload()
    assert (blob.retention.mode, blob.retention.retain_until_time) == ("Unlocked", end)
    assert tree(call(emulator, "GET", path)).findtext("Mode") == "GOVERNANCE"
    with pytest.raises(Forbidden):
        blob.delete()
    shorter = document("GOVERNANCE", until(1))
    assert call(emulator, "PUT", path, data=shorter).status_code == 403
    bypass = {"x-goog-bypass-governance-retention": "true"}
    assert call(emulator, "PUT", path, data=shorter, headers=bypass).status_code == 200
    assert call(emulator, "PUT", path, data=document("COMPLIANCE", until(1))).status_code == 403
    blob.reload()
    blob.retention.retain_until_time = until(0)
    with pytest.raises(Forbidden):
        blob.patch()
    blob.reload()
    blob.retention.mode = None
    blob.retention.retain_until_time = None
    blob.patch(override_unlocked_retention=True)
    blob.delete()


def test_a_locked_retention_is_only_prolonged(emulator: EmulatorUnderTest) -> None:
    bucket = emulator.client.create_bucket(f"{emulator.bucket().name}-locked", enable_object_retention=True)
    blob = bucket.blob("a")
    blob.retention.mode, blob.retention.retain_until_time = "Locked", until(1)
    blob.upload_from_string("x")
    path, bypass = f"/{bucket.name}/a?retention", {"x-goog-bypass-governance-retention": "true"}
    for wrong in (document("GOVERNANCE", until(2)), document("COMPLIANCE", until(0))):
        assert call(emulator, "PUT", path, data=wrong, headers=bypass).status_code == 403
    assert call(emulator, "PUT", path, data=document("COMPLIANCE", until(2))).status_code == 200
    wrong_mode = bucket.blob("b")
    wrong_mode.retention.mode, wrong_mode.retention.retain_until_time = "Sometimes", until(1)
    with pytest.raises(BadRequest):
        wrong_mode.upload_from_string("x")
