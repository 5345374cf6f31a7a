"""The bucket that a Host header names: `BUCKET.storage.googleapis.com`, or a host that is bound to a bucket."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

_SERVICE = ("storage.googleapis.com", "localhost")
_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - recognized, not bound


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

    def admits(self, host: str, bound: str) -> bool:
        """Tell whether a Host header names this server, which listens on the address `bound`.

        The owner of any other name could point it at this machine, and then browsers would take the pages of that name
        for pages of this server.
        """
        bare = without_port(host).strip("[]")
        if bare in (*_SERVICE, *self.public, *map(without_port, self.public), bound.lower()) or self.bucket(host):
            return True
        address = _address(bare)
        if address is not None and address.is_loopback:
            return True
        # Nobody can point an address elsewhere, nor a name without a dot, which only local networks have.
        return bound in _EVERY_ADDRESS and (address is not None or bool(re.fullmatch(r"[a-z0-9_-]+", bare)))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def without_port(host: str) -> str:
    """Remove the port from a host."""
    return re.sub(r":[0-9]+$", "", host)
