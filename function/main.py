"""The cloud function's entry point: its routes, and its parts built from the settings.

functions-framework calls `handle`.
"""

from __future__ import annotations

import logging
import threading
import traceback
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import flask
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge
from werkzeug.routing import Map, Rule

from function import answers, handlers, sweeping
from function.handlers import Parts, no_capacity
from function.identity import GoogleIdentity
from function.machines import Capacity, MachineGroup
from function.slow_bodies import in_time
from function.submissions import check_host, read_body
from jobs import logformat, telemetry
from jobs.errors import Transient, UserError
from jobs.installation import open_postman, open_queue
from jobs.logs import keep_out
from jobs.mail.mailers import can_mail
from jobs.mail.postman import Postman
from jobs.queue import Queue
from jobs.settings import Settings
from jobs.storage.providers import open_links

_log = logging.getLogger(__name__)

DRAIN_BYTES = 32 * 1024 * 1024  # the largest body that Google's front end passes on
DRAIN_CHUNK = 64 * 1024
MAIL_TIMEOUT = 10.0  # seconds for each mail; a sweep has less than a minute

HIDDEN = "/tasks/"  # routes that only the scheduler may call

# The endpoint of each rule is its handler; GET rules also allow HEAD.
ROUTES = Map(
    [
        Rule("/", methods=["GET"], endpoint=handlers.home),
        Rule("/", methods=["POST"], endpoint=handlers.submit),
        Rule("/assets/<version>/<name>", methods=["GET"], endpoint=handlers.asset),
        Rule("/health", methods=["GET"], endpoint=handlers.health),
        Rule("/jobs/<job_id>", methods=["GET"], endpoint=handlers.status),
        Rule("/jobs/<job_id>", methods=["DELETE"], endpoint=handlers.delete),
        Rule("/jobs/<job_id>/upload", methods=["POST"], endpoint=handlers.renew),
        Rule("/jobs/<job_id>/files/<path:name>", methods=["GET"], endpoint=handlers.file),
        Rule("/jobs/<job_id>/delete", methods=["GET"], endpoint=handlers.ask_delete),
        Rule("/jobs/<job_id>/delete", methods=["POST", "DELETE"], endpoint=handlers.delete),
        Rule("/refuse/<token>", methods=["GET"], endpoint=handlers.ask_refusal),
        Rule("/refuse/<token>", methods=["POST"], endpoint=handlers.refuse_mail),
        Rule("/tasks/sweep", methods=["POST"], endpoint=sweeping.run_sweep),
    ],
    strict_slashes=False,
    merge_slashes=False,
    redirect_defaults=False,
)


