"""The local mailbox in this process, for tests that send to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from infra.listener import listen
from infra.local.mailbox.app import Mailbox
from infra.local.mailbox.folder import Folder

KEY = "SG.right"


@contextmanager
def running_mailbox(folder: Path, *, admin: bool = False) -> Iterator[str]:
    """A mailbox that takes one key and writes to the folder; gives its address."""
    listener = listen("127.0.0.1", 0)
    app = Mailbox(Folder(folder), KEY, admin).app()
    config = uvicorn.Config(app, ws="none", lifespan="off", access_log=False, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
