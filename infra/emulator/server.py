"""The server: it builds all parts of the emulator and serves them until a signal ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from infra.emulator.browsers.names import KnownNames
from infra.emulator.calls.service import Service
from infra.emulator.faults.admin import Admin
from infra.emulator.protocol.connection import Protocol
from infra.emulator.protocol.messages import App
from infra.emulator.routing import Emulator
from infra.emulator.signatures.keys import load_key
from infra.emulator.signatures.v4 import Verifier
from infra.emulator.store.clock import Clock
from infra.emulator.store.store import Store
from infra.emulator.tls import Certificate
from infra.emulator.transfers.resumable import Resumable
from infra.listener import BACKLOG, listen
from infra.lock import only_one

ANONYMOUS = ("allow", "public")  # what a caller without credentials may do in the XML API: all, or read what is public


@dataclass(frozen=True)
class Config:
    """The settings of the server. Port 0 takes any free port."""

    data: Path
    keys: Sequence[Path]
    host: str = "127.0.0.1"
    port: int = 9000
    public_hosts: Sequence[str] = ()
    admin: bool = False  # true: serve the admin routes
    anonymous: str = "public"  # one of ANONYMOUS
    tls: Certificate | None = None  # serve HTTPS with it


def create(config: Config) -> App:
    """Build the application. Raises ValueError if a key file cannot be read as a key."""
    keys = [load_key(path) for path in config.keys]
    clock = Clock()
    store = Store(config.data, clock)
    verifier = Verifier(keys, config.public_hosts, clock.now, store.index.secret_of)
    app = Emulator(Service(store, Resumable(store), verifier, keys, config.anonymous == "allow"))
    return KnownNames(Admin(app, store) if config.admin else app, verifier.hosts, config.host)


def serve(config: Config) -> None:
    """Listen, print the address, and serve until SIGTERM or SIGINT.

    Raises FolderInUseError, ValueError if a key file cannot be read as a key, OSError if the address is taken or the
    folder cannot be written, sqlite3.Error if the index in the folder is broken.
    """
    with only_one(config.data):
        app = create(config)
        tls = config.tls
        listener = listen(config.host, config.port, "https" if tls else "http")
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                ssl_certfile=tls.certificate if tls else None, ssl_keyfile=tls.key if tls else None,
                http=Protocol, ws="none", lifespan="off", proxy_headers=False,
                access_log=False, log_level="warning", timeout_keep_alive=75, timeout_graceful_shutdown=5,
                server_header=False, backlog=BACKLOG,
            )
        )  # fmt: skip
        server.run(sockets=[listener])
