"""The program in service.pyz, which the command `modelmail serve` runs too."""

from __future__ import annotations

import argparse
import json
import platform
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from vm_worker.exports.service.runtime.bundle import FOLDER, Bundle, from_folder, from_zip

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

MADE_FOR = "made_for.json"
HOST, PORT = "127.0.0.1", 8080
PORT_MOST = 65535
KEEP_ALIVE = 30  # seconds for which an idle connection stays open


def made_for() -> dict[str, str]:
    """Return the Python version, system and processor that the compiled libraries are for."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return {"python": version, "system": platform.system(), "machine": platform.machine()}


def _elsewhere() -> str:
    """Return the reason why this machine cannot run the service; empty when it can, or outside of a service.pyz."""
    note = Path(__file__).parents[4] / FOLDER / MADE_FOR
    if not note.exists():
        return ""
    wanted, here = json.loads(note.read_text(encoding="utf-8")), made_for()
    if wanted == here:
        return ""
    told = "{system} on {machine} with Python {python}"
    return f"This service was made for {told.format(**wanted)}; this is {told.format(**here)}."


def dockerfile() -> str:
    """Return a Dockerfile for the Python version that runs this program."""
    text = (resources.files(__package__) / "Dockerfile").read_text(encoding="utf-8")
    return text.replace("MINOR", made_for()["python"])


def main(arguments: Sequence[str] | None = None, folder: Path | None = None) -> int:
    """Run `service.pyz [--host H] [--port P] [--threads N] [--unsure P] | --dockerfile`; return the exit status.

    The model is in the zip itself, or in `folder`.
    """
    parser = argparse.ArgumentParser(prog="service.pyz", description="A trained model as REST and SOAP.")
    parser.add_argument(
        "--host", default=HOST, help="address to listen on; 0.0.0.0 lets others in (default %(default)s)"
    )
    parser.add_argument("--port", type=int, default=PORT, help="port to listen on (default %(default)s)")
    parser.add_argument("--threads", type=int, default=None, help="processor cores to use (default: all)")
    parser.add_argument(
        "--unsure",
        type=float,
        default=None,
        help='probability below which the answer is "not sure" (default: the report\'s)',
    )
    parser.add_argument("--dockerfile", action="store_true", help="print a Dockerfile for this service, and end")
    given = parser.parse_args(arguments)
    if given.dockerfile:
        sys.stdout.write(dockerfile())
        return 0
    try:
        if wrong := _elsewhere():
            raise ValueError(wrong)
        bundle = from_folder(folder) if folder else from_zip(Path(sys.argv[0]))
        if given.unsure is not None:
            bundle = with_threshold(bundle, given.unsure)
        return run(bundle, given.host, given.port, given.threads)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def with_threshold(bundle: Bundle, threshold: float) -> Bundle:
    """Return the model with another probability from which its answers are sure. Raises ValueError."""
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"--unsure {threshold:g} is no probability: give a number from 0 to 1")
    return replace(bundle, about={**bundle.about, "threshold": threshold})


def config(app: Starlette, host: str = HOST, port: int = PORT) -> uvicorn.Config:
    """Return the configuration of uvicorn."""
    import uvicorn

    from vm_worker.exports.service.runtime.limits import Patience
    from vm_worker.exports.service.runtime.wire import wire

    patience: Patience = app.state.patience

    return uvicorn.Config(
        app,
        http=wire(patience),
        ws="none",
        host=host,
        port=port,
        log_level="error",  # no line for each malformed request, with which anybody could fill the log
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        lifespan="off",
    )


def bound(host: str, port: int) -> socket.socket:
    """Return a socket at this address. Raises OSError, which names the address, where it cannot be used."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except (OSError, OverflowError) as error:
        made.close()
        reason = getattr(error, "strerror", None) or f"ports go up to {PORT_MOST}"
        raise OSError(f"{host}:{port} cannot be used ({reason}); choose another --port") from error
    return made


def run(bundle: Bundle, host: str, port: int, threads: int | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C. Raises ValueError for a model that cannot be served, OSError for a used port."""
    import uvicorn

    from vm_worker.exports.service.runtime.app import build
    from vm_worker.exports.service.runtime.kind import kind_of

    kind = kind_of(bundle.task)
    served = config(build(kind.pool(bundle, threads), bundle.about, kind=kind), host, port)
    listening = bound(host, port)
    # Head and body of an answer are two packets: without this option the second waits 40 ms for the client's reply
    # (ACK).
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Clients can connect from here on, which the next message says; uvicorn itself would listen a moment later.
    listening.listen(served.backlog)
    where = listening.getsockname()
    sys.stdout.write(f"listening on http://{where[0]}:{where[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(served).run(sockets=[listening])
    return 0


if __name__ == "__main__":
    sys.exit(main())
