"""Pseudonyms of addresses and clients, and tokens of links, all derived from the installation's secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

TAG_BYTES = 16  # bytes of a refusal token's signature: 2 ** 128 values to guess
CONTINUE = "#continue="  # before the token in a link: no browser sends what follows "#", so that no server logs it
BASE_PATTERN = re.compile(r"([A-Za-z0-9_-]{22}):([A-Za-z0-9_-]{43})")  # a job's id and its continue token
REFUSAL_PATTERN = re.compile(r"[A-Za-z0-9_-]{64}")  # 32 bytes of pseudonym, then the signature


def normalised(address: str) -> str:
    """Return the common form of one person's address: in lower case, without a `+tag`."""
    local, _, domain = address.strip().lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def address_hmac(secret: str, address: str) -> str:
    """Return the pseudonym (64 hex digits) of an address, for limits and refusals that are kept after it is deleted."""
    return _digest(secret, f"address:{normalised(address)}").hex()


def client_hmac(secret: str, ip: str) -> str:
    """Return the pseudonym (64 hex digits) of a client's IP address."""
    return _digest(secret, f"client:{ip}").hex()


def delete_token(secret: str, job_id: str) -> str:
    """Return the token that deletes a job. Unlike the id, only the job's owner gets it."""
    return _token(secret, f"delete:{job_id}")


def check_delete_token(secret: str, job_id: str, token: str) -> bool:
    """Return whether the token is the job's. The check takes equal time for every token."""
    return hmac.compare_digest(delete_token(secret, job_id).encode(), token.encode())


def continue_link(public_url: str, secret: str, job_id: str) -> str:
    """Return the link by which a later job continues from this one's model. Its token deletes nothing."""
    return f"{public_url}/{CONTINUE}{job_id}:{_continue_token(secret, job_id)}"


def continuing(secret: str, given: str) -> str | None:
    """Return the id in "<job id>:<continue token>", or in a whole link, or None for a token that is not from here.

    The check takes equal time for every token of the right form.
    """
    found = BASE_PATTERN.fullmatch(given.rpartition(CONTINUE)[2].strip())
    if found is None:
        return None
    job_id, token = found.groups()
    return job_id if hmac.compare_digest(_continue_token(secret, job_id).encode(), token.encode()) else None


def refusal_token(secret: str, email_hmac: str) -> str:
    """Return the token that refuses mail for one address. It is signed, so that nobody can refuse for others."""
    pseudonym = bytes.fromhex(email_hmac)
    return base64.urlsafe_b64encode(pseudonym + _refusal_tag(secret, pseudonym)).decode()


def refusing(secret: str, token: str) -> str | None:
    """Return the pseudonym (64 hex digits) in a refusal token, or None for a token that is not from here."""
    if not REFUSAL_PATTERN.fullmatch(token):
        return None
    data = base64.urlsafe_b64decode(token)
    pseudonym, tag = data[:-TAG_BYTES], data[-TAG_BYTES:]
    return pseudonym.hex() if hmac.compare_digest(tag, _refusal_tag(secret, pseudonym)) else None


def _continue_token(secret: str, job_id: str) -> str:
    return _token(secret, f"continue:{job_id}")


def _token(secret: str, text: str) -> str:
    return base64.urlsafe_b64encode(_digest(secret, text)).decode().rstrip("=")


def _refusal_tag(secret: str, pseudonym: bytes) -> bytes:
    return _digest(secret, f"refuse:{pseudonym.hex()}")[:TAG_BYTES]


def _digest(secret: str, text: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
