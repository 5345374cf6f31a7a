"""What handlers are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from infra.emulator.protocol.messages import Request, Response
from infra.emulator.signatures.keys import ServiceKey
from infra.emulator.signatures.v4 import Verifier
from infra.emulator.store.store import Store
from infra.emulator.transfers.resumable import Resumable


@dataclass(frozen=True)
class Service:
    """The parts of one running emulator."""

    store: Store
    resumable: Resumable
    verifier: Verifier
    keys: Sequence[ServiceKey]

    @property
    def owner(self) -> str:
        """Whose everything is: the account of the first key."""
        return self.keys[0].email


@dataclass(frozen=True)
class Call:
    """One request with the names that its path holds, decoded."""

    service: Service
    request: Request
    names: dict[str, str]

    @property
    def base(self) -> str:
        """What absolute links in the answer start with."""
        return f"http://{self.request.host}"


Handler = Callable[[Call], Awaitable[Response]]
