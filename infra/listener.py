"""A listening socket that prints its address."""

from __future__ import annotations

import socket

BACKLOG = 2048  # connections that may wait; a test with fifty threads at once must not be refused


def listen(host: str, port: int, scheme: str = "http") -> socket.socket:
    """Listen, and print `listening on SCHEME://HOST:PORT`.

    The line tells the parent process which free port was chosen (for port 0), and that it may connect. Raises OSError
    when the port is used.
    """
    # asyncio disables Nagle's algorithm only for sockets with the protocol TCP; else an answer takes 40 ms longer.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    shown = f"[{host}]" if ":" in host else host
    print(f"listening on {scheme}://{shown}:{listener.getsockname()[1]}", flush=True)  # noqa: T201
    return listener
