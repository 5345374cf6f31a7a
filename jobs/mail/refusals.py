"""The addresses that want no more mail: one write-once object each, under a pseudonym, kept without an end.

The button behind each mail's link creates `refused/<hmac>`; a GET never does. The object does not hold the address. Its
prefix differs from those of limits, marks and records, which the bucket's lifecycle deletes.
"""

from __future__ import annotations

from jobs.storage.store import PreconditionFailed, Store

PREFIX = "refused/"


def refuse(emails: Store, email_hmac: str) -> None:
    """Refuse all further mail to this address. Raises Transient."""
    try:
        emails.put(f"{PREFIX}{email_hmac}", b"", if_generation=0)
    except PreconditionFailed:
        return  # the address has refused before


def is_refused(emails: Store, email_hmac: str) -> bool:
    """Return whether the address refuses mail. Raises Transient."""
    return emails.stat(f"{PREFIX}{email_hmac}") is not None
