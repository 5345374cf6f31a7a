"""The canonical request of V4 signatures, built from a received request as Cloud Storage documents it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from urllib.parse import quote, unquote

from infra.emulator.protocol.hosts import without_port
from infra.emulator.protocol.messages import Request
from infra.emulator.signatures.claims import Claim

UNSIGNED = "UNSIGNED-PAYLOAD"


def canonical_requests(request: Request, claim: Claim, public_hosts: Sequence[str]) -> Iterator[str]:
    """Yield every form that clients sign: host as sent, without port, or public; query sorted in two ways."""
    for host in dict.fromkeys((request.host, without_port(request.host), *public_hosts)):
        for query in dict.fromkeys(_queries(request, claim)):
            yield _canonical(request, claim, host, query)


def string_to_sign(claim: Claim, canonical: str) -> str:
    """Build the text that is signed."""
    digest = hashlib.sha256(encoded(canonical)).hexdigest()
    return f"{claim.scheme.algorithm}\n{claim.date}\n{claim.credential.scope}\n{digest}"


def encoded(text: str) -> bytes:
    """Encode a text as it was signed; bytes of headers that are not UTF-8 are kept as they came."""
    return text.encode(errors="surrogateescape")


def _canonical(request: Request, claim: Claim, host: str, query: str) -> str:
    names = sorted(set(claim.signed_headers.lower().split(";")))
    headers = "".join(f"{name}:{host if name == 'host' else _value(request, name)}\n" for name in names)
    payload = request.header(f"{claim.scheme.prefix}content-sha256", UNSIGNED)
    path = quote(unquote(request.raw_path, errors="surrogateescape"), safe="/~", errors="surrogateescape")
    return "\n".join((request.method, path, query, headers, claim.signed_headers, payload))


def _value(request: Request, name: str) -> str:
    found = ",".join(" ".join(value.split()) for key, value in request.headers if key == name)
    return found.encode("latin-1").decode(errors="surrogateescape")


def _queries(request: Request, claim: Claim) -> Iterator[str]:
    """Build the query sorted by name, as documented, and sorted by `name=value`, as the Python client does."""
    signature = f"{claim.scheme.prefix}signature"
    sent = [pair for pair in request.pairs if not (claim.in_query and pair[0].lower() == signature)]
    pairs = [(quote(name, safe="~"), quote(value, safe="~")) for name, value in sent]
    yield "&".join(f"{name}={value}" for name, value in sorted(pairs))
    yield "&".join(sorted(f"{name}={value}" for name, value in pairs))
