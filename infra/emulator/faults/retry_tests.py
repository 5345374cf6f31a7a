"""Retry tests: faults for the requests of one client, as conformance suites of client libraries order them.

A test is a list of instructions for each method. A client names the test in a header, and each of its requests for that
method uses up one instruction. The routes, the header and the instructions are those of Google's storage testbench.
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from infra.emulator.faults.injection import fail, is_reached
from infra.emulator.faults.methods import NAMES, method_named
from infra.emulator.faults.rules import Rule
from infra.emulator.protocol.errors import INVALID, NO_SUCH_RETRY_TEST, ApiError
from infra.emulator.protocol.messages import App, Receive, Scope, Send, send_response
from infra.emulator.protocol.refusals import refusal_of_path
from infra.emulator.resources.reading import child, texts_in
from jobs.json_values import JsonObject

_KEPT = 10_000  # tests; the oldest are forgotten
_HEADER = b"x-retry-test-id"
_KIB = 1024
_FEW_BYTES = 4

Reader = Callable[[re.Match[str]], Rule]
_INSTRUCTIONS: Mapping[str, Reader] = {
    r"return-([45]\d\d)": lambda found: Rule("status", status=int(found[1])),
    r"return-([45]\d\d)-after-(\d{1,9})K": lambda found: Rule(
        "status_after", status=int(found[1]), bytes=int(found[2]) * _KIB
    ),
    r"return-reset-connection": lambda found: Rule("reset"),
    r"return-broken-stream": lambda found: Rule("break_stream", bytes=_FEW_BYTES),
    r"return-broken-stream-after-(\d{1,9})K": lambda found: Rule("break_stream", bytes=int(found[1]) * _KIB),
    r"stall-for-(\d{1,3})s-after-(\d{1,9})K": lambda found: Rule(
        "stall", seconds=float(found[1]), bytes=int(found[2]) * _KIB
    ),
}


class RetryTest:
    """The instructions of one test that are left."""

    def __init__(self, test_id: str, instructions: Mapping[str, Sequence[str]]) -> None:
        self.id = test_id
        self._left = {method: list(found) for method, found in instructions.items()}

    def next(self, method: str, scope: Scope) -> Rule | None:
        """Use up the instruction for a request of a method; None if there is none, or if it is not yet its turn."""
        left = self._left.get(method)
        if not left:
            return None
        rule = read_instruction(left[0])
        if not is_reached(rule, scope):
            return None
        del left[0]
        return rule

    def to_json(self) -> JsonObject:
        """Return the test, and whether all its instructions are used up."""
        left: JsonObject = {method: list(found) for method, found in self._left.items()}
        return {"id": self.id, "instructions": left, "completed": not any(self._left.values()), "transport": "HTTP"}


class RetryTests:
    """An ASGI application in front of another one, with all tests."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._tests: OrderedDict[str, RetryTest] = OrderedDict()

    def create(self, asked: JsonObject) -> RetryTest:
        """Make a test. Raises ApiError 400."""
        if asked.get("transport", "HTTP") != "HTTP":
            raise ApiError(INVALID, "The only transport is HTTP.")
        instructions = {method: texts_in(found) for method, found in child(asked, "instructions").items()}
        if not instructions or not all(instructions.values()):
            raise ApiError(INVALID, "instructions must be an object: a list of instructions for each method.")
        for method, found in instructions.items():
            if method not in NAMES:
                raise ApiError(INVALID, f"Unknown method: {method[:80]}")
            for instruction in found:
                read_instruction(instruction)
        test = RetryTest(secrets.token_hex(16), instructions)
        self._tests[test.id] = test
        if len(self._tests) > _KEPT:
            self._tests.popitem(last=False)
        return test

    def get(self, test_id: str) -> RetryTest:
        """Get a test. Raises ApiError 404."""
        if test_id not in self._tests:
            raise ApiError(NO_SUCH_RETRY_TEST)
        return self._tests[test_id]

    def all(self) -> list[RetryTest]:
        """Get all tests."""
        return list(self._tests.values())

    def delete(self, test_id: str) -> None:
        """Forget a test. Raises ApiError 404."""
        del self._tests[self.get(test_id).id]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or make it fail if its test says so."""
        test_id = next((value for name, value in scope["headers"] if name == _HEADER), b"").decode("latin-1")
        if not test_id:
            await self._app(scope, receive, send)
            return
        path = scope["raw_path"].decode("latin-1")
        try:
            rule = self.get(test_id).next(method_named(scope["method"], path), scope)
        except ApiError as error:
            await send_response(refusal_of_path(error, path), send, head=scope["method"] == "HEAD")
            return
        await (fail(self._app, rule, scope, receive, send) if rule else self._app(scope, receive, send))


def read_instruction(text: str) -> Rule:
    """Read an instruction. Raises ApiError 400."""
    for pattern, reader in _INSTRUCTIONS.items():
        if found := re.fullmatch(pattern, text):
            return reader(found)
    raise ApiError(INVALID, f"Unknown instruction: {text[:80]}")
