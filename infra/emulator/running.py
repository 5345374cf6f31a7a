"""An emulator as a child process, for tests of programs that use Cloud Storage."""

from __future__ import annotations

import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_READY = "listening on "


class EmulatorError(RuntimeError):
    """The error of an emulator that does not start."""


class GcsEmulator:
    """A running emulator: `with GcsEmulator() as gcs:`, or `start()` and `stop()`.

    Without `data`, buckets are kept in a temporary folder that `stop()` removes. `options` are those of the command
    line, such as `--anonymous allow`.
    """

    def __init__(self, data: Path | None = None, *, port: int = 0, options: Sequence[str] = ("--admin",)) -> None:
        self._own = tempfile.TemporaryDirectory(prefix="gcs-emulator-") if data is None else None
        self.data = Path(self._own.name) if self._own else Path(str(data))
        self.url = ""  # http://127.0.0.1:PORT once it runs
        self._arguments = ["--port", str(port), "--data", str(self.data), *options]
        self._process: subprocess.Popen[str] | None = None

    @property
    def key_file(self) -> Path:
        """The key file of the account whose signatures the emulator accepts."""
        return self.data / "service-account.json"

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that point client libraries at this emulator."""
        return {"STORAGE_EMULATOR_HOST": self.url}

    def get_url(self) -> str:
        """Return the address, as containers of other emulators do."""
        return self.url

    def client(self, project: str = "local-project") -> Any:
        """Make a client of google-cloud-storage, which must be installed."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        return storage.Client(project, AnonymousCredentials(), client_options={"api_endpoint": self.url})

    def start(self) -> GcsEmulator:
        """Start it, and return once it answers. Raises EmulatorError."""
        package = __name__.rpartition(".")[0]
        command = [sys.executable, "-m", package, *self._arguments]
        self._process = process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_pass_on, args=(process, lines), daemon=True).start()
        told: list[str] = []
        while not told or not told[-1].startswith(_READY):
            try:
                line = lines.get(timeout=_START_SECONDS)
            except queue.Empty:
                line = ""
            if not line:
                self.stop()
                raise EmulatorError("The emulator did not start: " + "".join(told))
            told.append(line)
        self.url = told[-1].removeprefix(_READY).strip()
        return self

    def stop(self) -> None:
        """End it, and remove its temporary folder."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._own is not None:
            self._own.cleanup()

    def __enter__(self) -> GcsEmulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _pass_on(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    """Read what the process says until it ends, so that it never waits for a reader; "" is the end."""
    if process.stdout is not None:
        with process.stdout:
            for line in process.stdout:
                lines.put(line)
    lines.put("")
