"""The program of the local mailbox: `python -m infra.local.mailbox --folder DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import uvicorn

from infra.listener import listen
from infra.local.mailbox.app import Mailbox
from infra.local.mailbox.folder import Folder


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="mailbox", description="Writes mails to a folder.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8025, help="0 = any free one")
    parser.add_argument("--folder", type=Path, required=True, help="where the mails go")
    parser.add_argument("--key", default="", help="the only Bearer key that counts; empty = any")
    parser.add_argument("--admin", action="store_true", help="let POST /_mailbox/answers order failures, for tests")
    given = parser.parse_args(arguments)
    app = Mailbox(Folder(given.folder), given.key, given.admin).app(given.host)
    try:
        listener = listen(given.host, given.port)
    except OSError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    config = uvicorn.Config(app, ws="none", lifespan="off", access_log=False, log_level="warning", server_header=False)
    uvicorn.Server(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
