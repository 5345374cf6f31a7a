"""The claim of a V4 signature, read from the query parameters or the Authorization header of a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from infra.emulator.protocol.errors import malformed
from infra.emulator.protocol.messages import Request

ALGORITHM = "GOOG4-RSA-SHA256"
MAX_SECONDS = 7 * 24 * 3600
MAX_SKEW = timedelta(minutes=15)
_PARAMETERS = (
    "X-Goog-Algorithm", "X-Goog-Credential", "X-Goog-Date",
    "X-Goog-Expires", "X-Goog-SignedHeaders", "X-Goog-Signature",
)  # fmt: skip
_LOWER = {name.lower(): name for name in _PARAMETERS}
_IN_HEADER = ("Credential", "SignedHeaders", "Signature")


@dataclass(frozen=True)
class Claim:
    """The claim of a signed request: the signing account, the time, the lifetime, and the signed headers."""

    email: str
    scope: str  # DATE/REGION/storage/goog4_request
    date: str  # YYYYMMDDTHHMMSSZ
    signed_at: datetime
    expires_at: datetime
    signed_headers: str  # names with semicolons between them, in the form in which they were sent
    signature: bytes
    in_query: bool = True


def is_in_query(request: Request) -> bool:
    """Tell whether the query has any of the six parameters of a V4 signature."""
    return any(name.lower() in _LOWER for name, _ in request.pairs)


def is_in_header(request: Request) -> bool:
    """Tell whether the Authorization header holds a V4 signature."""
    return request.header("authorization").startswith(ALGORITHM)


def from_query(request: Request) -> Claim:
    """Read the claim of a signed URL. Raises ApiError 400 that names the parameter which cannot be read."""
    values = _parameters(request)
    if values["X-Goog-Algorithm"] != ALGORITHM:
        raise malformed("X-Goog-Algorithm", f"The algorithm must be {ALGORITHM}.")
    signed_at = moment(values["X-Goog-Date"], "X-Goog-Date")
    email, scope = credential(values["X-Goog-Credential"], values["X-Goog-Date"], "X-Goog-Credential")
    seconds = values["X-Goog-Expires"]
    if not re.fullmatch(r"[0-9]{1,6}", seconds) or not 1 <= int(seconds) <= MAX_SECONDS:
        raise malformed("X-Goog-Expires", f"The value must be a number from 1 to {MAX_SECONDS}.")
    signature = hexadecimal(values["X-Goog-Signature"], "X-Goog-Signature")
    expires_at = signed_at + timedelta(seconds=int(seconds))
    return Claim(email, scope, values["X-Goog-Date"], signed_at, expires_at, values["X-Goog-SignedHeaders"], signature)


def from_header(request: Request) -> Claim:
    """Read the claim of a signed header, which is valid for the allowed difference of clocks. Raises ApiError 400."""
    values = _header_values(request.header("authorization").removeprefix(ALGORITHM))
    date = request.header("x-goog-date")
    signed_at = moment(date, "x-goog-date")
    email, scope = credential(values["Credential"], date, "Credential")
    signature = hexadecimal(values["Signature"], "Signature")
    return Claim(email, scope, date, signed_at, signed_at + MAX_SKEW, values["SignedHeaders"], signature, False)


def credential(text: str, date: str, name: str) -> tuple[str, str]:
    """Split a credential into account and scope; `name` names it in an error. Raises ApiError 400."""
    email, _, scope = text.partition("/")
    if not email or not re.fullmatch(rf"{date[:8]}/[a-z0-9-]+/storage/goog4_request", scope):
        raise malformed(name, "The scope must be DATE/REGION/storage/goog4_request, DATE as signed.")
    return email, scope


def moment(text: str, name: str) -> datetime:
    """Read a time in the format of signed requests; `name` names it in an error. Raises ApiError 400."""
    if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", text):
        try:
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            pass
    raise malformed(name, "The date must have the form YYYYMMDDTHHMMSSZ.")


def hexadecimal(text: str, name: str) -> bytes:
    """Decode a signature; `name` names it in an error. Raises ApiError 400."""
    if not re.fullmatch(r"(?:[0-9a-fA-F]{2})+", text):
        raise malformed(name, "The signature was not hex encoded.")
    return bytes.fromhex(text)


def _parameters(request: Request) -> Mapping[str, str]:
    found: dict[str, list[str]] = {name: [] for name in _PARAMETERS}
    for key, value in request.pairs:
        if name := _LOWER.get(key.lower()):
            found[name].append(value)
    return {name: _once(values, name) for name, values in found.items()}


def _header_values(text: str) -> Mapping[str, str]:
    pairs = [item.strip().partition("=") for item in text.split(",")]
    found = {name: [value.strip() for key, _, value in pairs if key.strip() == name] for name in _IN_HEADER}
    return {name: _once(values, name) for name, values in found.items()}


def _once(values: list[str], name: str) -> str:
    if len(values) != 1:
        raise malformed(name, "The parameter must be there exactly once.")
    return values[0]
