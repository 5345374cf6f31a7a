"""The verification of V2 signatures, the older kind: in the URL, or `Authorization: GOOG1 ID:SIGNATURE`, `AWS ...`.

A URL has `GoogleAccessId`, or `AWSAccessKeyId` of Amazon's clients, with `Expires` and `Signature`. An RSA key signs
with SHA-256, and only URLs; an HMAC key signs with SHA-1. The signature covers method, Content-MD5, Content-Type, time,
the extension headers and the resource; of the query only the parameters that name a part of the resource, though some
clients sign all of it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode

from infra.emulator.protocol.errors import EXPIRED, SKEWED, WRONG_SIGNATURE, ApiError, malformed
from infra.emulator.protocol.messages import Request
from infra.emulator.signatures.canonical import encoded
from infra.emulator.signatures.claims import AMAZON, HMAC, MAX_SKEW, RSA, Scheme, is_access_id
from infra.emulator.signatures.v4 import Verifier

_IN_HEADER = {"GOOG1": HMAC, "AWS": AMAZON}
_SIGNERS = {"GoogleAccessId": RSA, "AWSAccessKeyId": AMAZON}
FORM_SIGNERS = tuple(name.lower() for name in _SIGNERS)  # fields of a form that name the account
_PARAMETERS = (*_SIGNERS, "Expires", "Signature")
_SUBRESOURCES = frozenset((
    "acl", "billing", "compose", "cors", "defaultObjectAcl", "delete", "encryption", "encryptionConfig", "lifecycle",
    "location", "logging", "notification", "partNumber", "policy", "requestPayment", "restore", "storageClass",
    "storageclass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
    "websiteConfig",
    *(f"response-{name}" for name in (
        "cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires",
    )),
))  # fmt: skip
_NOT_SIGNED = ("x-goog-encryption-key", "x-goog-encryption-key-sha256")


@dataclass(frozen=True)
class _Claim:
    """Who signed, how, and the time in the signed text: when a URL ends, or the Date of a header."""

    scheme: Scheme
    account: str  # an email address, or the access ID of an HMAC key
    time: str
    signature: bytes


def is_v2(request: Request) -> bool:
    """Tell whether the query has any of the parameters of a V2 signature."""
    return any(name in request.params for name in _PARAMETERS)


def is_v2_header(request: Request) -> bool:
    """Tell whether the Authorization header holds a V2 signature."""
    return request.header("authorization").partition(" ")[0] in _IN_HEADER


def verify(verifier: Verifier, request: Request) -> Scheme:
    """Verify a signed URL; return how it was signed. Raises ApiError with the reason."""
    claim = _from_query(request)
    if verifier.now().timestamp() >= int(claim.time):
        raise ApiError(EXPIRED, f"Request signature expired at: {claim.time}")
    return _verified(verifier, request, claim)


def verify_header(verifier: Verifier, request: Request) -> Scheme:
    """Verify a signed Authorization header; return how it was signed. Raises ApiError with the reason."""
    name, _, text = request.header("authorization").partition(" ")
    account, _, signature = text.strip().rpartition(":")
    scheme = _IN_HEADER[name]
    dated = request.header(f"{scheme.prefix}date")
    if abs(_moment(dated or request.header("date")) - verifier.now()) > MAX_SKEW:
        raise ApiError(SKEWED, "The date of the request is too far from the time of this server.")
    return _verified(
        verifier,
        request,
        _Claim(scheme, account, "" if dated else request.header("date"), _decoded(signature, "Authorization")),
    )


def is_v2_form(fields: Mapping[str, str]) -> bool:
    """Tell whether a form has the fields of a V2 signature; names in lower case."""
    return any(name in fields for name in FORM_SIGNERS)


def is_signed_form(verifier: Verifier, fields: Mapping[str, str]) -> bool:
    """Tell whether the signature of a form's policy is right. Raises ApiError."""
    accounts = [(scheme, fields[name.lower()]) for name, scheme in _SIGNERS.items() if name.lower() in fields]
    if len(accounts) != 1 or "signature" not in fields:
        raise malformed("signature", f"The form must have a signature and one of {' and '.join(_SIGNERS)}.")
    ((scheme, account),) = accounts
    claim = _Claim(_scheme(scheme, account), account, "", _decoded(fields["signature"], "signature"))
    return _is_signed(verifier, claim, fields["policy"].encode())


