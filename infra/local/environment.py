"""The environment variables of local programs: those of the stack's children, and two settings of this process.

Children inherit this process's environment (PATH, HOME, the locale, variables of a coverage run). This is the only
place outside `Settings.from_env` that reads it. The stack's own settings replace variables of the same name; the other
`MODELMAIL_*` variables are passed on unchanged.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Defaults for a developer's machine that differ from those of an installation; the user's own value has priority.
LOCAL_DEFAULTS: Mapping[str, str] = {
    "MODELMAIL_ALLOWED_ADDRESSES": "*",  # no mail leaves this machine
    "MODELMAIL_POLL_SECONDS": "1",
    "MODELMAIL_DOWNLOAD_WEIGHTS": "0",
    "MODELMAIL_SENDER": "modelmail@example.org",
    "MODELMAIL_OPERATOR": "operator@example.org",
    "MODELMAIL_LIMIT_JOBS_PER_ADDRESS_PER_DAY": "1000",  # a demo may run more than five times a day
    "MODELMAIL_LIMIT_JOBS_PER_CLIENT_PER_DAY": "1000",
}

# TensorFlow's messages at its start are hidden, as a reader of the logs cannot act on them.
QUIET: Mapping[str, str] = {"TF_CPP_MIN_LOG_LEVEL": "3"}
UNBUFFERED: Mapping[str, str] = {"PYTHONUNBUFFERED": "1"}  # a log can be read while its program runs


@dataclass(frozen=True)
class Place:
    """The addresses and folders of the stack's parts."""

    function_url: str
    storage_url: str
    mailbox_url: str
    work: Path
    signing_key: Path
    secret: str


def children_env(place: Place, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of each child: the given one (default: this process's own), with the stack's settings."""
    inherited = os.environ if given is None else given
    decided = {
        "MODELMAIL_PUBLIC_URL": place.function_url,
        "MODELMAIL_STORAGE_URL": place.storage_url,
        "MODELMAIL_MAILER": "sendgrid",  # the mailbox speaks its API, and no mail leaves this machine
        "MODELMAIL_SENDGRID_URL": place.mailbox_url,
        "MODELMAIL_SENDGRID_KEY": "SG.local",  # the mailbox wants a key, any key
        "MODELMAIL_SIGNING_KEY": str(place.signing_key),
        "MODELMAIL_SECRET": place.secret,
        "MODELMAIL_WORK": str(place.work),
    }
    return {**LOCAL_DEFAULTS, **QUIET, **inherited, **UNBUFFERED, **decided}


def hush_tensorflow() -> None:
    """Hide TensorFlow's messages at its start. This works only before it is imported."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def keep_proxies_out() -> None:
    """Connect to this machine directly, here and in every child, even when the environment names a proxy."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")  # the order of their priority
    direct = ",".join(filter(None, (known, "127.0.0.1", "localhost")))
    os.environ.update({"NO_PROXY": direct, "no_proxy": direct})
