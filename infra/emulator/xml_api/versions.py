"""The listing of all versions of a bucket's objects in the XML API, in Google's words and in Amazon's."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from infra.emulator.calls.service import Call
from infra.emulator.protocol.messages import Request, Response
from infra.emulator.resources.rows import ObjectRow
from infra.emulator.store.listing import Page, Query, list_page, page_size, past_name, past_prefix, past_version
from infra.emulator.xml_api.listings import contents
from infra.emulator.xml_api.text import LISTS, Node, xml_response

_MARKERS = {"marker": "Marker", "generation-marker": "GenerationMarker"}  # parameter -> element
_AMAZON_S = {"key-marker": "KeyMarker", "version-id-marker": "VersionIdMarker"}


async def list_versions(call: Call) -> Response:
    """Answer GET /{bucket}?versions: noncurrent versions too. Of each name the oldest comes first."""
    request = call.request
    params, markers = request.params, _AMAZON_S if request.speaks_amazon else _MARKERS
    prefix, delimiter = params.get("prefix", ""), params.get("delimiter", "")
    name, version = (params.get(marker, "") for marker in markers)
    count = 0 if params.get("max-keys") == "0" else page_size(params.get("max-keys", ""), "max-keys")
    after = _after(name, version, bool(delimiter) and name.startswith(prefix) and name.endswith(delimiter))
    query = Query(call.names["bucket"], prefix, delimiter, after=after, count=count, versions=True)
    page = Page() if count == 0 else await asyncio.to_thread(list_page, call.service.store.index, query)
    root = "ListVersionsResult" if request.speaks_amazon else "ListBucketResult"
    return xml_response(root, LISTS, _shown(request, query, page))


def _after(name: str, version: str, is_prefix: bool) -> str:
    """Make the value of `Query.after` from the two markers. Raises ApiError."""
    if version:
        return past_version(name, version)
    return (past_prefix if is_prefix else past_name)(name) if name else ""


def _shown(request: Request, query: Query, page: Page) -> list[Node]:
    """Make the elements of the answer."""
    encode = quote if request.params.get("encoding-type") == "url" else str
    markers = _AMAZON_S if request.speaks_amazon else _MARKERS
    nodes: list[Node] = [("Name", query.bucket), ("Prefix", encode(query.prefix))]
    nodes += [(element, encode(request.params.get(name, ""))) for name, element in markers.items()]
    if page.next_token:
        last = zip(markers.values(), page.last_version, strict=True)
        nodes += [(f"Next{element}", encode(value)) for element, value in last if value]
    nodes += [("Delimiter", encode(query.delimiter))] if query.delimiter else []
    nodes += [("EncodingType", "url")] if encode is quote else []
    nodes += [("MaxKeys", str(query.count)), ("IsTruncated", "true" if page.next_token else "false")]
    nodes += [("Version", [("Key", encode(row.name)), *_version(row)]) for row in page.objects]
    return nodes + [("CommonPrefixes", [("Prefix", encode(prefix))]) for prefix in page.prefixes]


def _version(row: ObjectRow) -> list[Node]:
    latest = "true" if row.is_live else "false"
    return [("VersionId", str(row.generation)), ("IsLatest", latest), *contents(row)]
