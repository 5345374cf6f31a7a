"""The answers that functions-framework gives by itself have the headers of all others."""

from __future__ import annotations

import functions_framework
import pytest

from function import main
from function.answers import DATA_POLICY, HEADERS


@pytest.mark.parametrize("path", ["/favicon.ico", "/robots.txt"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_frameworks_own_answers_have_the_headers_of_ours(path: str, method: str) -> None:
    answer = functions_framework.create_app("handle", main.__file__).test_client().open(path, method=method)
    assert answer.status_code in (404, 405)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert answer.headers["Content-Security-Policy"] == DATA_POLICY