class App:
    """The whole service. It answers one request for each call, from any thread."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def __call__(self, request: flask.Request) -> flask.Response:
        """Answer a request. It never raises, and never shows a traceback."""
        logformat.trace.set(logformat.trace_of(request.headers.get("X-Cloud-Trace-Context", "")))
        try:
            response = self._routed(request)
        except Exception as error:
            response = self._refused(request, error)
        return answers.finished(response)

    def _routed(self, request: flask.Request) -> flask.Response:
        read_body(request, self.parts.settings.limits)  # first: the server waits long for what an answer leaves unread
        check_host(request, self.parts.settings.public_url)
        try:
            handler, values = ROUTES.bind("", "/").match(request.path, request.method)
        except MethodNotAllowed:
            if request.path.startswith(HIDDEN):
                raise NotFound from None
            raise
        response: flask.Response = handler(self.parts, request, **values)
        return response

    def _refused(self, request: flask.Request, error: Exception) -> flask.Response:
        code, message = _reason(error)
        if code == "internal_error":
            _log.error("internal error: %s", _frames(error))
        elif code == "storage_unavailable":
            _log.warning("storage unavailable: %s", _frames(error))
        response = answers.error(request, code, message)
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        wait = answers.retry_after(code, self.parts.clock.now())
        if wait is not None:
            response.headers["Retry-After"] = str(wait)
        seconds = self.parts.settings.limits.request_seconds
        return _drained(request, response, seconds) if code == "too_large" else response


def build(settings: Settings) -> App:
    """Build the service from the settings. Raises ValueError with the name of a missing setting."""
    settings.require("public_url", "secret", "allowed_addresses")
    queue = open_queue(settings, telemetry.opened(settings.telemetry_url, "modelmail-function"))
    links = open_links(settings)
    audiences = (settings.public_url, f"{settings.public_url}/", f"{settings.public_url}/tasks/sweep")
    identity = GoogleIdentity(settings.certs_url, audiences)
    return App(Parts(settings, queue, links, queue.clock, identity, _postman(settings, queue), _capacity(settings)))


def _capacity(settings: Settings) -> Callable[[Queue], Capacity | None]:
    if not settings.machines:
        return no_capacity
    return MachineGroup(f"{settings.compute_url}/{settings.machines}", settings.machines_most)


def _postman(settings: Settings, queue: Queue) -> Postman | None:
    """Return the sender of the sweep's mails, or None without a mail key: a refused mail would never be tried again."""
    if not can_mail(settings):
        return None
    return open_postman(settings, queue, f"sweep-{uuid.uuid4().hex[:6]}", MAIL_TIMEOUT)


class _Lazy:
    """The app, which the first request builds, once for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._app: App | None = None

    def __call__(self) -> App:
        with self._lock:
            if self._app is None:
                settings = Settings.from_env()
                logformat.begin(settings.log_format, settings.project)
                keep_out(*settings.secrets)
                self._app = build(settings)
            return self._app


_app = _Lazy()
if flask.has_app_context():  # functions-framework runs this module; some paths and errors it answers by itself
    flask.current_app.after_request(answers.finished)


def handle(request: flask.Request) -> flask.Response:
    """Answer a request. functions-framework calls this function."""
    try:
        app = _app()
    except Exception as error:
        # The message names the wrong setting; it cannot hold data of users.
        _log.critical("cannot start: %s: %s", type(error).__name__, error)
        return answers.finished(answers.error(request, "internal_error"))
    return app(request)


def _reason(error: Exception) -> tuple[str, str]:
    """Return the code and the message of an answer. An empty message means the code's own text."""
    if isinstance(error, UserError):
        return error.code, error.message
    if isinstance(error, Transient):
        return "storage_unavailable", ""
    codes: dict[type[HTTPException], str] = {
        NotFound: "not_found",
        MethodNotAllowed: "method_not_allowed",
        RequestEntityTooLarge: "too_large",
        HTTPException: "bad_request",
    }
    return next((code for kind, code in codes.items() if isinstance(error, kind)), "internal_error"), ""


def _frames(error: BaseException) -> str:
    """Return where an error was raised, without its message, as that may hold URLs with ids and signatures."""
    places = [f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in traceback.extract_tb(error.__traceback__)]
    cause = error.__cause__ or error.__context__
    told = f"{type(error).__name__} in {' > '.join(places)}"
    return f"{told}; from {_frames(cause)}" if cause else told


def _drained(request: flask.Request, response: flask.Response, seconds: float) -> flask.Response:
    """Read and drop a body that is too large, so that the client gets the answer and no broken connection.

    The answer becomes an iterator, because functions-framework reads the whole body again before any other.
    """
    stream: Any = request.environ["wsgi.input"]
    # A chunked body has no length, but the server knows where it ends.
    ended = request.environ.get("wsgi.input_terminated", False)
    left = min(request.content_length or (DRAIN_BYTES if ended else 0), DRAIN_BYTES)
    with suppress(UserError), in_time(request, seconds):
        while left > 0 and (chunk := stream.read(min(left, DRAIN_CHUNK))):
            left -= len(chunk)
    body = response.get_data()
    response.response = iter([body])
    response.headers["Content-Length"] = str(len(body))
    return response
