"""The listing of a bucket's unfinished multipart uploads, by key and then by upload ID, in pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from infra.emulator.calls.service import Call
from infra.emulator.protocol.messages import Response
from infra.emulator.resources.reading import child
from infra.emulator.resources.rows import Session
from infra.emulator.store.listing import page_size
from infra.emulator.xml_api.multipart_uploads import begun, is_multipart
from infra.emulator.xml_api.text import UPLOADS, Node, xml_response


@dataclass(frozen=True)
class _Entry:
    """An upload, or a common prefix of the keys of several, which has no ID."""

    key: str
    session: Session | None = None

    @property
    def id(self) -> str:
        return self.session.id if self.session else ""


async def list_uploads(call: Call) -> Response:
    """Answer GET /{bucket}?uploads: `prefix`, `delimiter`, `max-uploads`, `key-marker`, `upload-id-marker`."""
    params, index = call.request.params, call.service.store.index
    bucket = index.bucket(call.names["bucket"]).name
    most = page_size(params.get("max-uploads", ""), "max-uploads")
    found = list(_entries([row for row in index.sessions_from("") if row.bucket == bucket and is_multipart(row)], call))
    page = found[:most]
    encode = quote if params.get("encoding-type") == "url" else str
    nodes: list[Node] = [
        ("Bucket", bucket), ("KeyMarker", encode(params.get("key-marker", ""))),
        ("UploadIdMarker", params.get("upload-id-marker", "")),
    ]  # fmt: skip
    if len(found) > len(page):
        nodes += [("NextKeyMarker", encode(page[-1].key)), ("NextUploadIdMarker", page[-1].id)]
    nodes += [(tag, encode(params[tag.lower()])) for tag in ("Prefix", "Delimiter") if params.get(tag.lower())]
    nodes += [("EncodingType", "url")] if encode is quote else []
    nodes += [("MaxUploads", str(most)), ("IsTruncated", "true" if len(found) > len(page) else "false")]
    nodes += [
        ("Upload", [
            ("Key", encode(entry.key)), ("UploadId", entry.id),
            ("StorageClass", _storage_class(entry.session)), ("Initiated", begun(entry.session)),
        ])
        for entry in page if entry.session
    ]  # fmt: skip
    nodes += [("CommonPrefixes", [("Prefix", encode(entry.key))]) for entry in page if not entry.session]
    return xml_response("ListMultipartUploadsResult", UPLOADS, nodes)


def _entries(sessions: Sequence[Session], call: Call) -> Iterator[_Entry]:
    """Yield what comes after the markers, each common prefix once."""
    params = call.request.params
    prefix, delimiter = params.get("prefix", ""), params.get("delimiter", "")
    after = params.get("key-marker", ""), params.get("upload-id-marker", "")
    last = ""
    for row in sorted(sessions, key=lambda row: (row.name, row.id)):
        if not row.name.startswith(prefix):
            continue
        cut = row.name.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            if row.name > after[0] or (after[1] and row.name == after[0] and row.id > after[1]):
                yield _Entry(row.name, row)
            continue
        common = row.name[: cut + len(delimiter)]
        if common > after[0] and common != last:
            last = common
            yield _Entry(common)


def _storage_class(session: Session) -> str:
    return str(child(session.spec, "config").get("storageClass", "STANDARD"))
