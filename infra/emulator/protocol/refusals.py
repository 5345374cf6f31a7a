"""Errors as answers, in the form of the API that the client speaks."""

from __future__ import annotations

import re

from infra.emulator.protocol.errors import ApiError
from infra.emulator.protocol.messages import Response

_JSON_PATH = re.compile(r"/(storage/v1|upload|download|resumable|batch|b|v1|_emulator|retry_tests?)(/|$)")


def refusal(error: ApiError, *, xml: bool) -> Response:
    """Make the answer of an error."""
    if error.kind.status == 304:
        return Response(304)
    body, kind = (error.xml_body(), "xml") if xml else (error.json_body(), "json")
    return Response(error.kind.status, body, [("content-type", f"application/{kind}; charset=UTF-8"), *error.headers])


def refusal_of_path(error: ApiError, raw_path: str) -> Response:
    """Make the answer of an error to a request that no handler has seen, in the form that its path suggests."""
    return refusal(error, xml=_JSON_PATH.match(raw_path) is None)
