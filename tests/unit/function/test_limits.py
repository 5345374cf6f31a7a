"""Who may have how many jobs: allowed addresses, the day's slots, and a full house."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any, cast

import pytest

from jobs.errors import Transient
from jobs.storage.links import Links
from jobs.sweep import sweep
from tests.unit.function.conftest import Front


@pytest.mark.parametrize(
    ("globs", "email", "status"),
    [
        (("*",), "ada@example.org", 201),
        (("*@example.org",), "Ada@Example.ORG", 201),
        (("bob@example.org", "ada@*"), "ada@example.net", 201),
        (("*@example.org",), "ada@example.net", 403),
        (("*@example.org",), "ada@example.org.evil.net", 403),
        ((), "ada@example.org", 403),
    ],
)
def test_only_allowed_addresses(front: Front, globs: tuple[str, ...], email: str, status: int) -> None:
    answer = front.with_settings(allowed_addresses=globs).call("POST", "/", json={"email": email})
    assert answer.status_code == status
    if status == 403:
        assert answer.get_json()["error"]["code"] == "not_allowed"
        assert list(front.buckets.emails.list()) == []


def test_an_address_has_five_jobs_a_day(front: Front) -> None:
    for tag in ("", "+a", "+b", "+c", "+d"):
        front.submitted(f"Ada{tag}@example.org")
    front.clock.advance(3600 * 23.5)
    answer = front.call("POST", "/", json={"email": "ada@example.org"})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (429, "too_many_jobs")
    assert answer.headers["Retry-After"] == "1801"
    front.submitted("bob@example.org")
    front.clock.advance(1801)
    front.submitted("ada@example.org")


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        ({"environ": {"REMOTE_ADDR": "198.51.100.1"}}, {"environ": {"REMOTE_ADDR": "198.51.100.1"}}, True),
        ({"environ": {"REMOTE_ADDR": "198.51.100.1"}}, {"environ": {"REMOTE_ADDR": "198.51.100.2"}}, False),
        # Only the last entry counts: the ones before it are what the client says of itself.
        (
            {"headers": {"X-Forwarded-For": "1.1.1.1, 198.51.100.1"}},
            {"headers": {"X-Forwarded-For": "198.51.100.1"}},
            True,
        ),
        ({"headers": {"X-Forwarded-For": "1.1.1.1, 198.51.100.1"}}, {"headers": {"X-Forwarded-For": "1.1.1.1"}}, False),
        # One customer has a whole /64 network.
        ({"headers": {"X-Forwarded-For": "2001:db8::1"}}, {"headers": {"X-Forwarded-For": "2001:db8::ffff:2"}}, True),
        ({"headers": {"X-Forwarded-For": "2001:db8::1"}}, {"headers": {"X-Forwarded-For": "2001:db8:0:1::1"}}, False),
        (
            {"headers": {"X-Forwarded-For": "::ffff:198.51.100.1"}},
            {"headers": {"X-Forwarded-For": "198.51.100.1"}},
            True,
        ),
        ({"headers": {"X-Forwarded-For": "nonsense"}}, {"headers": {"X-Forwarded-For": "nonsense"}}, True),
        # The same place in another spelling.
        (
            {"headers": {"X-Forwarded-For": "198.51.100.1:4711"}},
            {"headers": {"X-Forwarded-For": "198.51.100.1:99"}},
            True,
        ),
        (
            {"headers": {"X-Forwarded-For": "198.051.100.001"}},
            {"headers": {"X-Forwarded-For": "198.51.100.1"}},
            True,
        ),
        (
            {"headers": {"X-Forwarded-For": "[2001:db8::1]:4711"}},
            {"headers": {"X-Forwarded-For": "2001:db8::2"}},
            True,
        ),
        ({"headers": {"X-Forwarded-For": "[2001:db8::1]"}}, {"headers": {"X-Forwarded-For": "2001:db8::2"}}, True),
        ({"headers": {"X-Forwarded-For": "fe80::1%eth0"}}, {"headers": {"X-Forwarded-For": "fe80::1%eth1"}}, True),
        ({"headers": {"X-Forwarded-For": "unknown-1"}}, {"headers": {"X-Forwarded-For": "unknown-2"}}, True),
    ],
)
def test_a_client_has_its_own_daily_limit(front: Front, first: Any, second: Any, refused: bool) -> None:
    small = front.limited(jobs_per_client_per_day=1)
    small.submitted("ada@example.org", **first)
    answer = small.call("POST", "/", json={"email": "bob@example.org"}, **second)
    assert answer.status_code == (429 if refused else 201)
    assert ("Retry-After" in answer.headers) == refused


def test_limits_hold_no_address_and_no_ip(front: Front) -> None:
    front.submitted()
    names = [stat.name for stat in front.buckets.emails.list("limits/")]
    assert len(names) == 2
    assert not any("ada" in name or "203.0" in name for name in names)


def test_busy_when_too_many_jobs_are_open(front: Front) -> None:
    small = front.limited(open_jobs=2)
    small.submitted("ada@example.org")
    small.upload(small.submitted("bob@example.org")["job_id"])
    answer = small.call("POST", "/", json={"email": "eve@example.org"})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == "3600"
    # A refusal takes none of the day's slots.
    assert len(list(front.buckets.emails.list("limits/"))) == 4
    front.clock.advance(3601)  # the link of the one without an upload has ended
    small.submitted("eve@example.org")


@pytest.mark.parametrize(
    ("limit", "same_address"), [("jobs_per_address_per_day", True), ("jobs_per_client_per_day", False)]
)
def test_fifty_racing_requests_never_pass_a_limit(front: Front, limit: str, same_address: bool) -> None:
    limits = {"jobs_per_address_per_day": 1000, "jobs_per_client_per_day": 1000, "open_jobs": 1000, limit: 7}
    racing = front.limited(**limits)
    barrier, statuses = threading.Barrier(50), []

    def post(number: int) -> None:
        email = "ada@example.org" if same_address else f"ada{number}@example.org"
        barrier.wait()
        statuses.append(racing.call("POST", "/", json={"email": email}).status_code)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] * 7 + [429] * 43
    assert len(list(front.buckets.emails.list("jobs/"))) == 7


def test_a_hundred_unused_links_from_five_places_leave_room(front: Front) -> None:
    for client in range(5):
        for number in range(20):
            place = {"environ": {"REMOTE_ADDR": f"198.51.100.{client}"}}
            front.submitted(f"a{client}.{number}@example.org", **place)
    front.submitted("ada@example.org")


def test_a_clients_slot_never_comes_back(front: Front) -> None:
    small = front.limited(jobs_per_client_per_day=1)
    small.submitted("ada@example.org")
    front.clock.advance(3601)
    sweep(small.queue, lambda job_id: None)
    assert small.call("POST", "/", json={"email": "bob@example.org"}).status_code == 429
    assert len(list(front.buckets.emails.list("limits/"))) == 1  # the address's is free again


class Unsigned:
    """Links whose signer does not answer."""

    def offer_upload(self, *given: object) -> None:
        raise Transient("503")


def test_a_link_that_cannot_be_signed_makes_no_job_and_takes_no_slot(front: Front) -> None:
    parts = front.app.parts
    front.app.parts = replace(parts, links=cast("Links", Unsigned()))
    for _ in range(3):
        answer = front.call("POST", "/", json={"email": "ada@example.org"})
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "storage_unavailable")
    assert [stat.name for stat in front.buckets.emails.list() if not stat.name.startswith("limits/")] == []
    front.app.parts = parts
    for _ in range(5):
        front.submitted()
