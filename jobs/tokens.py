"""Pseudonyms of addresses and clients, and tokens of links, all derived from the installation's secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

TAG_BYTES = 16  # of a refusal token's signature: 2 ** 128 guesses
REFUSAL_PATTERN = re.compile(r"[A-Za-z0-9_-]{64}")  # 32 bytes of pseudonym and the signature


def normalised(address: str) -> str:
    """Write one person's address in one form: lower-cased, without a `+tag`."""
    local, _, domain = address.strip().lower().rpartition("@")
    return f"{local.split('+', 1)[0]}@{domain}"


def address_hmac(secret: str, address: str) -> str:
    """Make the pseudonym (64 hex digits) under which limits and refusals outlive the address itself."""
    return _digest(secret, f"address:{normalised(address)}").hex()


def client_hmac(secret: str, ip: str) -> str:
    """Make the pseudonym (64 hex digits) of a client's IP address."""
    return _digest(secret, f"client:{ip}").hex()


def delete_token(secret: str, job_id: str) -> str:
    """Make the token that deletes a job; unlike the id it is given to the job's owner only."""
    return base64.urlsafe_b64encode(_digest(secret, f"delete:{job_id}")).decode().rstrip("=")


def check_delete_token(secret: str, job_id: str, token: str) -> bool:
    """Tell whether the token is the job's; takes the same time whatever the answer."""
    return hmac.compare_digest(delete_token(secret, job_id).encode(), token.encode())


def refusal_token(secret: str, email_hmac: str) -> str:
    """Make the token that refuses mail for one address: its pseudonym, signed, so that nobody can refuse for others."""
    pseudonym = bytes.fromhex(email_hmac)
    return base64.urlsafe_b64encode(pseudonym + _refusal_tag(secret, pseudonym)).decode()


def refusing(secret: str, token: str) -> str | None:
    """Find the pseudonym (64 hex digits) that a refusal token stands for; None for a token that is not ours."""
    if not REFUSAL_PATTERN.fullmatch(token):
        return None
    data = base64.urlsafe_b64decode(token)
    pseudonym, tag = data[:-TAG_BYTES], data[-TAG_BYTES:]
    return pseudonym.hex() if hmac.compare_digest(tag, _refusal_tag(secret, pseudonym)) else None


def _refusal_tag(secret: str, pseudonym: bytes) -> bytes:
    return _digest(secret, f"refuse:{pseudonym.hex()}")[:TAG_BYTES]


def _digest(secret: str, text: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
