"""Listings in the XML API: all buckets, and the objects of a bucket in versions 1 and 2 of the listing."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from infra.emulator.calls.service import Call
from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.messages import Request, Response
from infra.emulator.resources.rows import ObjectRow
from infra.emulator.store.listing import Page, Query, list_page, page_size, past_name, past_prefix, read_token
from infra.emulator.xml_api.text import LISTS, Node, xml_response


async def list_all_buckets(call: Call) -> Response:
    """Answer GET /."""
    rows = call.service.store.index.buckets()
    shown = [("Bucket", [("Name", row.name), ("CreationDate", row.created)]) for row in rows]
    owner = ("Owner", [("ID", call.service.owner)])
    return xml_response("ListAllMyBucketsResult", LISTS, [owner, ("Buckets", shown)])


async def list_bucket(call: Call) -> Response:
    """Answer GET /{bucket}: `prefix`, `delimiter`, `max-keys`, `marker`, or for `list-type=2` `continuation-token`."""
    request, second = call.request, call.request.params.get("list-type") == "2"
    if request.params.get("list-type", "1") not in ("1", "2"):
        raise ApiError(INVALID, "list-type must be 1 or 2.")
    query = _query(request, call.names["bucket"], second)
    page = Page() if query.count == 0 else await asyncio.to_thread(list_page, call.service.store.index, query)
    call.service.store.index.bucket(query.bucket)
    owner = call.service.owner if second and request.flag("fetch-owner") else ""
    return xml_response("ListBucketResult", LISTS, _shown(request, query, page, second, owner))


def _query(request: Request, bucket: str, second: bool) -> Query:
    params = request.params
    prefix, delimiter = params.get("prefix", ""), params.get("delimiter", "")
    text = params.get("max-keys", "")
    count = 0 if text == "0" else page_size(text, "max-keys")
    after = read_token(params.get("continuation-token", "")) if second else ""
    begin = params.get("start-after" if second else "marker", "")
    if begin and not after:
        found = begin.find(delimiter, len(prefix)) if delimiter and begin.startswith(prefix) else -1
        is_prefix = found >= 0 and found + len(delimiter) == len(begin)
        after = past_prefix(begin) if is_prefix and not second else past_name(begin)
    return Query(bucket, prefix, delimiter, after=after, count=count)


def _shown(request: Request, query: Query, page: Page, second: bool, owner: str) -> list[Node]:
    """Make the elements of the answer; with an owner, each object names it."""
    owned: list[Node] = [("Owner", [("ID", owner)])] if owner else []
    encode = quote if request.params.get("encoding-type") == "url" else str
    nodes: list[Node] = [("Name", query.bucket), ("Prefix", encode(query.prefix))]
    truncated = "true" if page.next_token else "false"
    if second:
        nodes.append(("KeyCount", str(len(page))))
        nodes += [(tag, value) for tag, value in _given(request, "ContinuationToken", "StartAfter") if value]
        nodes += [("NextContinuationToken", page.next_token)] if page.next_token else []
    else:
        nodes.append(("Marker", encode(request.params.get("marker", ""))))
        nodes += [("NextMarker", encode(page.last))] if page.next_token else []
    nodes += [("Delimiter", encode(query.delimiter))] if query.delimiter else []
    nodes += [("EncodingType", "url")] if encode is quote else []
    nodes += [("MaxKeys", str(query.count)), ("IsTruncated", truncated)]
    nodes += [("Contents", [("Key", encode(row.name)), *contents(row), *owned]) for row in page.objects]
    return nodes + [("CommonPrefixes", [("Prefix", encode(prefix))]) for prefix in page.prefixes]


def _given(request: Request, *tags: str) -> list[tuple[str, str]]:
    names = {"ContinuationToken": "continuation-token", "StartAfter": "start-after"}
    return [(tag, request.params.get(names[tag], "")) for tag in tags]


def contents(row: ObjectRow) -> list[Node]:
    """Make the elements that tell of an object, without its name."""
    return [
        ("Generation", str(row.generation)),
        ("MetaGeneration", str(row.metageneration)),
        ("LastModified", row.updated),
        ("ETag", f'"{row.xml_etag}"'),
        ("Size", str(row.size)),
        ("StorageClass", row.storage_class),
    ]
