"""A limit on the seconds of a request's body: a client that sends half of it would hold a thread for long."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import flask
from werkzeug.exceptions import ClientDisconnected

from jobs.errors import UserError

SOCKETS = ("gunicorn.socket", "werkzeug.socket")  # the servers' names for the connection in a request's environment


@contextmanager
def in_time(request: flask.Request, seconds: float) -> Iterator[None]:
    """End the reading of a body after so many seconds. Raises UserError `slow_request`.

    A time limit on the socket would bound each wait and not their sum, so a timer closes the reading side.
    """
    connection = next((request.environ[name] for name in SOCKETS if name in request.environ), None)
    late = threading.Event()
    timer = threading.Timer(seconds, _stop, (connection, late))
    timer.daemon = True
    if connection is not None and (request.content_length or request.environ.get("wsgi.input_terminated")):
        timer.start()
    try:
        yield
    except (ClientDisconnected, OSError):
        if not late.is_set():
            raise
    finally:
        timer.cancel()
    if late.is_set():
        request.stream = io.BytesIO()  # functions-framework reads the body again
        raise UserError("slow_request", f"The request took more than {seconds:g} seconds to arrive.")


def _stop(connection: socket.socket, late: threading.Event) -> None:
    late.set()
    with suppress(OSError):  # it has ended by itself
        connection.shutdown(socket.SHUT_RD)
