"""Addresses that want no more mail: one write-once object each, under a pseudonym, kept for ever.

`refused/<hmac>` is made by the button behind each mail's link and never by a GET. It has no address in it.
Its prefix is its own because those of limits, marks and records are cleared by the bucket's lifecycle.
"""

from __future__ import annotations

from jobs.storage.store import PreconditionFailed, Store

PREFIX = "refused/"


def refuse(emails: Store, email_hmac: str) -> None:
    """Send this address nothing any more. Raises Transient."""
    try:
        emails.put(f"{PREFIX}{email_hmac}", b"", if_generation=0)
    except PreconditionFailed:
        return  # it has said so before


def is_refused(emails: Store, email_hmac: str) -> bool:
    """Tell whether the address wants no mail. Raises Transient."""
    return emails.stat(f"{PREFIX}{email_hmac}") is not None
