"""Multipart uploads in the XML API: begun, filled part by part in any order, then completed or aborted."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.emulator.calls.service import Call
from infra.emulator.protocol.errors import (
    INVALID,
    INVALID_PART,
    INVALID_PART_ORDER,
    NO_SUCH_UPLOAD,
    NOT_IMPLEMENTED,
    PART_TOO_SMALL,
    ApiError,
)
from infra.emulator.protocol.messages import Response
from infra.emulator.protocol.numbers import whole_number
from infra.emulator.resources.objects import checked_object_name
from infra.emulator.resources.preconditions import from_headers
from infra.emulator.resources.reading import whole
from infra.emulator.resources.rows import Draft, Session, Target
from infra.emulator.transfers.uploads import Plan, expected_from_headers, fill
from infra.emulator.xml_api.plan import xml_config
from infra.emulator.xml_api.text import UPLOADS, Node, read_xml, xml_response
from jobs.json_values import JsonObject

MAX_PARTS = 10_000
MIN_PART_BYTES = 5 * 1024 * 1024  # least size of every part but the last
_LIST_BYTES = 4 * 1024 * 1024  # the list of 10,000 parts is about 1 MB
_PIECE_BYTES = 1024 * 1024
_MARK = "multipart"  # key that only the sessions of multipart uploads have, with the time when the upload began


@dataclass(frozen=True)
class Part:
    """A part that has been received. Its session's id begins with the id of the upload."""

    id: str  # also the name of the file with its content
    number: int  # number of the part, from 1
    size: int  # bytes
    md5: str  # base64
    updated: str  # RFC 3339

    @classmethod
    def from_session(cls, session: Session) -> Part:
        """Read the part that a session stands for."""
        spec = session.spec
        number = whole(spec["number"]) or 0
        return cls(session.id, number, session.received, str(spec["md5"]), str(spec["updated"]))

    def session(self, upload: Session) -> Session:
        """Make the session that keeps the part in the index."""
        spec: JsonObject = {"number": self.number, "md5": self.md5, "updated": self.updated}
        return Session(self.id, upload.bucket, upload.name, self.size, 0, spec)

    @property
    def etag(self) -> str:
        """The MD5 in hex, in quotes."""
        return f'"{base64.b64decode(self.md5).hex()}"'


async def begin(call: Call) -> Response:
    """Answer POST /{bucket}/{object}?uploads."""
    await call.request.body()
    target = Target(call.names["bucket"], checked_object_name(call.names["object"]))
    store = call.service.store
    store.index.bucket(target.bucket)
    spec: JsonObject = {_MARK: store.index.clock.text(), **Plan(target, xml_config(call)).to_json()}
    session = await asyncio.to_thread(store.begin_session, target, spec)
    names: list[Node] = [("Bucket", target.bucket), ("Key", target.name), ("UploadId", session.id)]
    return xml_response("InitiateMultipartUploadResult", UPLOADS, names)


async def put_part(call: Call) -> Response:
    """Answer PUT /{bucket}/{object}?partNumber=&uploadId=."""
    session = _upload(call)
    if call.request.header("x-goog-copy-source"):
        raise ApiError(NOT_IMPLEMENTED, "A part cannot be copied from an object.")
    number = whole_number(call.request.params.get("partNumber", ""), MAX_PARTS)
    if not number:
        raise ApiError(INVALID, f"partNumber must be from 1 to {MAX_PARTS}.")
    store, prefix = call.service.store, f"{session.id}.{number:05d}."
    name = prefix + secrets.token_hex(8)
    incoming = store.files.resume(name, 0)
    expected = expected_from_headers(call.request)
    incoming.hash_sha256 = bool(expected.sha256)
    try:
        await fill(incoming, call.request.stream(), expected)
        expected.check(incoming)
        await asyncio.to_thread(incoming.sync_with_name)
        incoming.close()
        part = Part(name, number, incoming.size, incoming.md5, store.index.clock.text())
        gone = await asyncio.to_thread(store.index.replace_sessions, prefix, part.session(session))
    except BaseException:
        incoming.drop()
        raise
    for old in gone:
        store.files.drop(old)
    return Response(200, b"", [
        ("etag", part.etag), ("x-goog-hash", f"crc32c={incoming.crc32c}"), ("x-goog-hash", f"md5={incoming.md5}"),
    ])  # fmt: skip


