"""The environment variables of local programs: what the stack's children get, and two settings of this process.

Children inherit this process's environment (PATH, HOME, the locale, a coverage run's variables), so
it has to be read once outside `Settings.from_env`, and here is where. What the stack decides itself
is laid over it; the rest of `MODELMAIL_*` goes through as the user set it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# What a developer's machine wants otherwise than an installation; the user's own value wins.
LOCAL_DEFAULTS: Mapping[str, str] = {
    "MODELMAIL_ALLOWED_ADDRESSES": "*",  # nothing leaves this machine
    "MODELMAIL_POLL_SECONDS": "1",
    "MODELMAIL_DOWNLOAD_WEIGHTS": "0",
    "MODELMAIL_SENDER": "modelmail@example.org",
    "MODELMAIL_OPERATOR": "operator@example.org",
    "MODELMAIL_LIMIT_JOBS_PER_ADDRESS_PER_DAY": "1000",  # a demo may run more than five times a day
    "MODELMAIL_LIMIT_JOBS_PER_CLIENT_PER_DAY": "1000",
}

# TensorFlow's start-up chatter; it says nothing that a reader of the logs could act on.
QUIET: Mapping[str, str] = {"TF_CPP_MIN_LOG_LEVEL": "3"}
UNBUFFERED: Mapping[str, str] = {"PYTHONUNBUFFERED": "1"}  # a log that is read while its program runs


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
    """Make the environment of each child: the given one (this process's own by default), then the stack's settings."""
    inherited = os.environ if given is None else given
    decided = {
        "MODELMAIL_PUBLIC_URL": place.function_url,
        "MODELMAIL_STORAGE_URL": place.storage_url,
        "MODELMAIL_SENDGRID_URL": place.mailbox_url,
        "MODELMAIL_SENDGRID_KEY": "SG.local",  # the mailbox wants a key, any key
        "MODELMAIL_SIGNING_KEY": str(place.signing_key),
        "MODELMAIL_SECRET": place.secret,
        "MODELMAIL_WORK": str(place.work),
    }
    return {**LOCAL_DEFAULTS, **QUIET, **inherited, **UNBUFFERED, **decided}


def hush_tensorflow() -> None:
    """Keep TensorFlow's start-up chatter off a user's terminal; works only before it is imported."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def keep_proxies_out() -> None:
    """Talk to this machine directly, here and in every child, whatever proxy the environment names."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")  # in the order in which they count
    direct = ",".join(filter(None, (known, "127.0.0.1", "localhost")))
    os.environ.update({"NO_PROXY": direct, "no_proxy": direct})
