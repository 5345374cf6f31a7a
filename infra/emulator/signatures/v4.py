"""The verification of V4 signatures over the canonical request, in a URL or a header."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from infra.emulator.protocol.errors import EXPIRED, INVALID_SECURITY, SKEWED, WRONG_SIGNATURE, ApiError, malformed
from infra.emulator.protocol.hosts import Hosts
from infra.emulator.protocol.messages import Request
from infra.emulator.signatures.canonical import canonical_requests, encoded, string_to_sign
from infra.emulator.signatures.chunks import Chain
from infra.emulator.signatures.claims import MAX_SKEW, Claim, Credential, from_header, from_query
from infra.emulator.signatures.keys import ServiceKey


class Verifier:
    """A verifier that accepts requests which one of the keys has signed and that are valid now.

    `secret_of` finds the secret of an active HMAC key by its access ID; "" if there is none.
    """

    def __init__(
        self,
        keys: Sequence[ServiceKey],
        public_hosts: Sequence[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        secret_of: Callable[[str], str] = lambda access_id: "",
    ) -> None:
        self._keys = keys
        self._secret_of = secret_of
        self.hosts = Hosts(public_hosts)
        self.now = now

    def verify_query(self, request: Request) -> Claim:
        """Verify a signed URL; return what it claims. Raises ApiError with the reason."""
        return self._verify(request, from_query(request))

    def verify_header(self, request: Request) -> Claim:
        """Verify a signed Authorization header; return what it claims. Raises ApiError with the reason."""
        return self._verify(request, from_header(request))

    def is_signed(self, credential: Credential, signature: bytes, message: bytes) -> bool:
        """Return whether a key of the credential's account has made a signature. Raises ApiError 403 for no key."""
        if not credential.scheme.secret_start:
            return self.is_signed_by_rsa(credential.account, signature, message)
        return hmac.compare_digest(hmac.digest(self._hmac_key(credential), message, "sha256"), signature)

    def chain(self, claim: Claim) -> Chain:
        """Begin the chain of signatures of a body in pieces, after its header, which an HMAC key has signed."""
        return Chain(claim, self._hmac_key(claim.credential), claim.signature.hex())

    def secret_of(self, access_id: str) -> str:
        """Get the secret of an active HMAC key. Raises ApiError 403 for no key."""
        secret = self._secret_of(access_id)
        if not secret:
            raise ApiError(INVALID_SECURITY, f"There is no active HMAC key {access_id[:80]}.")
        return secret

    def is_signed_by_rsa(self, email: str, signature: bytes, message: bytes) -> bool:
        """Return whether one of the account's RSA keys has made a signature of a message."""
        for key in self._keys:
            if key.email == email:
                try:
                    key.public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
                except InvalidSignature:
                    continue
                return True
        return False

    def _hmac_key(self, credential: Credential) -> bytes:
        return hmac_key(credential.scheme.secret_start + self.secret_of(credential.account), credential.scope)

    def _verify(self, request: Request, claim: Claim) -> Claim:
        _check_headers(request, claim)
        self._check_time(claim)
        first = ("", "")
        for canonical in canonical_requests(request, claim, self.hosts.public):
            text = string_to_sign(claim, canonical)
            if self.is_signed(claim.credential, claim.signature, encoded(text)):
                return claim
            first = first if first[0] else (text, canonical)
        raise ApiError(WRONG_SIGNATURE, StringToSign=first[0], CanonicalRequest=first[1])

    def _check_time(self, claim: Claim) -> None:
        now = self.now()
        if claim.signed_at > now + MAX_SKEW:
            raise ApiError(SKEWED, f"Request was signed for the future: {claim.signed_at.isoformat()}")
        if now >= claim.expires_at:
            kind = EXPIRED if claim.in_query else SKEWED
            raise ApiError(kind, f"Request signature expired at: {claim.expires_at.isoformat()}")


def hmac_key(secret: str, scope: str) -> bytes:
    """Derive the key that signs within a scope, as the documents of V4 signatures say."""
    key = secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _check_headers(request: Request, claim: Claim) -> None:
    signed = claim.signed_headers.split(";")
    if "host" not in signed:
        raise malformed(claim.scheme.names[4], "The host header must be signed.")
    sent = {name for name, _ in request.headers}
    for name in signed:
        if name.lower() not in sent:
            raise malformed(name, "Header was included in signedheaders, but not in the request.")
    for name in sent:
        if name.startswith(("x-goog-", claim.scheme.prefix)) and name not in signed:
            raise malformed(name, "Header was included in the request, but not in signedheaders.")
