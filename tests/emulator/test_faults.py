"""Tests that ordered faults happen to the next matching requests, and to no others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
import requests
from google.api_core.exceptions import NotFound, ServiceUnavailable, TooManyRequests
from google.cloud import storage

from tests.emulator.signed import Signed, error_code
from tests.servers import EmulatorUnderTest, api, running_emulator

PATIENT = storage.retry.DEFAULT_RETRY.with_delay(initial=0.01, maximum=0.05).with_timeout(20)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, emulator: EmulatorUnderTest) -> Iterator[EmulatorUnderTest]:
    with running_emulator(tmp_path_factory.mktemp("faulty"), emulator.key, "--admin") as running:
        yield running


@pytest.fixture
def faulty(started: EmulatorUnderTest) -> Iterator[EmulatorUnderTest]:
    """An emulator that takes orders, with none given."""
    yield started
    started.order()
    started.tell("clock", {"offset_seconds": 0})
    started.tell("rate", {"writes_per_second": None})


@pytest.fixture
def bucket(faulty: EmulatorUnderTest) -> storage.Bucket:
    return faulty.bucket()


def put(
    bucket: storage.Bucket, name: str = "a", query: str = "", data: bytes = b"x", timeout: float = 10
) -> requests.Response:
    url = api(bucket, f"/o?uploadType=media&name={name}{query}", prefix="/upload/storage/v1")
    return requests.post(url, data=data, timeout=timeout)


def test_without_admin_there_are_no_such_routes(emulator: EmulatorUnderTest) -> None:
    for route in ("faults", "clock", "rate", "lifecycle"):
        assert requests.put(f"{emulator.url}/_emulator/{route}", json=[], timeout=10).status_code == 404


def test_the_client_gets_through_two_failures(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    faulty.order({"action": "status", "status": 503, "method": "GET", "path": "/o/a", "count": 2})
    bucket.blob("a").upload_from_string("x")
    assert bucket.get_blob("a", retry=PATIENT) is not None
    (rule,) = faulty.tell("faults", None, "GET")
    assert (rule["hit"], rule["left"], rule["status"]) == (2, 0, 503)


def test_a_client_without_retries_sees_the_failure(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    faulty.order({"action": "status", "status": 503})
    with pytest.raises(ServiceUnavailable):
        bucket.reload(retry=None)
    faulty.order({"action": "status", "status": 429})
    with pytest.raises(TooManyRequests):
        bucket.reload(retry=None)


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (429, "rateLimitExceeded", "SlowDown"),
        (503, "backendError", "ServiceUnavailable"),
        (500, "backendError", "InternalError"),
        (418, "invalid", "Ordered"),
    ],
)
def test_an_ordered_status_has_the_body_of_its_api(
    faulty: EmulatorUnderTest, bucket: storage.Bucket, status: int, reason: str, code: str
) -> None:
    faulty.order({"action": "status", "status": status, "path": rf"{bucket.name}(/|\?$)", "count": 2})
    answer = requests.get(api(bucket), timeout=10)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, status)
    assert answer.json()["error"]["errors"][0]["reason"] == reason
    answer = Signed(faulty.sign(bucket.blob("a")), "GET", {}, b"").send()
    assert (answer.status_code, error_code(answer)) == (status, code)
    assert requests.get(api(bucket), timeout=10).status_code == 200


def test_rules_choose_by_method_path_and_query(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    faulty.order(
        {"action": "status", "status": 500, "method": "DELETE"},
        {"action": "status", "status": 502, "path": r"name=b&ifGenerationMatch=0$"},
    )
    assert put(bucket).status_code == 200
    assert put(bucket, "b").status_code == 200
    assert put(bucket, "b", "&ifGenerationMatch=0").status_code == 502
    assert requests.delete(api(bucket, "/o/a"), timeout=10).status_code == 500
    requests.delete(f"{faulty.url}/_emulator/faults", timeout=10)
    assert requests.delete(api(bucket, "/o/a"), timeout=10).status_code == 204


def test_skip_count_and_share(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    def statuses(count: int) -> list[int]:
        with requests.Session() as session:
            return [session.get(api(bucket), timeout=10).status_code for _ in range(count)]

    # Neither a late request of an earlier test counts, nor one by which the client looks at a bucket in the background.
    own = {"action": "status", "path": rf"{bucket.name}\?$"}
    faulty.order({**own, "skip": 2, "count": 3})
    assert statuses(8) == [200] * 2 + [503] * 3 + [200] * 3
    rule = {**own, "share": 0.5}
    faulty.order(rule)
    first = statuses(40)
    faulty.order(rule)
    assert statuses(40) == first  # the same in each run
    assert 10 < first.count(503) < 30
    faulty.order({**own, "status": 500, "count": 1}, {**own, "status": 503, "count": 1})
    assert statuses(3) == [500, 503, 200]


@pytest.mark.parametrize("body", [b"x", b"x" * 5_000_000])
def test_a_reset_does_nothing_and_answers_nothing(
    faulty: EmulatorUnderTest, bucket: storage.Bucket, body: bytes
) -> None:
    faulty.order({"action": "reset", "method": "POST", "path": bucket.name, "count": 1})
    with pytest.raises(requests.ConnectionError, match=r"reset|aborted|Broken pipe"):
        put(bucket, data=body)
    assert requests.get(api(bucket, "/o/a"), timeout=10).status_code == 404
    assert put(bucket, data=body).status_code == 200


def test_a_lost_answer_did_its_work(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    faulty.order({"action": "lose_answer", "method": "POST", "path": bucket.name, "count": 1})
    with pytest.raises(requests.ConnectionError):
        put(bucket, query="&ifGenerationMatch=0")
    assert put(bucket, query="&ifGenerationMatch=0").status_code == 412
    assert bucket.blob("a").download_as_bytes() == b"x"


def test_the_client_repeats_a_delete_whose_answer_was_lost(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    bucket.blob("a").upload_from_string("x")
    faulty.order({"action": "lose_answer", "method": "DELETE", "path": bucket.name, "count": 1})
    with pytest.raises(NotFound):  # gone already
        bucket.blob("a").delete(retry=PATIENT)


def test_a_slow_answer_comes_late_and_its_work_is_done_before(
    faulty: EmulatorUnderTest, bucket: storage.Bucket
) -> None:
    faulty.order({"action": "slow", "seconds": 0.4, "method": "POST"})
    began = time.monotonic()
    assert put(bucket).status_code == 200
    assert time.monotonic() - began >= 0.4
    with pytest.raises(requests.ReadTimeout):
        put(bucket, "b", timeout=0.2)
    assert requests.get(api(bucket, "/o/b"), timeout=10).status_code == 200


@pytest.mark.parametrize(
    "rules",
    [
        {},
        ["slow"],
        [{"action": "explode"}],
        [{"action": "slow", "seconds": "1"}],
        [{"action": "slow", "path": "("}],
        [{"action": "slow", "path": None}],
        [{"action": "status", "status": 200}],
        [{"action": "status", "share": 2}],
        [{"action": "status", "count": -1}],
        [{"action": "status", "times": 1}],
        [{"action": "break_stream", "bytes": -1}],
        [{"action": "status", "header": "("}],
    ],
)
def test_a_rule_that_says_nothing_is_refused(faulty: EmulatorUnderTest, rules: Any) -> None:
    answer = requests.put(f"{faulty.url}/_emulator/faults", json=rules, timeout=10)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 400)
    assert faulty.tell("faults", None, "GET") == []


def test_the_clock_moves_expiry_and_creation(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    bucket.blob("a").upload_from_string("x")
    link = Signed(faulty.sign(bucket.blob("a"), seconds=600), "GET", {}, b"")
    faulty.tell("clock", {"offset_seconds": 599 - 30})
    assert link.send().status_code == 200
    faulty.tell("clock", {"offset_seconds": 601})
    assert error_code(link.send()) == "ExpiredToken"
    faulty.tell("clock", {"offset_seconds": -3600})
    assert error_code(link.send()) == "RequestTimeTooSkewed"
    old = bucket.blob("b")
    old.upload_from_string("x")
    assert abs(old.time_created - (datetime.now(UTC) - timedelta(hours=1))) < timedelta(minutes=1)
    before = bucket.get_blob("a")
    assert before is not None and old.generation > before.generation


def test_one_write_a_second_to_one_name(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    faulty.tell("rate", {"writes_per_second": 1})
    assert put(bucket).status_code == 200
    for answer in (
        put(bucket),
        requests.patch(api(bucket, "/o/a"), json={"metadata": {}}, timeout=10),
        requests.delete(api(bucket, "/o/a"), timeout=10),
    ):
        assert answer.status_code == 429
        assert answer.json()["error"]["errors"][0]["reason"] == "rateLimitExceeded"
        assert answer.json()["error"]["errors"][0]["domain"] == "usageLimits"
    answer = Signed(faulty.sign(bucket.blob("a"), "PUT"), headers={}).send()
    assert (answer.status_code, ElementTree.fromstring(answer.content).findtext("Code")) == (429, "SlowDown")  # noqa: S314
    assert put(bucket, "b").status_code == 200  # each name for itself
    assert put(bucket, "b", "&ifGenerationMatch=0").status_code == 412  # not a write
    time.sleep(1.05)
    assert put(bucket).status_code == 200
    faulty.tell("rate", {"writes_per_second": None})
    assert put(bucket).status_code == 200


def test_the_client_waits_for_its_second(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    faulty.tell("rate", {"writes_per_second": 5})
    for number in range(3):
        bucket.blob("a").upload_from_string(str(number), retry=PATIENT)
    assert bucket.blob("a").download_as_bytes() == b"2"


LIFECYCLES: list[tuple[str, dict[str, Any], int, set[str]]] = [
    # what, condition, days from now, what is left of a/1.txt a/2.log b/1.txt
    ("too young", {"age": 3}, 2, {"a/1.txt", "a/2.log", "b/1.txt"}),
    ("old enough", {"age": 3}, 3, set()),
    ("age zero", {"age": 0}, 0, set()),
    ("prefix", {"age": 1, "matchesPrefix": ["a/"]}, 1, {"b/1.txt"}),
    ("suffix", {"age": 1, "matchesSuffix": [".log", ".png"]}, 1, {"a/1.txt", "b/1.txt"}),
    ("both", {"matchesPrefix": ["a/", "b/"], "matchesSuffix": [".txt"]}, 0, {"a/2.log"}),
    ("all are live", {"isLive": True}, 0, set()),
    ("none is archived", {"isLive": False, "age": 0}, 9, {"a/1.txt", "a/2.log", "b/1.txt"}),
    ("made before", {"createdBefore": "2999-01-01"}, 0, set()),
    ("made after", {"createdBefore": "2001-01-01"}, 0, {"a/1.txt", "a/2.log", "b/1.txt"}),
    ("not known here", {"age": 1, "numNewerVersions": 1}, 9, {"a/1.txt", "a/2.log", "b/1.txt"}),
]


@pytest.mark.parametrize(("condition", "days", "left"), [pytest.param(*row[1:], id=row[0]) for row in LIFECYCLES])
def test_lifecycle_rules_are_swept_on_demand(
    faulty: EmulatorUnderTest, condition: dict[str, Any], days: int, left: set[str]
) -> None:
    bucket = faulty.bucket(lifecycle_rules=[{"action": {"type": "Delete"}, "condition": condition}])
    for name in ("a/1.txt", "a/2.log", "b/1.txt"):
        bucket.blob(name).upload_from_string("x")
    moment = datetime.now(UTC) + timedelta(days=days, seconds=1)
    answer = faulty.tell("lifecycle", {"now": moment.isoformat()}, "POST")
    found = {blob.name for blob in bucket.list_blobs()}
    assert (found, answer) == (left, {"deleted": 3 - len(left)})
    bucket.delete(force=True)


def test_the_sweep_goes_by_the_moved_clock(faulty: EmulatorUnderTest) -> None:
    bucket = faulty.bucket()
    bucket.add_lifecycle_delete_rule(age=30)
    bucket.patch()
    bucket.blob("a").upload_from_string("x")
    assert faulty.tell("lifecycle", {}, "POST") == {"deleted": 0}
    faulty.tell("clock", {"offset_seconds": 30 * 86400 + 1})
    assert faulty.tell("lifecycle", {}, "POST") == {"deleted": 1}
    assert not bucket.blob("a").exists()


def test_a_sweep_of_versions_goes_by_whether_they_live(faulty: EmulatorUnderTest) -> None:
    bucket = faulty.bucket(versioning_enabled=True)
    for number in range(3):
        bucket.blob("a").upload_from_string(str(number))

    def contents() -> list[bytes]:
        return [blob.download_as_bytes() for blob in bucket.list_blobs(versions=True)]

    bucket.lifecycle_rules = [{"action": {"type": "Delete"}, "condition": {"isLive": False}}]
    bucket.patch()
    assert contents() == [b"0", b"1", b"2"]
    assert faulty.tell("lifecycle", {}, "POST") == {"deleted": 2}
    assert contents() == [b"2"]
    bucket.lifecycle_rules = [{"action": {"type": "Delete"}, "condition": {"isLive": True}}]
    bucket.patch()
    assert faulty.tell("lifecycle", {}, "POST") == {"deleted": 1}
    assert contents() == [b"2"]  # kept as a version that is no longer live
    assert not bucket.blob("a").exists()