def _from_query(request: Request) -> _Claim:
    values = {name: [value for key, value in request.pairs if key == name] for name in _PARAMETERS}
    signers = [(scheme, value) for name, scheme in _SIGNERS.items() for value in values.pop(name)]
    for name, found in values.items():
        if len(found) != 1:
            raise malformed(name, "The parameter must be there exactly once.")
    if len(signers) != 1:
        raise malformed("GoogleAccessId", f"One of {' and '.join(_SIGNERS)} must be there exactly once.")
    ((scheme, account),) = signers
    expires = values["Expires"][0]
    if not (expires.isascii() and expires.isdigit() and len(expires) < 12):
        raise malformed("Expires", "The value must be seconds since 1970.")
    return _Claim(_scheme(scheme, account), account, expires, _decoded(values["Signature"][0], "Signature"))


def _scheme(scheme: Scheme, account: str) -> Scheme:
    """Return the scheme of a signature: GoogleAccessId names an account of either kind."""
    return HMAC if scheme is RSA and is_access_id(account) else scheme


def _verified(verifier: Verifier, request: Request, claim: _Claim) -> Scheme:
    scheme = claim.scheme
    for other in (HMAC, AMAZON):
        if other.prefix != scheme.prefix:
            request.drop_headers(other.prefix)  # the signature does not cover them; s3cmd sends back what it has read
    bucket = verifier.hosts.bucket(request.host)
    texts = [_string_to_sign(request, claim, resource) for resource in _resources(request, bucket)]
    if not any(_is_signed(verifier, claim, encoded(text)) for text in texts):
        raise ApiError(WRONG_SIGNATURE, StringToSign=texts[0])
    return scheme


def _is_signed(verifier: Verifier, claim: _Claim, message: bytes) -> bool:
    if claim.scheme is RSA:
        return verifier.is_signed_by_rsa(claim.account, claim.signature, message)
    secret = verifier.secret_of(claim.account).encode()
    return hmac.compare_digest(hmac.digest(secret, message, "sha1"), claim.signature)


def _string_to_sign(request: Request, claim: _Claim, resource: str) -> str:
    signed: dict[str, list[str]] = {}
    for name, value in request.headers:
        if name.startswith(claim.scheme.prefix) and name not in _NOT_SIGNED:
            signed.setdefault(name, []).append(" ".join(value.split()))
    headers = [f"{name}:{','.join(values)}" for name, values in sorted(signed.items())]
    first = (request.method, request.header("content-md5"), request.header("content-type"), claim.time)
    return "\n".join((*first, *headers, resource))


def _resources(request: Request, bucket_of_host: str) -> Iterator[str]:
    """Build the forms in which clients sign the resource: with the parameters that name a part of it, or with all."""
    path = f"/{bucket_of_host}{request.raw_path}" if bucket_of_host else request.raw_path
    yield from _written(request, path)
    if path.count("/") == 1 and path != "/":
        yield from _written(request, path + "/")  # boto3 signs a bucket so, and asks for it without the slash


def _written(request: Request, path: str) -> Iterator[str]:
    given = [(name, value) for name, value in request.pairs if name not in _PARAMETERS]
    bare = {piece for piece in request.query.split("&") if "=" not in piece}  # what they name is a part, known or not
    yield path + _query([pair for pair in given if pair[0] in _SUBRESOURCES or pair[0] in bare])
    if given:
        more = sorted((name.lower(), value.strip()) for name, value in given)
        yield f"{path}?{urlencode(more)}"
        yield path + _query(more)


def _query(pairs: Sequence[tuple[str, str]]) -> str:
    text = "&".join(f"{name}={value}" if value else name for name, value in sorted(pairs))
    return f"?{text}" if text else ""


def _moment(text: str) -> datetime:
    """Read the date of a request, of HTTP or of a V4 signature. Raises ApiError 400."""
    try:
        if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", text):
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        found = parsedate_to_datetime(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except ValueError:
        raise malformed("Date", "A signed request must have a Date header with a date of HTTP.") from None


def _decoded(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise malformed(name, "The signature was not base64 encoded.") from None
