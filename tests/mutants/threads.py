"""A pytest plugin: emulators run in threads of the tests' process, where coverage sees which test comes to a line.

They end with the process. Where tests kill or restart one, it is a process as elsewhere.
"""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from typing import cast

from tests import servers

PATIENCE = 20.0  # seconds until it listens
EMULATOR = "infra.emulator.__main__"
RESTARTED = ("tests/emulator/test_durability.py", "tests/emulator/test_soft_delete.py", "tests/emulator/test_synced.py")
_as_processes = servers.running


def pytest_collection() -> None:
    """Import the emulator after coverage has begun, and before the first test."""
    importlib.import_module(EMULATOR)


@contextmanager
def _running(arguments: Sequence[str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    own = not any(argument.endswith("/buckets") for argument in arguments)  # not the one of the whole run
    restarted = own and os.environ["PYTEST_CURRENT_TEST"].startswith(RESTARTED)
    if restarted or arguments[0] != EMULATOR.removesuffix(".__main__"):
        with _as_processes(arguments) as found:
            yield found
        return
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with_port = [port if before == "--port" else given for before, given in pairwise(arguments)]
    main = importlib.import_module(EMULATOR).main
    threading.Thread(target=main, args=[with_port], daemon=True).start()
    _wait_for(int(port))
    yield f"{'https' if '--tls' in arguments else 'http'}://127.0.0.1:{port}", cast("subprocess.Popen[str]", None)


def _wait_for(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


servers.running = _running
