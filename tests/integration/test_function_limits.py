"""The real function before requests that are too many, too large or of another kind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import functions_framework
import pytest
import requests

from function import main
from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("data"), ports=EPHEMERAL, worker=False) as one:
        yield one


def test_a_body_that_is_far_too_large_gets_its_answer(stack: Stack) -> None:
    for body in (bytes(20_000_000), iter([bytes(1_000_000)] * 5)):
        answer = requests.post(stack.function_url, data=body, timeout=20)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert requests.get(f"{stack.function_url}/health", timeout=10).status_code == 200


def test_methods_and_head_in_the_real_process(stack: Stack) -> None:
    head = requests.head(stack.function_url, timeout=10)
    assert (head.status_code, head.content) == (200, b"")
    refused = requests.put(stack.function_url, timeout=10)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert requests.get(f"{stack.function_url}/%2e%2e/etc", timeout=10).status_code == 404


def test_racing_requests_never_pass_the_daily_limit(stack: Stack) -> None:
    """The emulator's preconditions hold what the function's threads cannot know of each other."""
    settings = replace(
        stack.settings, limits=replace(stack.settings.limits, jobs_per_address_per_day=3, jobs_per_client_per_day=100)
    )
    app = functions_framework.create_app("handle", main.__file__)
    service = main.build(settings)
    app.view_functions["run"] = lambda path: service(functions_framework.flask.request)
    statuses: list[int] = []
    barrier = threading.Barrier(8)

    def post() -> None:
        barrier.wait()
        statuses.append(app.test_client().post("/", json={"email": "racer@example.org"}).status_code)

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] * 3 + [429] * 5
