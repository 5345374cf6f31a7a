"""Fault rules: the requests that fail, the kind of failure, and its number."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

from infra.emulator.protocol.errors import INVALID, ApiError
from jobs.json_values import JsonObject

ACTIONS = ("status", "reset", "slow", "lose_answer", "break_stream", "status_after", "stall")


@dataclass(frozen=True)
class Rule:
    """A rule: the requests that fail, and the kind of failure."""

    action: str  # one of ACTIONS
    method: str = "*"
    path: str = ""  # regular expression, searched in the path as sent + "?" + query
    header: str = ""  # regular expression, searched in every header, written as `name: value`; name in lower case
    status: int = 503
    seconds: float = 1.0
    bytes: int = 0  # of the body, before break_stream, status_after and stall
    skip: int = 0  # number of matching requests that pass first
    count: int | None = None  # number of requests that fail afterwards; None = all
    share: float = 1.0  # probability that a matching request fails; the same sequence in each run

    @classmethod
    def from_json(cls, given: object) -> Rule:
        """Read a rule. Raises ApiError 400 that says what is wrong."""
        names = {field.name for field in fields(cls)}
        if not isinstance(given, dict) or not given.keys() <= names:
            raise ApiError(INVALID, f"A rule is an object with the keys {', '.join(sorted(names))}.")
        if given.get("action") not in ACTIONS:
            raise ApiError(INVALID, f"action must be one of {', '.join(ACTIONS)}.")
        wrong = [name for name, holds in _CHECKS.items() if name in given and not holds(given[name])]
        if wrong:
            raise ApiError(INVALID, f"Invalid value for {', '.join(wrong)}.")
        return cls(**given)

    def to_json(self) -> JsonObject:
        """Return the rule with all its keys."""
        return {
            "action": self.action, "method": self.method, "path": self.path, "header": self.header,
            "status": self.status, "seconds": self.seconds, "bytes": self.bytes, "skip": self.skip,
            "count": self.count, "share": self.share,
        }  # fmt: skip

    def matches(self, method: str, path: str, headers: Sequence[str]) -> bool:
        """Return whether the rule applies to a request; `headers` are written as `name: value`."""
        if self.method not in ("*", method) or re.search(self.path, path) is None:
            return False
        return not self.header or any(re.search(self.header, header) for header in headers)


class CountedRule:
    """An active rule, with a count of the requests that it matched."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._hit = 0
        self._passed = 0
        self._random = random.Random(0)  # noqa: S311 - a repeatable sequence is wanted

    @property
    def _left(self) -> int | None:
        return None if self.rule.count is None else self.rule.count - self._hit

    def strikes(self) -> bool:
        """Count a matching request; return whether it must fail."""
        if self._left == 0:
            return False
        if self._passed < self.rule.skip:
            self._passed += 1
            return False
        if self._random.random() >= self.rule.share:
            return False
        self._hit += 1
        return True

    def to_json(self) -> JsonObject:
        """Return the rule with the number of requests that it hit and that are left (null = no limit)."""
        return {**self.rule.to_json(), "left": self._left, "hit": self._hit}


def rules_from(text: bytes) -> list[Rule]:
    """Read a JSON list of rules. Raises ApiError 400."""
    try:
        given = json.loads(text or b"[]")
    except ValueError:
        given = None
    if not isinstance(given, list):
        raise ApiError(INVALID, "Send a JSON list of rules.")
    return [Rule.from_json(item) for item in given]


def _is_pattern(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(re.compile(value))
    except re.error:
        return False


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_status(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _is_share(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


_CHECKS: Mapping[str, Callable[[object], bool]] = {
    "method": lambda value: isinstance(value, str),
    "path": _is_pattern,
    "header": _is_pattern,
    "status": _is_status,
    "bytes": _is_whole,
    "seconds": _is_number,
    "skip": _is_whole,
    "count": lambda value: value is None or _is_whole(value),
    "share": _is_share,
}
