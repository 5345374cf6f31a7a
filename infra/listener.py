"""A listening socket that prints its address."""

from __future__ import annotations

import socket

BACKLOG = 2048  # connections that wait; a race of fifty threads must not be refused


def listen(host: str, port: int) -> socket.socket:
    """Listen, and print `listening on http://HOST:PORT`: how a starter learns a free port (0) and that it may connect.

    Raises OSError where the port is taken.
    """
    # asyncio switches Nagle's algorithm off only for sockets that say TCP: 40 ms an answer otherwise.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    print(f"listening on http://{host}:{listener.getsockname()[1]}", flush=True)  # noqa: T201
    return listener
