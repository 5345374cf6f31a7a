"""Decides who may use the XML API.

The rules are tried in this order:

1. A signed URL (V4 or V2) is verified, whatever else the request carries. No header can save a forged URL.
2. A signed Authorization header (V4 or V2) is verified. `Bearer` with any token is the owner: tokens are not checked,
   as the JSON API, which is for this machine alone, checks no caller. Any other scheme is refused.
3. An official client library that has no credentials is the owner. Such libraries, when pointed at an emulator, read
   and write objects through the XML API and expect to be allowed to, as in the JSON API. They are recognized by the
   header `x-goog-api-client`, which no browser, no form and no plain HTTP tool sends on its own. Go's clients from
   before 2022 send only `x-cloud-trace-context`, and only with reads, so this header lets reads pass, but no writes.
4. Any other request is anonymous. It may read what the policy or the access control lists open to allUsers, and
   nothing else. So a link whose signature was cut off is refused. With `--anonymous allow` it is the owner too.

Who does not sign may write `x-amz-` where others write `x-goog-`, as Amazon's clients do without credentials.
"""

from __future__ import annotations

from infra.emulator.browsers.pages import check_page, is_foreign
from infra.emulator.calls.service import Call
from infra.emulator.protocol.errors import ACCESS_DENIED, ApiError, malformed
from infra.emulator.protocol.messages import Request
from infra.emulator.resources.rights import anybody_reads
from infra.emulator.signatures import claims, v2
from infra.emulator.signatures.claims import AMAZON
from infra.emulator.xml_api.amazon import read_names, read_pieces

_READS = ("GET", "HEAD")


def authorize(call: Call, *, contents: bool = True) -> None:
    """Check that the request is allowed.

    `contents`: the request is for a content or a listing, which may be open to everybody.
    Raises ApiError: 403 AccessDenied, or what is wrong with its signature.
    """
    request, verifier = call.request, call.service.verifier
    if claims.is_in_query(request):
        read_names(request, verifier.verify_query(request).scheme)
    elif v2.is_v2(request):
        read_names(request, v2.verify(verifier, request))
    elif request.header("authorization"):
        _check_header(call)
    else:
        _check_unsigned(call, contents)
        if any(name.startswith(AMAZON.prefix) for name, _ in request.headers):
            read_names(request, AMAZON)


def _check_header(call: Call) -> None:
    scheme = call.request.header("authorization").split(" ", 1)[0]
    if claims.is_in_header(call.request):
        claim = call.service.verifier.verify_header(call.request)
        read_pieces(call.request, call.service.verifier, claim)
        read_names(call.request, claim.scheme)
    elif v2.is_v2_header(call.request):
        read_names(call.request, v2.verify_header(call.service.verifier, call.request))
    elif scheme.lower() != "bearer":
        raise malformed("Authorization", f"Unsupported Authorization scheme: {scheme[:40]}")
    else:
        _check_page(call)


def _check_unsigned(call: Call, contents: bool) -> None:
    request = call.request
    if call.service.anonymous_owns or _is_client_library(request):
        if not (is_foreign(request) and contents and _open_to_all(call)):
            _check_page(call)
    elif not (contents and _open_to_all(call)):
        raise ApiError(ACCESS_DENIED, "Anonymous caller does not have access to the object, or it may not exist.")


def _check_page(call: Call) -> None:
    """Check that the request, which no signature protects, is not of a strange web page. Raises ApiError 403."""
    check_page(call.request, call.service.store.index, call.names.get("bucket", ""))


def _is_client_library(request: Request) -> bool:
    """Return whether the request comes from an official client library."""
    if request.header("x-goog-api-client"):
        return True
    return request.method in _READS and bool(request.header("x-cloud-trace-context"))


def _open_to_all(call: Call) -> bool:
    """Return whether anybody may read the data that the request asks for."""
    if call.request.method not in _READS or not call.names.get("bucket"):
        return False
    index = call.service.store.index
    try:
        bucket = index.bucket(call.names["bucket"])
    except ApiError:
        return False
    name = call.names.get("object")
    return anybody_reads(bucket, index.object(bucket.name, name) if name else None)
