"""The program in service.pyz, and behind `modelmail serve`."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import TYPE_CHECKING

from vm_worker.exports.service.runtime.bundle import FOLDER, Bundle, from_folder, from_zip

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

MADE_FOR = "made_for.json"
HOST, PORT = "127.0.0.1", 8080
KEEP_ALIVE = 30  # seconds that an idle connection stays open
CONNECTIONS = 512  # at once; more are told to come back


def made_for() -> dict[str, str]:
    """The Python, system and processor that the libraries with machine code are for."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return {"python": version, "system": platform.system(), "machine": platform.machine()}


def _elsewhere() -> str:
    """Why this machine cannot run it; empty where it can, and outside of a packed service."""
    note = Path(__file__).parents[4] / FOLDER / MADE_FOR
    if not note.exists():
        return ""
    wanted, here = json.loads(note.read_text(encoding="utf-8")), made_for()
    if wanted == here:
        return ""
    told = "{system} on {machine} with Python {python}"
    return f"This service was made for {told.format(**wanted)}; this is {told.format(**here)}."


def dockerfile() -> str:
    """A container's recipe, for the Python that runs this."""
    text = (resources.files(__package__) / "Dockerfile").read_text(encoding="utf-8")
    return text.replace("MINOR", made_for()["python"])


def main(arguments: Sequence[str] | None = None, folder: Path | None = None) -> int:
    """`python3 service.pyz [--host H] [--port P] [--threads N] | --dockerfile`; the model is in it, or in a folder."""
    parser = argparse.ArgumentParser(prog="service.pyz", description="A trained image classifier as REST and SOAP.")
    parser.add_argument(
        "--host", default=HOST, help="address to listen on; 0.0.0.0 lets others in (default %(default)s)"
    )
    parser.add_argument("--port", type=int, default=PORT, help="port to listen on (default %(default)s)")
    parser.add_argument("--threads", type=int, default=None, help="processor cores to use (default: all)")
    parser.add_argument("--dockerfile", action="store_true", help="print a Dockerfile for this service, and end")
    given = parser.parse_args(arguments)
    if given.dockerfile:
        sys.stdout.write(dockerfile())
        return 0
    try:
        if wrong := _elsewhere():
            raise ValueError(wrong)
        bundle = from_folder(folder) if folder else from_zip(Path(sys.argv[0]))
        return run(bundle, given.host, given.port, given.threads)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def config(app: Starlette, host: str = HOST, port: int = PORT) -> uvicorn.Config:
    """The configuration of uvicorn."""
    import uvicorn

    from vm_worker.exports.service.runtime.limits import Patience
    from vm_worker.exports.service.runtime.wire import wire

    patience: Patience = app.state.patience

    return uvicorn.Config(
        app,
        http=wire(patience.silence_seconds),
        ws="none",
        host=host,
        port=port,
        log_level="error",  # a line for each malformed request would be anybody's way to fill the log
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        limit_concurrency=CONNECTIONS,
        lifespan="off",
    )


def run(bundle: Bundle, host: str, port: int, threads: int | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C. Raises ValueError for a model that cannot be served, OSError for a taken port."""
    import uvicorn

    from vm_worker.exports.service.runtime.app import build
    from vm_worker.exports.service.runtime.engine import Engine

    served = config(build(Engine(bundle.model, bundle.labels, threads), bundle.about), host, port)
    socket = served.bind_socket()
    # Head and body of an answer are two packets: without this the second waits for the client's late word (40 ms).
    socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    socket.listen(served.backlog)  # so that what is said next is true: the server itself listens a moment later
    where = socket.getsockname()
    sys.stdout.write(f"listening on http://{where[0]}:{where[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(served).run(sockets=[socket])
    return 0


if __name__ == "__main__":
    sys.exit(main())
