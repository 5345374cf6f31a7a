"""V4 signed URLs: GOOG4-RSA-SHA256 over the canonical request, as the storage service documents it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from infra.local.emulator.errors import ACCESS_DENIED, EXPIRED, SKEWED, WRONG_SIGNATURE, ApiError, malformed
from infra.local.emulator.http import Request
from infra.local.emulator.keys import ServiceKey

ALGORITHM = "GOOG4-RSA-SHA256"
MAX_SECONDS = 7 * 24 * 3600
MAX_SKEW = timedelta(minutes=15)
UNSIGNED = "UNSIGNED-PAYLOAD"
_PARAMETERS = (
    "X-Goog-Algorithm", "X-Goog-Credential", "X-Goog-Date",
    "X-Goog-Expires", "X-Goog-SignedHeaders", "X-Goog-Signature",
)  # fmt: skip
_SIGNATURE = _PARAMETERS[-1].lower()


@dataclass(frozen=True)
class Claim:
    """What a signed URL says of itself."""

    email: str
    scope: str  # DATE/REGION/storage/goog4_request
    date: str  # YYYYMMDDTHHMMSSZ
    signed_at: datetime
    expires_at: datetime
    signed_headers: str  # as sent: names with semicolons between them
    signature: bytes


class Verifier:
    """Accepts a request that one of the keys has signed for this moment, and refuses any other."""

    def __init__(
        self,
        keys: Sequence[ServiceKey],
        public_hosts: Sequence[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._keys = keys
        self._public_hosts = tuple(host.lower() for host in public_hosts)
        self._now = now

    def verify(self, request: Request) -> None:
        """Raises ApiError: 403 AccessDenied for an unsigned request, else what is wrong with the signature."""
        claim = _claim(request)
        _check_headers(request, claim.signed_headers.split(";"))
        self._check_time(claim)
        candidates = [_string_to_sign(claim, text) for text in self._canonical_requests(request, claim)]
        if not any(self._signed(claim, text) for text in candidates):
            first = next(self._canonical_requests(request, claim))
            raise ApiError(WRONG_SIGNATURE, StringToSign=candidates[0], CanonicalRequest=first)

    def _check_time(self, claim: Claim) -> None:
        now = self._now()
        if claim.signed_at > now + MAX_SKEW:
            raise ApiError(SKEWED, f"Request was signed for the future: {claim.signed_at.isoformat()}")
        if now >= claim.expires_at:
            raise ApiError(EXPIRED, f"Request signature expired at: {claim.expires_at.isoformat()}")

    def _signed(self, claim: Claim, text: str) -> bool:
        for key in self._keys:
            if key.email == claim.email:
                try:
                    key.public.verify(claim.signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
                except InvalidSignature:
                    continue
                return True
        return False

    def _canonical_requests(self, request: Request, claim: Claim) -> Iterator[str]:
        """The forms that clients sign: host as sent, without its port, or the public one; query sorted either way."""
        hosts = dict.fromkeys((request.host, _without_port(request.host), *self._public_hosts))
        for host in hosts:
            for query in dict.fromkeys(_canonical_queries(request)):
                yield _canonical_request(request, claim, host, query)


def _claim(request: Request) -> Claim:
    values = _parameters(request)
    if values["X-Goog-Algorithm"] != ALGORITHM:
        raise malformed("X-Goog-Algorithm", f"The algorithm must be {ALGORITHM}.")
    date = values["X-Goog-Date"]
    signed_at = _moment(date)
    email, _, scope = values["X-Goog-Credential"].partition("/")
    if not email or not re.fullmatch(rf"{date[:8]}/[a-z0-9-]+/storage/goog4_request", scope):
        raise malformed("X-Goog-Credential", "The scope must be DATE/REGION/storage/goog4_request, DATE as signed.")
    seconds = values["X-Goog-Expires"]
    if not re.fullmatch(r"[0-9]{1,6}", seconds) or not 1 <= int(seconds) <= MAX_SECONDS:
        raise malformed("X-Goog-Expires", f"The value must be a number from 1 to {MAX_SECONDS}.")
    if not re.fullmatch(r"(?:[0-9a-fA-F]{2})+", values["X-Goog-Signature"]):
        raise malformed("X-Goog-Signature", "The signature was not hex encoded.")
    expires_at = signed_at + timedelta(seconds=int(seconds))
    signature = bytes.fromhex(values["X-Goog-Signature"])
    return Claim(email, scope, date, signed_at, expires_at, values["X-Goog-SignedHeaders"], signature)


def _parameters(request: Request) -> dict[str, str]:
    found = {name: [value for key, value in request.pairs if key.lower() == name.lower()] for name in _PARAMETERS}
    if not any(found.values()):
        raise ApiError(ACCESS_DENIED, "Anonymous caller does not have access to the object, or it may not exist.")
    for name, values in found.items():
        if len(values) != 1:
            raise malformed(name, "The parameter must be there exactly once.")
    return {name: values[0] for name, values in found.items()}


def _moment(text: str) -> datetime:
    if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", text):
        try:
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            pass
    raise malformed("X-Goog-Date", "The date must have the form YYYYMMDDTHHMMSSZ.")


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


def _canonical_request(request: Request, claim: Claim, host: str, query: str) -> str:
    names = sorted(set(claim.signed_headers.lower().split(";")))
    headers = "".join(f"{name}:{host if name == 'host' else _canonical_value(request, name)}\n" for name in names)
    payload = request.header("x-goog-content-sha256", UNSIGNED)
    path = quote(unquote(request.raw_path, errors="surrogateescape"), safe="/~", errors="surrogateescape")
    return "\n".join((request.method, path, query, headers, claim.signed_headers, payload))


def _canonical_value(request: Request, name: str) -> str:
    return ",".join(" ".join(value.split()) for key, value in request.headers if key == name)


def _canonical_queries(request: Request) -> Iterator[str]:
    """Sorted by name, as documented; then by the whole `name=value`, as the Python client does."""
    sent = [pair for pair in request.pairs if pair[0].lower() != _SIGNATURE]
    pairs = [(quote(name, safe="~"), quote(value, safe="~")) for name, value in sent]
    yield "&".join(f"{name}={value}" for name, value in sorted(pairs))
    yield "&".join(sorted(f"{name}={value}" for name, value in pairs))


def _string_to_sign(claim: Claim, canonical: str) -> str:
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return f"{ALGORITHM}\n{claim.date}\n{claim.scope}\n{digest}"


def _without_port(host: str) -> str:
    return re.sub(r":[0-9]+$", "", host)
