"""Listing: prefix, delimiter, offsets and pages over the index, without reading what it passes over."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from infra.local.emulator.errors import INVALID, ApiError
from infra.local.emulator.http import Request
from infra.local.emulator.index import Index
from infra.local.emulator.rows import ObjectRow

PAGE = 1000  # entries at most, objects and prefixes together
_OBJECT, _PREFIX = "o", "p"
_LAST = chr(0x10FFFF) * 257  # behind every name: it is longer than one may be


@dataclass(frozen=True)
class Query:
    """What to list."""

    bucket: str
    prefix: str = ""
    delimiter: str = ""
    start: str = ""  # first name, inclusive
    end: str = ""  # first name that is too far; empty = none
    trailing: bool = False  # show `a/` as an object too, beside the prefix `a/`
    after: str = ""  # what the page token holds: the last entry of the page before, with its kind before it
    count: int = PAGE


@dataclass
class Page:
    """What was found; `next_token` is empty on the last page."""

    objects: list[ObjectRow] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    next_token: str = ""

    def __len__(self) -> int:
        return len(self.objects) + len(self.prefixes)


def query_from(request: Request, bucket: str) -> Query:
    """From the JSON API's parameters. Raises ApiError."""
    params = request.params
    return Query(
        bucket,
        params.get("prefix", ""),
        params.get("delimiter", ""),
        params.get("startOffset", ""),
        params.get("endOffset", ""),
        params.get("includeTrailingDelimiter") == "true",
        _read_token(params.get("pageToken", "")),
        _count(params.get("maxResults", "")),
    )


def list_page(index: Index, query: Query) -> Page:
    """One page, in the byte order of names. Raises ApiError 404."""
    index.bucket(query.bucket)
    page = Page()
    start, after = _first(query)
    last = ""
    while True:
        rows = index.names_from(query.bucket, start, after, max(1, query.count - len(page) + 1))
        for row in rows:
            if not row.name.startswith(query.prefix) or (query.end and _order(row.name) >= _order(query.end)):
                return page
            if len(page) >= query.count:
                page.next_token = _token(last)
                return page
            common = _common(query, row.name)
            if common:
                page.prefixes.append(common)
                if query.trailing and row.name == common:
                    page.objects.append(row)
                last, start, after = _PREFIX + common, _past(common), False
                break  # go on behind all that the prefix covers
            page.objects.append(row)
            last, start, after = _OBJECT + row.name, row.name, True
        else:
            if not rows:
                return page


def _first(query: Query) -> tuple[str, bool]:
    """Where to begin, and whether that name itself was on the page before."""
    begin = max(query.prefix, query.start, key=_order)
    kind, name = query.after[:1], query.after[1:]
    if kind == _PREFIX:
        return max(begin, _past(name), key=_order), False
    return (name, True) if kind == _OBJECT and _order(name) >= _order(begin) else (begin, False)


def _common(query: Query, name: str) -> str:
    if not query.delimiter:
        return ""
    found = name.find(query.delimiter, len(query.prefix))
    return name[: found + len(query.delimiter)] if found >= 0 else ""


def _past(prefix: str) -> str:
    """The first name in byte order that no name with this prefix reaches."""
    last = ord(prefix[-1]) + 1
    if 0xD800 <= last <= 0xDFFF:
        last = 0xE000  # surrogates are no characters
    if last <= 0x10FFFF:
        return prefix[:-1] + chr(last)
    return _past(prefix[:-1]) if len(prefix) > 1 else _LAST


def _order(name: str) -> bytes:
    return name.encode()


def _token(entry: str) -> str:
    return base64.urlsafe_b64encode(entry.encode()).decode()


def _read_token(text: str) -> str:
    try:
        return base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise ApiError(INVALID, "Invalid value for pageToken.") from None


def _count(text: str) -> int:
    if not text:
        return PAGE
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ApiError(INVALID, "Invalid value for maxResults.")
    return min(int(text), PAGE)
