"""The verification of V2 signed URLs, the older kind: `GoogleAccessId`, `Expires` and `Signature` in the query.

The signature covers method, Content-MD5, Content-Type, expiry, `x-goog-*` headers and the resource; of the query
only the parameters that name a part of the resource, though some clients sign all of it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from urllib.parse import urlencode

from infra.emulator.protocol.errors import EXPIRED, WRONG_SIGNATURE, ApiError, malformed
from infra.emulator.protocol.messages import Request
from infra.emulator.signatures.canonical import encoded
from infra.emulator.signatures.v4 import Verifier

_PARAMETERS = ("GoogleAccessId", "Expires", "Signature")
_SUBRESOURCES = frozenset((
    "acl", "billing", "compose", "cors", "encryption", "lifecycle", "location", "logging", "storageclass", "tagging",
    "uploads", "uploadid", "partnumber", "versioning", "versions", "website",
))  # fmt: skip
_NOT_SIGNED = frozenset(("x-goog-encryption-key", "x-goog-encryption-key-sha256"))


def is_v2(request: Request) -> bool:
    """Tell whether the query has any of the three parameters of a V2 signature."""
    return any(name in request.params for name in _PARAMETERS)


def verify(verifier: Verifier, request: Request, bucket_of_host: str) -> None:
    """Verify a signed URL. Raises ApiError with the reason."""
    values = {name: [value for key, value in request.pairs if key == name] for name in _PARAMETERS}
    for name, found in values.items():
        if len(found) != 1:
            raise malformed(name, "The parameter must be there exactly once.")
    expires = values["Expires"][0]
    if not (expires.isascii() and expires.isdigit() and len(expires) < 12):
        raise malformed("Expires", "The value must be seconds since 1970.")
    try:
        signature = base64.b64decode(values["Signature"][0], validate=True)
    except binascii.Error:
        raise malformed("Signature", "The signature was not base64 encoded.") from None
    if verifier.now().timestamp() >= int(expires):
        raise ApiError(EXPIRED, f"Request signature expired at: {expires}")
    texts = [_string_to_sign(request, expires, resource) for resource in _resources(request, bucket_of_host)]
    if not any(verifier.is_signed_by_rsa(values["GoogleAccessId"][0], signature, encoded(text)) for text in texts):
        raise ApiError(WRONG_SIGNATURE, StringToSign=texts[0])


def _string_to_sign(request: Request, expires: str, resource: str) -> str:
    signed = {name: value for name, value in request.headers if name.startswith("x-goog-") and name not in _NOT_SIGNED}
    headers = [f"{name}:{' '.join(value.split())}" for name, value in sorted(signed.items())]
    first = (request.method, request.header("content-md5"), request.header("content-type"), expires)
    return "\n".join((*first, *headers, resource))


def _resources(request: Request, bucket_of_host: str) -> Iterator[str]:
    path = f"/{bucket_of_host}{request.raw_path}" if bucket_of_host else request.raw_path
    more = sorted((name.lower(), value.strip()) for name, value in request.pairs if name not in _PARAMETERS)
    if not any(name in _SUBRESOURCES for name, _ in more):
        yield path
    if more:
        yield f"{path}?{urlencode(more)}"
        yield path + "?" + "&".join(f"{name}={value}" if value else name for name, value in more)