async def complete(call: Call) -> Response:
    """Answer POST /{bucket}/{object}?uploadId=: joins the listed parts."""
    session, store = _upload(call), call.service.store
    wanted = _listed(await call.request.body(_LIST_BYTES))
    parts = _chosen(wanted, {part.number: part for part in _parts(call, session)})
    plan = Plan.from_json(Target(session.bucket, session.name), session.spec)
    only = from_headers(call.request)
    store.check(plan.target, only)
    incoming = store.files.begin()
    try:
        await fill(incoming, _joined([store.files.waiting(part.id) for part in parts]), plan.expected)
        draft = Draft(
            plan.target.bucket, plan.target.name, incoming.size, "", incoming.crc32c, incoming.path.name, plan.config
        )
        row = await asyncio.to_thread(store.commit, incoming, draft, only)
    except BaseException:
        incoming.drop()
        raise
    await asyncio.to_thread(_forget, call, session)
    location = f"{call.base}/{row.bucket}/{row.name}"
    answer = xml_response("CompleteMultipartUploadResult", UPLOADS, [
        ("Location", location), ("Bucket", row.bucket), ("Key", row.name), ("ETag", f'"{row.xml_etag}"'),
    ])  # fmt: skip
    answer.headers += [("x-goog-generation", str(row.generation)), ("x-goog-hash", f"crc32c={row.crc32c}")]
    return answer


async def abort(call: Call) -> Response:
    """Answer DELETE /{bucket}/{object}?uploadId=."""
    await asyncio.to_thread(_forget, call, _upload(call))
    return Response(204)


async def list_parts(call: Call) -> Response:
    """Answer GET /{bucket}/{object}?uploadId=: `max-parts`, `part-number-marker`."""
    session, params = _upload(call), call.request.params
    marker = whole_number(params.get("part-number-marker", "0"))
    most = whole_number(params.get("max-parts", "1000"))
    if marker is None or most is None:
        raise ApiError(INVALID, "max-parts and part-number-marker must be numbers.")
    found = [part for part in _parts(call, session) if part.number > marker]
    page = found[: min(most, 1000)]
    nodes: list[Node] = [
        ("Bucket", session.bucket), ("Key", session.name), ("UploadId", session.id), ("StorageClass", "STANDARD"),
        ("PartNumberMarker", str(marker)), ("NextPartNumberMarker", str(page[-1].number if page else 0)),
        ("MaxParts", str(most)), ("IsTruncated", "true" if len(found) > len(page) else "false"),
    ]  # fmt: skip
    return xml_response("ListPartsResult", UPLOADS, nodes + [("Part", _shown(part)) for part in page])


def is_multipart(session: Session) -> bool:
    """Tell whether a session is a multipart upload."""
    return _MARK in session.spec


def begun(session: Session) -> str:
    """Get the time when a multipart upload began, RFC 3339."""
    return str(session.spec[_MARK])


def _upload(call: Call) -> Session:
    name = call.request.params.get("uploadId", "")
    if not re.fullmatch(r"[0-9a-f]{64}", name):
        raise ApiError(NO_SUCH_UPLOAD)
    session = call.service.store.session(name)
    if not is_multipart(session) or (session.bucket, session.name) != (call.names["bucket"], call.names["object"]):
        raise ApiError(NO_SUCH_UPLOAD)
    return session


def _parts(call: Call, session: Session) -> list[Part]:
    return [Part.from_session(found) for found in call.service.store.index.sessions_from(session.id + ".")]


def _listed(data: bytes) -> list[tuple[int, str]]:
    root = read_xml(data)
    found = []
    for part in root.iter("Part"):
        number = whole_number(part.findtext("PartNumber", "").strip())
        if number is None:
            raise ApiError(INVALID, "Each Part must have a PartNumber.")
        found.append((number, part.findtext("ETag", "")))
    if root.tag != "CompleteMultipartUpload" or not found:
        raise ApiError(INVALID, "The body must be a CompleteMultipartUpload with at least one Part.")
    return found


def _chosen(wanted: Sequence[tuple[int, str]], have: Mapping[int, Part]) -> list[Part]:
    numbers = [number for number, _ in wanted]
    if numbers != sorted(set(numbers)):
        raise ApiError(INVALID_PART_ORDER)
    for number, etag in wanted:
        if number not in have or etag.strip().strip('"') != have[number].etag.strip('"'):
            raise ApiError(INVALID_PART, f"Part {number}")
    chosen = [have[number] for number in numbers]
    if any(part.size < MIN_PART_BYTES for part in chosen[:-1]):
        raise ApiError(PART_TOO_SMALL)
    return chosen


def _shown(part: Part) -> list[Node]:
    return [
        ("PartNumber", str(part.number)), ("LastModified", part.updated), ("ETag", part.etag), ("Size", str(part.size)),
    ]  # fmt: skip


def _forget(call: Call, session: Session) -> None:
    for part in _parts(call, session):
        call.service.store.end_session(part.id)
    call.service.store.end_session(session.id)


async def _joined(paths: Sequence[Path]) -> AsyncIterator[bytes]:
    for path in paths:
        with open(path, "rb") as file:
            while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                yield piece
