"""The claim of a V4 signature, read from the query parameters or the Authorization header of a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from infra.emulator.protocol.errors import malformed
from infra.emulator.protocol.messages import Request

MAX_SECONDS = 7 * 24 * 3600
MAX_SKEW = timedelta(minutes=15)
_PARTS = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
_IN_HEADER = ("Credential", "SignedHeaders", "Signature")


@dataclass(frozen=True)
class Scheme:
    """A way to sign: with an RSA key, or with the secret of an HMAC key, in Google's words or in Amazon's."""

    algorithm: str
    prefix: str  # of headers, and in capitals of parameters
    scope_end: str  # service and kind of request, at the end of the scope
    secret_start: str = ""  # stands before the secret of an HMAC key; empty: an RSA key signs

    @property
    def names(self) -> tuple[str, ...]:
        """The six parameters of a signed URL."""
        return tuple(f"{self.prefix.title()}{part}" for part in _PARTS)


RSA = Scheme("GOOG4-RSA-SHA256", "x-goog-", "storage/goog4_request")
HMAC = Scheme("GOOG4-HMAC-SHA256", "x-goog-", "storage/goog4_request", "GOOG4")
AMAZON = Scheme("AWS4-HMAC-SHA256", "x-amz-", "s3/aws4_request", "AWS4")
_SCHEMES = {scheme.algorithm: scheme for scheme in (RSA, HMAC, AMAZON)}
_GOOGLE_S = {name.lower(): name for name in RSA.names}
_AMAZON_S = {name.lower(): name for name in AMAZON.names}


@dataclass(frozen=True)
class Credential:
    """The signer, the way of signing, and the scope of the signature."""

    scheme: Scheme
    account: str  # an email address, or the access ID of an HMAC key
    scope: str  # DATE/REGION/SERVICE/KIND


@dataclass(frozen=True)
class Claim:
    """The claim of a signed request: the signer, the time, the lifetime, and the signed headers."""

    credential: Credential
    date: str  # YYYYMMDDTHHMMSSZ
    signed_at: datetime
    expires_at: datetime
    signed_headers: str  # names with semicolons between them, in the form in which they were sent
    signature: bytes
    in_query: bool = True

    @property
    def scheme(self) -> Scheme:
        """The way in which the request was signed."""
        return self.credential.scheme


def is_in_query(request: Request) -> bool:
    """Tell whether the query has any of the six parameters of a V4 signature."""
    return any(name.lower() in _GOOGLE_S or name.lower() in _AMAZON_S for name, _ in request.pairs)


def is_in_header(request: Request) -> bool:
    """Tell whether the Authorization header holds a V4 signature."""
    return request.header("authorization").partition(" ")[0] in _SCHEMES


def from_query(request: Request) -> Claim:
    """Read the claim of a signed URL. Raises ApiError 400 that names the parameter which cannot be read."""
    names = _GOOGLE_S if any(name.lower() in _GOOGLE_S for name, _ in request.pairs) else _AMAZON_S
    algorithm, credentials, date, expires, headers, signature = names.values()
    values = _parameters(request, names)
    scheme = scheme_named(values[algorithm], algorithm)
    if algorithm != scheme.names[0]:
        raise malformed(algorithm, f"The parameters of {scheme.algorithm} are {', '.join(scheme.names)}.")
    signed_at = moment(values[date], date)
    signer = credential(scheme, values[credentials], values[date], credentials)
    seconds = values[expires]
    if not re.fullmatch(r"[0-9]{1,6}", seconds) or not 1 <= int(seconds) <= MAX_SECONDS:
        raise malformed(expires, f"The value must be a number from 1 to {MAX_SECONDS}.")
    ends = signed_at + timedelta(seconds=int(seconds))
    found = hexadecimal(values[signature], signature)
    return Claim(signer, values[date], signed_at, ends, values[headers], found)


def from_header(request: Request) -> Claim:
    """Read the claim of a signed header, which is valid for the allowed difference of clocks. Raises ApiError 400."""
    algorithm, _, text = request.header("authorization").partition(" ")
    scheme, values = _SCHEMES[algorithm], _header_values(text)
    name = f"{scheme.prefix}date"
    date = request.header(name)
    signed_at = moment(date, name)
    signer = credential(scheme, values["Credential"], date, "Credential")
    signature = hexadecimal(values["Signature"], "Signature")
    return Claim(signer, date, signed_at, signed_at + MAX_SKEW, values["SignedHeaders"], signature, False)


def scheme_named(algorithm: str, name: str) -> Scheme:
    """Find the scheme of an algorithm; `name` names it in an error. Raises ApiError 400."""
    if algorithm not in _SCHEMES:
        raise malformed(name, f"The algorithm must be one of {', '.join(_SCHEMES)}.")
    return _SCHEMES[algorithm]


def credential(scheme: Scheme, text: str, date: str, name: str) -> Credential:
    """Split a credential into account and scope; `name` names it in an error. Raises ApiError 400."""
    account, _, scope = text.partition("/")
    # The region is any word or none: some write a bucket's location, such as US, and DuckDB writes nothing.
    if not account or not re.fullmatch(rf"{date[:8]}/[A-Za-z0-9-]*/{scheme.scope_end}", scope):
        raise malformed(name, f"The scope must be DATE/REGION/{scheme.scope_end}, DATE as signed.")
    if scheme.secret_start and not is_access_id(account):
        raise malformed(name, f"{scheme.algorithm} takes the access ID of an HMAC key.")
    return Credential(scheme, account, scope)


def is_access_id(text: str) -> bool:
    """Tell whether a text can be the access ID of an HMAC key."""
    return bool(re.fullmatch(r"[0-9A-Z]{20,61}", text))


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


def _parameters(request: Request, names: Mapping[str, str]) -> Mapping[str, str]:
    found: dict[str, list[str]] = {name: [] for name in names.values()}
    for key, value in request.pairs:
        if name := names.get(key.lower()):
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
