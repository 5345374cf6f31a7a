"""The check that an address means the same to every program that its mail passes.

The grammar of addresses has forms that programs read differently. An encoded word (RFC 2047) in a local part is kept by
one program and decoded by the next, and then names another person. Quotes hide an `@`. Some servers read
`ada%other.example@example.org` and `other.example!ada@example.org` as orders to relay to another host. Such an
address would pass the list of allowed addresses, or the list of refused ones, and be mailed as another.
"""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

_ATOM = r"(?:(?!=\?)[A-Za-z0-9#$&'*+/=?^_`{|}~-])+"  # RFC 5322's atom without ! and %, and without "=?"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_PLAIN = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")


def is_plain(address: str) -> bool:
    """Return whether the address has no form that programs read differently, and stays the same through a mail."""
    return bool(_PLAIN.fullmatch(address)) and _read_again(address) == [address]


def _read_again(address: str) -> list[str]:
    """Return the recipients that Python's parser reads from a mail written to the address."""
    written = EmailMessage(policy=SMTP)
    written["To"] = address
    read = message_from_bytes(written.as_bytes(), policy=SMTP)
    return [found.addr_spec for found in read["To"].addresses]
