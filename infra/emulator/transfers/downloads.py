"""Downloads: the content of an object, or a range of it, as a streamed answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import BinaryIO

from infra.emulator.protocol.errors import RANGE, ApiError
from infra.emulator.protocol.messages import Request, Response
from infra.emulator.resources.encryption import check_key, key_hash
from infra.emulator.resources.objects import DEFAULT_TYPE, content_headers, object_headers
from infra.emulator.resources.preconditions import Preconditions
from infra.emulator.resources.rows import ObjectRow, Target
from infra.emulator.store.store import Store
from infra.emulator.transfers.transcoding import is_gzip, is_unpacked, unpacked

_PIECE_BYTES = 256 * 1024
_ONLY_AS_STORED = ("content-encoding", "accept-ranges")
_OVERRIDES = {"response-content-disposition": "content-disposition", "response-content-type": "content-type"}


def download(store: Store, request: Request, target: Target, only: Preconditions, *, xml: bool) -> Response:
    """Answer a GET or HEAD of an object's content. Raises ApiError."""
    if request.method == "HEAD":
        row, file = store.get(target, only), None
    else:
        row, file = store.open(target, only)
    try:
        check_key(row, key_hash(request))
        if is_unpacked(row, request) and (file is None or is_gzip(file)):
            return _unpacked(row, request, file, xml)
        asked = _range(request.header("range"), row.size)
        first, last = asked or (0, row.size - 1)
        response = Response(206 if asked else 200, headers=_headers(row, request, xml), length=last - first + 1)
        if asked:
            response.headers.append(("content-range", f"bytes {first}-{last}/{row.size}"))
        return response if file is None else _with_content(response, file, first)
    except BaseException:
        if file is not None:
            file.close()
        raise


def _unpacked(row: ObjectRow, request: Request, file: BinaryIO | None, xml: bool) -> Response:
    headers = [(name, value) for name, value in _headers(row, request, xml) if name not in _ONLY_AS_STORED]
    headers += [("vary", "Accept-Encoding"), ("warning", "214 UploadServer gunzipped")]
    response = Response(headers=headers, length_known=False)
    if file is not None:
        response.stream, response.after = unpacked(file), file.close
    return response


def _with_content(response: Response, file: BinaryIO, first: int) -> Response:
    file.seek(first)
    length = response.length or 0
    if length <= _PIECE_BYTES:  # one read is faster than starting a thread
        response.body = file.read(length)
        file.close()
        return response
    response.stream = _pieces(file, length)
    response.after = file.close
    return response


def _range(text: str, size: int) -> tuple[int, int] | None:
    """Read the first and last byte of a single range; None if there is none. Raises ApiError 416."""
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", text.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if match[1]:
        first, last = int(match[1]), min(int(match[2] or size), size - 1)
        if match[2] and int(match[2]) < first:
            return None
    else:
        first, last = max(0, size - int(match[2])), size - 1
    if first > last:
        error = ApiError(RANGE, f"The requested range {text} cannot be satisfied: the object has {size} bytes.")
        error.headers.append(("content-range", f"bytes */{size}"))  # by this some clients know an empty object
        raise error
    return first, last


def _headers(row: ObjectRow, request: Request, xml: bool) -> list[tuple[str, str]]:
    headers = dict(content_headers(row))
    headers.setdefault("content-type", DEFAULT_TYPE)
    headers.setdefault("cache-control", "private, max-age=0")
    headers |= {header: request.params[name] for name, header in _OVERRIDES.items() if request.params.get(name)}
    stamp = ("last-modified", row.http_date)
    return [*headers.items(), *object_headers(row, xml=xml), ("accept-ranges", "bytes"), stamp]


async def _pieces(file: BinaryIO, length: int) -> AsyncIterator[bytes]:
    while length > 0:
        piece = await asyncio.to_thread(file.read, min(length, _PIECE_BYTES))
        if not piece:
            return
        length -= len(piece)
        yield piece
