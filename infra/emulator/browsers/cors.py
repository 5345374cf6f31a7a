"""Cross-origin resource sharing: answers to browsers by the CORS rules in a bucket's configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.emulator.protocol.errors import ApiError
from infra.emulator.protocol.messages import Request, Response
from infra.emulator.resources.reading import objects_in, texts_in
from infra.emulator.store.index import Index
from jobs.json_values import JsonObject


@dataclass(frozen=True)
class CorsRule:
    """A rule: the origins of pages, and the methods and headers that these pages may use."""

    origins: Sequence[str]
    methods: Sequence[str]
    headers: Sequence[str]  # headers that a page may send, and may read from answers
    max_age: str  # seconds for which a browser may remember the answer

    @classmethod
    def from_json(cls, rule: JsonObject) -> CorsRule:
        """Read a rule in the form of a bucket's configuration."""
        origins, methods, headers = (texts_in(rule.get(name)) for name in ("origin", "method", "responseHeader"))
        return cls(origins, methods, headers, str(rule.get("maxAgeSeconds", 3600)))

    def matches(self, origin: str, method: str) -> bool:
        """Tell whether the rule applies to an origin and a method; never to an empty origin."""
        if not origin or not ("*" in self.origins or origin in self.origins):
            return False
        return "*" in self.methods or method in self.methods

    def permits(self, headers: set[str]) -> bool:
        """Tell whether a page may send these headers (lower case)."""
        allowed = {name.lower() for name in self.headers}
        return headers <= allowed or "*" in allowed

    def allow_origin(self, request: Request) -> list[tuple[str, str]]:
        """Make the headers that allow the origin of a request."""
        origin = "*" if "*" in self.origins else request.header("origin")
        return [("access-control-allow-origin", origin), ("vary", "Origin")]


def preflight(index: Index, bucket: str, request: Request) -> Response:
    """Answer OPTIONS; with allowing headers only if a rule matches the origin, the method and every header.

    A `bucket` that does not exist, such as "", has no rules.
    """
    method = request.header("access-control-request-method")
    wanted = set(request.header("access-control-request-headers").lower().replace(" ", "").split(",")) - {""}
    for rule in _rules(index, bucket):
        if rule.matches(request.header("origin"), method) and rule.permits(wanted):
            headers = [
                *rule.allow_origin(request),
                ("access-control-allow-methods", ",".join(rule.methods)),
                ("access-control-allow-headers", ",".join(sorted(wanted))),
                ("access-control-max-age", rule.max_age),
            ]
            return Response(200, b"", headers)
    return Response(200, b"", [("vary", "Origin")])


def response_headers(index: Index, bucket: str, request: Request) -> list[tuple[str, str]]:
    """Make the headers that let a page of the request's origin read the answer; [] if the request has no origin."""
    if not request.header("origin"):
        return []
    for rule in _rules(index, bucket):
        if rule.matches(request.header("origin"), request.method):
            exposed = ", ".join(rule.headers)
            return rule.allow_origin(request) + ([("access-control-expose-headers", exposed)] if exposed else [])
    return [("vary", "Origin")]


def allows(index: Index, bucket: str, request: Request) -> bool:
    """Tell whether a rule names the origin and the method of a request."""
    return any(rule.matches(request.header("origin"), request.method) for rule in _rules(index, bucket))


def _rules(index: Index, bucket: str) -> Sequence[CorsRule]:
    try:
        rules = objects_in(index.bucket(bucket).config.get("cors"))
    except ApiError:
        return []
    return [CorsRule.from_json(rule) for rule in rules]
