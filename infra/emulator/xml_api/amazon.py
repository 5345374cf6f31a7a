"""Clients of Amazon S3, which sign with an HMAC key and write `x-amz-` where others write `x-goog-`."""

from __future__ import annotations

from infra.emulator.protocol.errors import NOT_IMPLEMENTED, ApiError
from infra.emulator.protocol.messages import Request, Response
from infra.emulator.signatures.claims import AMAZON, Scheme

_ANSWERED = {"x-goog-meta-": "x-amz-meta-", "x-goog-generation": "x-amz-version-id"}


def read_names(request: Request, scheme: Scheme) -> None:
    """Translate the names of a verified request, if they are Amazon's. Raises ApiError 501 for what is not known here.

    Bodies in signed pieces are refused, as they are no content.
    """
    if scheme is not AMAZON:
        return
    request.rename_headers("x-amz-", "x-goog-")
    request.speaks_amazon = True
    if version := request.params.get("versionId"):
        request.params["generation"] = version
    pieces = request.header("x-goog-content-sha256").startswith("STREAMING-")
    if pieces or "aws-chunked" in request.header("content-encoding"):
        text = "Send the body as it is: request_checksum_calculation = when_required in the settings of AWS clients."
        raise ApiError(NOT_IMPLEMENTED, text)


def write_names(request: Request, response: Response) -> None:
    """Translate the names in an answer, if the request used Amazon's."""
    if request.speaks_amazon:
        for ours, theirs in _ANSWERED.items():
            response.headers += [
                (theirs + name[len(ours) :], value) for name, value in response.headers if name.startswith(ours)
            ]
