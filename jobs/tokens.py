"""What is derived from the installation's secret: pseudonyms of addresses and clients, delete tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac


def normalised(address: str) -> str:
    """One person's address in one form: lower-cased, without a `+tag`."""
    local, _, domain = address.strip().lower().rpartition("@")
    return f"{local.split('+', 1)[0]}@{domain}"


def address_hmac(secret: str, address: str) -> str:
    """A pseudonym (64 hex digits) under which limits and refusals outlive the address itself."""
    return _digest(secret, f"address:{normalised(address)}").hex()


def client_hmac(secret: str, ip: str) -> str:
    """A pseudonym (64 hex digits) of a client's IP address."""
    return _digest(secret, f"client:{ip}").hex()


def delete_token(secret: str, job_id: str) -> str:
    """The capability to delete a job: given to its owner only, unlike the id."""
    return base64.urlsafe_b64encode(_digest(secret, f"delete:{job_id}")).decode().rstrip("=")


def check_delete_token(secret: str, job_id: str, token: str) -> bool:
    """Whether the token is the job's; takes the same time whatever the answer."""
    return hmac.compare_digest(delete_token(secret, job_id).encode(), token.encode())


def _digest(secret: str, text: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
