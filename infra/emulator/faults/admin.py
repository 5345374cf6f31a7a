"""The admin routes, with which tests steer the emulator; served only with `--admin`.

PUT GET DELETE /_emulator/faults      a JSON list of fault rules, with the keys of `Rule`
PUT GET        /_emulator/clock       {"offset_seconds": n}: moves expiries and creation times
PUT GET        /_emulator/rate        {"writes_per_second": 1 or null}: limit for each object name; beyond it 429
POST           /_emulator/lifecycle   {"now": RFC 3339, optional} -> {"deleted": n}: deletes what is due
POST           /retry_test            {"instructions": {"storage.buckets.list": ["return-503"]}} -> {"id": ...}
GET DELETE     /retry_test/{id}       what is left of a retry test, see `retry_tests`
GET            /retry_tests           all retry tests
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeGuard

from infra.emulator.browsers.pages import check_page
from infra.emulator.faults.injection import Faults
from infra.emulator.faults.retry_tests import RetryTests
from infra.emulator.faults.rules import rules_from
from infra.emulator.protocol.errors import INVALID, METHOD_NOT_ALLOWED, ApiError
from infra.emulator.protocol.messages import App, Receive, Request, Response, Scope, Send, json_response, send_response
from infra.emulator.protocol.refusals import refusal
from infra.emulator.resources.reading import moment
from infra.emulator.store.lifecycle import sweep
from infra.emulator.store.store import Store
from jobs.json_values import Json, JsonObject

_MOST_OFFSET_SECONDS = 100 * 366 * 86400

Route = Callable[[Request], Awaitable[Json]]


class Admin:
    """The admin routes, and the emulator behind them. Fault rules do not apply to the admin routes."""

    def __init__(self, app: App, store: Store) -> None:
        self._app = app
        self._store = store
        self._retry_tests = RetryTests(app)
        self._faults = Faults(self._retry_tests)
        self._routes: dict[str, Route] = {
            "/_emulator/faults": self._rules,
            "/_emulator/clock": self._clock,
            "/_emulator/rate": self._rate,
            "/_emulator/lifecycle": self._lifecycle,
            "/retry_test": self._new_retry_test,
            "/retry_tests": self._all_retry_tests,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["raw_path"].decode("latin-1")
        if route := self._routes.get(path) or (self._one_retry_test if path.startswith("/retry_test/") else None):
            request = Request(scope, receive)
            await send_response(await self._answer(route, request), send, head=False)
        elif path.startswith("/_emulator/"):
            await self._app(scope, receive, send)
        else:
            await self._faults(scope, receive, send)

    async def _answer(self, route: Route, request: Request) -> Response:
        try:
            check_page(request, self._store.index)
            return json_response(await route(request))
        except ApiError as error:
            return refusal(error, xml=False)

    async def _rules(self, request: Request) -> Json:
        _only(request, "PUT", "GET", "DELETE")
        if request.method != "GET":
            self._faults.order(rules_from(await request.body()) if request.method == "PUT" else [])
        return self._faults.shown()

    async def _new_retry_test(self, request: Request) -> Json:
        _only(request, "POST")
        return self._retry_tests.create(await request.json()).to_json()

    async def _all_retry_tests(self, request: Request) -> Json:
        _only(request, "GET")
        return {"retry_test": [test.to_json() for test in self._retry_tests.all()]}

    async def _one_retry_test(self, request: Request) -> Json:
        _only(request, "GET", "DELETE")
        test = self._retry_tests.get(request.raw_path.removeprefix("/retry_test/"))
        if request.method == "DELETE":
            self._retry_tests.delete(test.id)
        return test.to_json()

    async def _clock(self, request: Request) -> JsonObject:
        _only(request, "PUT", "GET")
        clock = self._store.index.clock
        if request.method == "PUT":
            offset = (await request.json()).get("offset_seconds")
            if not _is_number(offset) or abs(offset) > _MOST_OFFSET_SECONDS:
                raise ApiError(INVALID, "offset_seconds must be a number of at most a hundred years.")
            clock.offset_seconds = float(offset)
        return {"offset_seconds": clock.offset_seconds, "now": clock.text()}

    async def _rate(self, request: Request) -> JsonObject:
        _only(request, "PUT", "GET")
        rate = self._store.index.rate
        if request.method == "PUT":
            wanted = (await request.json()).get("writes_per_second")
            if wanted is not None and not (_is_number(wanted) and wanted > 0):
                raise ApiError(INVALID, "writes_per_second must be a number above 0, or null.")
            rate.writes_per_second = wanted
        return {"writes_per_second": rate.writes_per_second}

    async def _lifecycle(self, request: Request) -> JsonObject:
        _only(request, "POST")
        text = (await request.json()).get("now")
        now = self._store.index.clock.now() if text is None else moment(str(text))
        return {"deleted": await asyncio.to_thread(sweep, self._store, now)}


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise ApiError(METHOD_NOT_ALLOWED)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
