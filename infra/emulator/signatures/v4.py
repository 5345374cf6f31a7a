"""The verification of V4 signatures: GOOG4-RSA-SHA256 over the canonical request, in a URL or a header."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from infra.emulator.protocol.errors import EXPIRED, SKEWED, WRONG_SIGNATURE, ApiError, malformed
from infra.emulator.protocol.hosts import Hosts
from infra.emulator.protocol.messages import Request
from infra.emulator.signatures.canonical import canonical_requests, encoded, string_to_sign
from infra.emulator.signatures.claims import MAX_SKEW, Claim, from_header, from_query
from infra.emulator.signatures.keys import ServiceKey


class Verifier:
    """A verifier that accepts requests which one of the keys has signed and that are valid now."""

    def __init__(
        self,
        keys: Sequence[ServiceKey],
        public_hosts: Sequence[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._keys = keys
        self.hosts = Hosts(public_hosts)
        self.now = now

    def verify_query(self, request: Request) -> None:
        """Verify a signed URL. Raises ApiError with the reason."""
        self._verify(request, from_query(request))

    def verify_header(self, request: Request) -> None:
        """Verify a signed Authorization header. Raises ApiError with the reason."""
        self._verify(request, from_header(request))

    def is_signed(self, email: str, signature: bytes, message: bytes) -> bool:
        """Return whether one of the account's keys has made a signature of a message."""
        for key in self._keys:
            if key.email == email:
                try:
                    key.public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
                except InvalidSignature:
                    continue
                return True
        return False

    def _verify(self, request: Request, claim: Claim) -> None:
        _check_headers(request, claim.signed_headers.split(";"))
        self._check_time(claim)
        first = ("", "")
        for canonical in canonical_requests(request, claim, self.hosts.public):
            text = string_to_sign(claim, canonical)
            if self.is_signed(claim.email, claim.signature, encoded(text)):
                return
            first = first if first[0] else (text, canonical)
        raise ApiError(WRONG_SIGNATURE, StringToSign=first[0], CanonicalRequest=first[1])

    def _check_time(self, claim: Claim) -> None:
        now = self.now()
        if claim.signed_at > now + MAX_SKEW:
            raise ApiError(SKEWED, f"Request was signed for the future: {claim.signed_at.isoformat()}")
        if now >= claim.expires_at:
            kind = EXPIRED if claim.in_query else SKEWED
            raise ApiError(kind, f"Request signature expired at: {claim.expires_at.isoformat()}")


def _check_headers(request: Request, signed: list[str]) -> None:
    if "host" not in signed:
        raise malformed("X-Goog-SignedHeaders", "The host header must be signed.")
    sent = {name for name, _ in request.headers}
    for name in signed:
        if name.lower() not in sent:
            raise malformed(name, "Header was included in signedheaders, but not in the request.")
    for name in sent:
        if name.startswith("x-goog-") and name not in signed:
            raise malformed(name, "Header was included in the request, but not in signedheaders.")
