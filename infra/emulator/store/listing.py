"""Listing: prefix, delimiter, offsets, globs and pages over the index, without reading what a prefix passes over."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.messages import Request
from infra.emulator.resources.rows import ObjectRow
from infra.emulator.store.filters import compile_filter
from infra.emulator.store.globs import compile_glob, literal_start
from infra.emulator.store.index import Index

PAGE = 1000  # entries at most, objects and prefixes together
_OBJECT, _PREFIX, _VERSION = "o", "p", "v"
_LAST_GENERATION = 2**63 - 1
_SCANNED = 200  # rows read at once where not each of them is listed
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
    glob: str = ""  # names of objects, and of prefixes where a delimiter makes them, must match it
    filter: str = ""  # over what is not in the name
    versions: bool = False  # those that are no longer live too

    @property
    def must_begin(self) -> str:
        """What every name begins with that can be listed."""
        return max(self.prefix, literal_start(self.glob), key=len)

    def wants(self, name: str, row: ObjectRow | None = None) -> bool:
        """Whether an object, or a prefix, that the other parameters admit is listed."""
        if self.glob and not compile_glob(self.glob).fullmatch(name):
            return False
        return row is None or not self.filter or compile_filter(self.filter)(row)


@dataclass
class Page:
    """What was found; `next_token` is empty on the last page."""

    objects: list[ObjectRow] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    next_token: str = ""

    @property
    def last(self) -> str:
        """The name of the last entry, where there is another page."""
        return read_token(self.next_token)[1:]

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
        request.flag("includeTrailingDelimiter"),
        read_token(params.get("pageToken", "")),
        page_size(params.get("maxResults", "")),
        params.get("matchGlob", ""),
        params.get("filter", ""),
        request.flag("versions"),
    )


def list_page(index: Index, query: Query) -> Page:
    """One page, in the byte order of names. Raises ApiError 404."""
    index.bucket(query.bucket)
    walk = _Walk(index, query)
    while walk.goes_on():
        pass
    return walk.page


class _Walk:
    """Goes over the names of one page. `_at` is the last name passed and its generation; -1 = the name is due."""

    def __init__(self, index: Index, query: Query) -> None:
        self._index = index
        self._query = query
        self._at = _first(query)
        self._last = ""
        self.page = Page()

    def goes_on(self) -> bool:
        """Read some rows and take what of them is listed; whether there may be more."""
        rows = self._rows()
        for row in rows:
            if _behind(self._query, row.name):
                return False
            common = _common(self._query, row.name)
            listed = self._query.wants(common) if common else self._query.wants(row.name, row)
            if listed and len(self.page) >= self._query.count:
                self.page.next_token = _token(self._last)
                return False
            if common:
                self._take_prefix(common, row, listed)
                return True  # go on behind all that the prefix covers
            self._at = row.name, row.generation
            if listed:
                self.page.objects.append(row)
                self._last = f"{_VERSION}{row.generation}/{row.name}" if self._query.versions else _OBJECT + row.name
        return bool(rows)

    def _rows(self) -> list[ObjectRow]:
        query = self._query
        least = _SCANNED if query.glob or query.filter else 1
        count = max(least, query.count - len(self.page) + 1)
        if query.versions:
            return self._index.versions_from(query.bucket, self._at, count)
        return self._index.names_from(query.bucket, self._at[0], self._at[1] >= 0, count)

    def _take_prefix(self, common: str, row: ObjectRow, listed: bool) -> None:
        if listed:
            self.page.prefixes.append(common)
            self._last = _PREFIX + common
        if self._query.trailing and row.name == common and self._query.wants(row.name, row):
            self.page.objects.append(row)
        self._at = _past(common), -1


def _behind(query: Query, name: str) -> bool:
    if not (name.startswith(query.prefix) and name.startswith(query.must_begin)):
        return True
    return bool(query.end) and _order(name) >= _order(query.end)


def _first(query: Query) -> tuple[str, int]:
    """Where to begin, and the generation that was on the page before; -1 for none."""
    begin = max(query.prefix, query.must_begin, query.start, key=_order)
    kind, name = query.after[:1], query.after[1:]
    if kind == _PREFIX:
        return max(begin, _past(name), key=_order), -1
    generation = str(_LAST_GENERATION)
    if kind == _VERSION:
        generation, _, name = name.partition("/")
    if kind in (_OBJECT, _VERSION) and generation.isdigit() and _order(name) >= _order(begin):
        return name, int(generation)
    return begin, -1


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


def read_token(text: str) -> str:
    """The entry that a page token stands for, for `Query.after`. Raises ApiError."""
    try:
        return base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise ApiError(INVALID, "Invalid value for pageToken.") from None


def past_name(name: str) -> str:
    """For `Query.after`: go on behind an object."""
    return _OBJECT + name


def past_prefix(prefix: str) -> str:
    """For `Query.after`: go on behind all that a prefix covers."""
    return _PREFIX + prefix


def page_size(text: str, name: str = "maxResults") -> int:
    """How many entries that parameter allows. Raises ApiError."""
    if not text:
        return PAGE
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ApiError(INVALID, f"Invalid value for {name}.")
    return min(int(text), PAGE)
