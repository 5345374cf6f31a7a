"""Resumable uploads: one request begins a session, others fill it, also after a restart of the emulator."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from infra.emulator.protocol.errors import (
    CANCELLED,
    INVALID,
    NO_SUCH_UPLOAD,
    RANGE_NOT_CONTIGUOUS,
    ApiError,
)
from infra.emulator.protocol.messages import ClientGone, Request, Response
from infra.emulator.resources.rows import ObjectRow, Session, Target
from infra.emulator.store.files import Incoming
from infra.emulator.store.store import Store
from infra.emulator.transfers.uploads import Plan, commit, expected_from_headers, fill, promised

CHUNK_BYTES = 256 * 1024  # every chunk but the last ends at a multiple of this
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18}|\*)|\*)/(\d{1,18}|\*)")


@dataclass(frozen=True)
class Span:
    """The range of one chunk. `first` is None if it has no bytes, `total` if the size is not known yet."""

    first: int | None
    total: int | None
    to_the_end: bool = False  # true: the end of the body is the end of the content
    end: int | None = None  # offset after the last byte; None if the range does not say it

    def check(self, length: int | None) -> None:
        """Check the range against the length of the body, if that is known. Raises ApiError 400."""
        if self.first is None or self.end is None:
            return
        size = self.end - self.first
        if size <= 0 or (self.total is not None and self.end > self.total) or length not in (None, size):
            raise ApiError(INVALID, "The Content-Range header does not fit the body or itself.")
        if self.end != self.total and self.end % CHUNK_BYTES:
            text = (
                f"Every chunk but the last must end at a multiple of {CHUNK_BYTES} bytes; this one ends at {self.end}."
            )
            raise ApiError(INVALID, text)


class Resumable:
    """The sessions of one store. Each session is filled by one request at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[str, Incoming] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def begin(self, plan: Plan) -> str:
        """Begin a session and return its id. Raises ApiError if its conditions fail already."""
        self._store.check(plan.target, plan.only)
        session = await asyncio.to_thread(self._store.begin_session, plan.target, plan.to_json())
        return session.id

    async def go_on(self, upload_id: str, request: Request) -> ObjectRow | Response:
        """Receive a chunk; return the finished object, or the answer 308 with the received range. Raises ApiError."""
        self._store.session(upload_id)
        async with self._locks.setdefault(upload_id, asyncio.Lock()):
            session = self._store.session(upload_id)
            if session.done:
                return self._store.get(Target(session.bucket, session.name, session.done))
            span = _span(request)
            if span.first is not None and span.first > session.received:
                raise ApiError(RANGE_NOT_CONTIGUOUS)
            span.check(request.length)
            plan = Plan.from_json(Target(session.bucket, session.name), session.spec)
            plan = promised(plan, expected_from_headers(request))
            if span.total is not None:
                plan.expected.check_length(span.total)
            session = await self._receive(session, request, span, plan)
            total = session.received if span.to_the_end else span.total
            if total is None or session.received < total:
                return _incomplete(session.received, request)
            return await self._finish(session, plan)

    async def cancel(self, upload_id: str) -> None:
        """End a session. It always raises ApiError 499, the answer of Cloud Storage."""
        self._store.session(upload_id)
        await asyncio.to_thread(self._store.end_session, upload_id)
        lock = self._locks.get(upload_id)
        if lock is None or not lock.locked():  # else the request that fills it finds out
            self._forget(upload_id)
        raise ApiError(CANCELLED)

    async def _receive(self, session: Session, request: Request, span: Span, plan: Plan) -> Session:
        if span.first is None:
            return session
        incoming = self._incoming(session)
        try:
            await fill(incoming, _following(request, session.received - span.first), plan.expected)
        except ClientGone:
            # Only whole pieces, so that a client which sends the rest of its chunk ends where other clients do.
            await self._save(session, incoming, max(session.received, incoming.size - incoming.size % CHUNK_BYTES))
            raise
        except ApiError:
            self._forget(session.id)
            await asyncio.to_thread(self._store.end_session, session.id)
            raise
        if span.total is not None and incoming.size > span.total:
            raise ApiError(INVALID, "More bytes came than the Content-Range header says.")
        if incoming.size == span.total:
            return replace(session, received=incoming.size)  # the commit of the object syncs it
        return await self._save(session, incoming, incoming.size)

    async def _save(self, session: Session, incoming: Incoming, received: int) -> Session:
        saved = replace(session, received=received)
        await asyncio.to_thread(incoming.sync_with_name)
        if not await asyncio.to_thread(self._store.index.advance_session, saved):
            self._forget(session.id)
            raise ApiError(NO_SUCH_UPLOAD)  # it was cancelled meanwhile
        return saved

    async def _finish(self, session: Session, plan: Plan) -> ObjectRow:
        incoming = self._incoming(session)
        try:
            row = await commit(self._store, incoming, plan, session.id)
        except ApiError:
            await asyncio.to_thread(self._store.end_session, session.id)
            raise
        except FileNotFoundError:  # it was cancelled meanwhile
            raise ApiError(NO_SUCH_UPLOAD) from None
        finally:
            self._forget(session.id)
        return row

    def _incoming(self, session: Session) -> Incoming:
        found = self._open.get(session.id)
        if found is None or found.size != session.received:
            self._close(session.id)
            found = self._open[session.id] = self._store.files.resume(session.id, session.received)
        return found

    def _close(self, upload_id: str) -> None:
        """Close the content; the lock stays, as a request holds it."""
        if incoming := self._open.pop(upload_id, None):
            incoming.close()

    def _forget(self, upload_id: str) -> None:
        """Forget a session that has ended; a request that waits for its turn finds that out."""
        self._close(upload_id)
        self._locks.pop(upload_id, None)


def _span(request: Request) -> Span:
    text = request.header("content-range")
    if not text:
        length = request.length
        return Span(0, length, length is None)  # the whole content in one request
    match = _CONTENT_RANGE.fullmatch(text.strip())
    if match is None:
        raise ApiError(INVALID, "Failed to parse Content-Range header.")
    total = None if match[3] == "*" else int(match[3])
    if match[1] is None:
        return Span(None, total)
    end = None if match[2] == "*" else int(match[2]) + 1
    return Span(int(match[1]), total, total is None and end is None, end)


async def _following(request: Request, have: int) -> AsyncIterator[bytes]:
    """Yield the body without its first `have` bytes, which are stored already."""
    async for piece in request.stream():
        if have < len(piece):
            yield piece[have:]
        have = max(0, have - len(piece))


def _incomplete(received: int, request: Request) -> Response:
    headers = [("range", f"bytes=0-{received - 1}")] if received else []
    headers.append(("x-guploader-uploadid", "local"))
    if request.header("x-guploader-no-308") == "yes":  # a client whose HTTP library would follow a 308
        return Response(200, b"", [*headers, ("x-http-status-code-override", "308")])
    return Response(308, b"", headers)


def upload_id(request: Request) -> str:
    """Get the id of the session that a request names. Raises ApiError 404 if it cannot be an id."""
    found = request.params.get("upload_id", "")
    if not re.fullmatch(r"[0-9a-f]{64}", found):
        raise ApiError(NO_SUCH_UPLOAD)
    return found
