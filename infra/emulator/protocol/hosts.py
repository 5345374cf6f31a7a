"""The bucket that a Host header names: `BUCKET.storage.googleapis.com`, or a host that is bound to a bucket."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SERVICE = ("storage.googleapis.com", "localhost")


class Hosts:
    """The host names of this emulator. Each is given as `HOST`, or as `HOST=BUCKET` to bind it to a bucket."""

    def __init__(self, public: Sequence[str] = ()) -> None:
        pairs = [text.lower().partition("=") for text in public]
        self.public = tuple(host for host, _, _ in pairs)
        self._bound = {host: bucket for host, _, bucket in pairs if bucket}
        bases = [without_port(host) for host, _, bucket in pairs if not bucket]
        self._virtual = tuple("." + host for host in (*_SERVICE, *bases))

    def bucket(self, host: str) -> str:
        """Find the bucket that a Host header (lower case, with or without port) names; "" if the path names it."""
        if host in self._bound:
            return self._bound[host]
        bare = without_port(host)
        if bare in self._bound:
            return self._bound[bare]
        for base in self._virtual:
            if bare.endswith(base):
                return bare[: -len(base)]
        return ""


def without_port(host: str) -> str:
    """Remove the port from a host."""
    return re.sub(r":[0-9]+$", "", host)
