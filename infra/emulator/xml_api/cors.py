"""Cross-origin rules, from the bucket's own configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.emulator.protocol.errors import ApiError
from infra.emulator.protocol.messages import Request, Response
from infra.emulator.store.index import Index


def preflight(index: Index, bucket: str, request: Request) -> Response:
    """The answer to OPTIONS: with allowing headers only where a rule matches origin, method and every header."""
    method = request.header("access-control-request-method")
    wanted = set(request.header("access-control-request-headers").lower().replace(" ", "").split(",")) - {""}
    for rule in _rules(index, bucket):
        allowed = {str(name).lower() for name in rule.get("responseHeader", ())}
        if _matches(rule, request.header("origin"), method) and (wanted <= allowed or "*" in allowed):
            headers = [
                *_allow(rule, request),
                ("access-control-allow-methods", ",".join(rule.get("method", ()))),
                ("access-control-allow-headers", ",".join(sorted(wanted))),
                ("access-control-max-age", str(rule.get("maxAgeSeconds", 3600))),
            ]
            return Response(200, b"", headers)
    return Response(200, b"", [("vary", "Origin")])


def response_headers(index: Index, bucket: str, request: Request) -> list[tuple[str, str]]:
    """What to add to an answer so that a page of that origin may read it; [] where none may."""
    if not request.header("origin"):
        return []
    for rule in _rules(index, bucket):
        if _matches(rule, request.header("origin"), request.method):
            exposed = ", ".join(str(name) for name in rule.get("responseHeader", ()))
            return _allow(rule, request) + ([("access-control-expose-headers", exposed)] if exposed else [])
    return [("vary", "Origin")]


def _rules(index: Index, bucket: str) -> Sequence[Mapping[str, Any]]:
    try:
        rules = index.bucket(bucket).config.get("cors", [])
    except ApiError:
        return []
    return rules if isinstance(rules, list) else []


def _matches(rule: Mapping[str, Any], origin: str, method: str) -> bool:
    origins, methods = rule.get("origin", ()), rule.get("method", ())
    return bool(origin) and ("*" in origins or origin in origins) and ("*" in methods or method in methods)


def _allow(rule: Mapping[str, Any], request: Request) -> list[tuple[str, str]]:
    origin = "*" if "*" in rule.get("origin", ()) else request.header("origin")
    return [("access-control-allow-origin", origin), ("vary", "Origin")]
