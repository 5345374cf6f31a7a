"""The argument and the type of handlers: one request, and the parts of the emulator that they may use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from infra.emulator.protocol.messages import Request, Response
from infra.emulator.signatures.keys import ServiceKey
from infra.emulator.signatures.v4 import Verifier
from infra.emulator.store.store import Store
from infra.emulator.transfers.resumable import Resumable


@dataclass(frozen=True)
class Service:
    """The parts of a running emulator."""

    store: Store
    resumable: Resumable
    verifier: Verifier
    keys: Sequence[ServiceKey]
    anonymous_owns: bool = False  # true: a caller of the XML API without credentials may do everything

    @property
    def owner(self) -> str:
        """The account that owns everything, which is that of the first key."""
        return self.keys[0].email


@dataclass(frozen=True)
class Call:
    """A request, with the decoded names from its path, such as `bucket` and `object`."""

    service: Service
    request: Request
    names: dict[str, str]

    @cached_property
    def base(self) -> str:
        """The beginning of absolute links in the answer."""
        return f"{self.request.scheme}://{self.request.host}"


Handler = Callable[[Call], Awaitable[Response]]
