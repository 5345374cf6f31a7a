"""Clients of Amazon S3, which sign with an HMAC key and write `x-amz-` where others write `x-goog-`."""

from __future__ import annotations

from infra.emulator.protocol.errors import NOT_IMPLEMENTED, ApiError, malformed
from infra.emulator.protocol.messages import Request, Response
from infra.emulator.protocol.numbers import whole_number
from infra.emulator.signatures import chunks
from infra.emulator.signatures.canonical import UNSIGNED
from infra.emulator.signatures.claims import AMAZON, Claim, Scheme
from infra.emulator.signatures.v4 import Verifier

_ANSWERED = {"x-goog-meta-": "x-amz-meta-", "x-goog-generation": "x-amz-version-id"}


def read_pieces(request: Request, verifier: Verifier, claim: Claim) -> None:
    """Let the body be read as its content, if its header says that it comes in signed pieces. Raises ApiError."""
    if claim.scheme is not AMAZON or request.header("x-amz-content-sha256") != chunks.KIND:
        return
    size = whole_number(request.header("x-amz-decoded-content-length"))
    if size is None:
        raise malformed("x-amz-decoded-content-length", "The header must tell the number of bytes of the content.")
    chain = verifier.chain(claim)
    request.decode_body(lambda body: chunks.contents(body, chain, size), size)
    request.set_header("x-amz-content-sha256", UNSIGNED)  # it was no hash of the content
    encodings = [name.strip() for name in request.header("content-encoding").split(",")]
    request.set_header("content-encoding", ", ".join(name for name in encodings if name != "aws-chunked"))


def read_names(request: Request, scheme: Scheme) -> None:
    """Translate the names of a verified request, if they are Amazon's. Raises ApiError 501 for what is not known here.

    Bodies in pieces with a checksum behind them are refused, as the service refuses them.
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
