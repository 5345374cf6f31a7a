"""One victim, many requests at once: the limits hold in the real function over HTTP, whatever is raced."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack
from jobs.limits import Limits
from jobs.storage import gcs

SPELLINGS: tuple[Callable[[str, int], str], ...] = (
    lambda name, number: f"{name}@example.org",
    lambda name, number: f"{name.title()}@Example.ORG",
    lambda name, number: f"{name}+{number}@example.org",
    lambda name, number: f"{name.upper()}+a.{number}@EXAMPLE.org",
    lambda name, number: f" {name}@example.org ",
)
A_DAY = Limits().jobs_per_address_per_day


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service without a worker, with the limits that an installation has."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MODELMAIL_")}
    limits = Limits()
    given = {
        **kept,
        "MODELMAIL_LIMIT_JOBS_PER_ADDRESS_PER_DAY": str(limits.jobs_per_address_per_day),
        "MODELMAIL_LIMIT_JOBS_PER_CLIENT_PER_DAY": str(limits.jobs_per_client_per_day),
        "MODELMAIL_ALLOWED_ADDRESSES": "*@example.org, friend@*.example.net",
    }
    with Stack(tmp_path_factory.mktemp("abuse") / "data", EPHEMERAL, given, worker=False) as running:
        yield running


def race(count: int, threads: int, post: Callable[[int], int]) -> Counter[int]:
    """The statuses of so many calls, from so many threads that begin together."""
    barrier, statuses, numbers = threading.Barrier(threads), [], iter(range(count))
    lock = threading.Lock()

    def work() -> None:
        barrier.wait()
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            statuses.append(post(number))

    running = [threading.Thread(target=work) for _ in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    return Counter(statuses)


def submit(stack: Stack, email: str, client: str) -> int:
    headers = {"X-Forwarded-For": f"198.51.100.9, {client}"}
    return requests.post(stack.function_url, data={"email": email}, headers=headers, timeout=120).status_code


def records(stack: Stack, before: set[str] | None = None) -> set[str]:
    """Names of the records that are there, less those of before."""
    store = gcs.GcsStore(gcs.client(stack.storage_url).bucket(stack.settings.emails_bucket))
    return {stat.name for stat in store.list("jobs/")} - (before or set())


def victimise(stack: Stack, count: int, threads: int, name: str) -> None:
    """Post for one person from many clients at once; at most a day's jobs come of it."""
    before = records(stack)

    def post(number: int) -> int:
        # Each client has a network of its own in turn, and none uses up its day.
        client = f"2001:db8:{number % 64:x}::{number:x}"
        return submit(stack, SPELLINGS[number % len(SPELLINGS)](name, number), client)

    assert race(count, threads, post) == {201: A_DAY, 429: count - A_DAY}
    assert len(records(stack, before)) == A_DAY


def test_racing_requests_for_one_victim(stack: Stack) -> None:
    victimise(stack, 40, 20, "victim")


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_five_hundred_racing_requests_for_one_victim(stack: Stack) -> None:
    victimise(stack, 500, 50, "another")


def test_racing_requests_of_one_client(stack: Stack) -> None:
    most = Limits().jobs_per_client_per_day
    before = records(stack)
    # What a client says of itself in front of the last entry does not count.
    statuses = race(most + 10, 10, lambda number: submit(stack, f"other{number}@example.org", "203.0.113.5"))
    assert statuses == {201: most, 429: 10}
    assert len(records(stack, before)) == most


@pytest.mark.parametrize(
    ("email", "status"),
    [
        ("friend@a.example.net", 201),
        ("foe@a.example.net", 403),
        ("friend@example.net", 403),
        ("friend@a.example.net.evil.com", 403),
        ("a@evil.com@example.org", 400),
        ("a@evil.com,b@example.org", 400),
        ("a@evil.com b@example.org", 400),
        ("a@evil.com\r\nBcc: b@example.org", 400),
        ("a@example.org\nBcc: b@evil.com", 400),
        ("a@example.org%0ABcc: b@evil.com", 400),
        ('"a@evil.com"@example.org', 400),
        ("<a@example.org>", 400),
        ("Ada <a@example.org>", 400),
        ("a@example.org\0", 400),
        ("a@example.org\u2028Bcc: b@evil.com", 400),
        ("a\u202eb@example.org", 400),
        ("a@[127.0.0.1]", 400),
        ("", 400),
        ("@example.org", 400),
        (f"{'a' * 65}@example.org", 400),
    ],
)
def test_one_plain_address_or_nothing(stack: Stack, email: str, status: int) -> None:
    before = records(stack)
    hows: list[dict[str, Any]] = [{kind: {"email": email}} for kind in ("json", "data", "params")]
    for how in hows:
        answer = requests.post(stack.function_url, headers={"X-Forwarded-For": "192.0.2.77"}, timeout=30, **how)
        assert answer.status_code == status, answer.text
    assert len(records(stack, before)) == (3 if status == 201 else 0)


def test_two_recipients_are_refused(stack: Stack) -> None:
    for body in ({"email": ["a@example.org", "b@example.org"]}, {"email": {"to": "a@example.org"}}, {"email": 1}):
        assert requests.post(stack.function_url, json=body, timeout=30).status_code == 400
    twice = requests.post(stack.function_url, data=[("email", "a@example.org"), ("email", "b@example.org")], timeout=30)
    both = requests.post(
        stack.function_url, params={"email": "a@example.org"}, data={"email": "b@example.org"}, timeout=30
    )
    assert (twice.status_code, both.status_code) == (400, 400)
