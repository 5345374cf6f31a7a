"""Listings of objects: prefix, delimiter, offsets, globs and pages. Rows below a common prefix are not read."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from functools import cached_property

from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.messages import Request
from infra.emulator.protocol.numbers import whole_number
from infra.emulator.resources.rows import BucketRow, ObjectRow
from infra.emulator.store.filters import compile_filter
from infra.emulator.store.globs import compile_glob, literal_start
from infra.emulator.store.index import Index

PAGE = 1000  # most entries of a page, objects and prefixes together
_OBJECT, _PREFIX, _VERSION = "o", "p", "v"
_LAST_GENERATION = 2**63 - 1
_SCANNED = 200  # rows read at once if a glob or a filter leaves some out
_LAST = chr(0x10FFFF) * 257  # sorts after every name: it is longer than a name may be


@dataclass(frozen=True)
class Query:
    """A request for one page of a listing."""

    bucket: str
    prefix: str = ""
    delimiter: str = ""
    start: str = ""  # first name, inclusive
    end: str = ""  # first name that is not listed; empty = no end
    trailing: bool = False  # list `a/` as an object too, beside the prefix `a/`
    after: str = ""  # last entry of the page before, with its kind in front, in the form of page tokens
    count: int = PAGE
    glob: str = ""  # names of objects, and of common prefixes, must match it
    filter: str = ""  # a condition on contexts: see `filters`
    versions: bool = False  # true: list noncurrent versions too
    deleted: bool = False  # true: list deleted objects that are still kept, and no others

    @property
    def has_generations(self) -> bool:
        """True when a name can be listed more than once."""
        return self.versions or self.deleted

    @cached_property
    def must_begin(self) -> str:
        """The text with which every listed name begins."""
        return max(self.prefix, literal_start(self.glob), key=len)

    def wants(self, name: str, row: ObjectRow | None = None) -> bool:
        """Return whether glob and filter accept an object; without a row, a common prefix."""
        if self.glob and not compile_glob(self.glob).fullmatch(name):
            return False
        return row is None or not self.filter or compile_filter(self.filter)(row)


@dataclass
class Page:
    """The entries of one page; `next_token` is empty on the last page."""

    objects: list[ObjectRow] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    next_token: str = ""

    @property
    def last(self) -> str:
        """The name of the last entry, if another page follows."""
        return read_token(self.next_token)[1:]

    @property
    def last_version(self) -> tuple[str, str]:
        """Name and generation of the last entry of a list of versions, if another page follows; "": a prefix."""
        if read_token(self.next_token).startswith(_PREFIX):
            return self.last, ""
        generation, _, name = self.last.partition("/")
        return name, generation

    def __len__(self) -> int:
        return len(self.objects) + len(self.prefixes)


def query_from(request: Request, bucket: str) -> Query:
    """Read the parameters of the JSON API. Raises ApiError."""
    params = request.params
    versions, deleted = request.flag("versions"), request.flag("softDeleted")
    if versions and deleted:
        raise ApiError(INVALID, "versions and softDeleted cannot both be true.")
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
        versions,
        deleted,
    )


def list_page(index: Index, query: Query) -> Page:
    """List one page, in the byte order of names. Raises ApiError 404."""
    walk = _Walk(index, query, index.bucket(query.bucket))
    while walk.goes_on():
        pass
    return walk.page


class _Walk:
    """The walk that collects one page.

    `_at` is the name read last and its generation; -1 means that the next row is the name itself.
    """

    def __init__(self, index: Index, query: Query, bucket: BucketRow) -> None:
        self._index = index
        self._bucket = bucket
        self._query = query
        self._at = _first(query)
        self._last = ""
        self.page = Page()

    def goes_on(self) -> bool:
        """Read some rows and add to the page those that are listed; returns whether there may be more."""
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
                return True  # the next rows are those after the common prefix
            self._at = row.name, row.generation
            if listed:
                self.page.objects.append(row)
                self._last = (
                    f"{_VERSION}{row.generation}/{row.name}" if self._query.has_generations else _OBJECT + row.name
                )
        return bool(rows)

    def _rows(self) -> list[ObjectRow]:
        query = self._query
        least = _SCANNED if query.glob or query.filter else 1
        count = max(least, query.count - len(self.page) + 1)
        if query.deleted:
            return self._index.soft_objects_from(self._bucket, self._at, count)
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
    """Return the start of the page: a name, and the generation that was on the page before, or -1."""
    begin = max(query.prefix, query.must_begin, query.start, key=_order)
    kind, name = query.after[:1], query.after[1:]
    if kind == _PREFIX:
        return max(begin, _past(name), key=_order), -1
    generation = str(_LAST_GENERATION)
    if kind == _VERSION:
        generation, _, name = name.partition("/")
    number = whole_number(generation)
    if kind in (_OBJECT, _VERSION) and number is not None and _order(name) >= _order(begin):
        return name, number
    return begin, -1


def _common(query: Query, name: str) -> str:
    if not query.delimiter:
        return ""
    found = name.find(query.delimiter, len(query.prefix))
    return name[: found + len(query.delimiter)] if found >= 0 else ""


def _past(prefix: str) -> str:
    """Make the first name, in byte order, after all names with this prefix."""
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
    """Decode a page token into the entry for `Query.after`. Raises ApiError."""
    try:
        return base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise ApiError(INVALID, "Invalid value for pageToken.") from None


def past_name(name: str) -> str:
    """Make the value of `Query.after` that continues after an object."""
    return _OBJECT + name


def past_prefix(prefix: str) -> str:
    """Make the value of `Query.after` that continues after all names with a prefix."""
    return _PREFIX + prefix


def past_version(name: str, generation: str) -> str:
    """Make the value of `Query.after` that continues after a version. Raises ApiError."""
    if whole_number(generation) is None:
        raise ApiError(INVALID, "A generation must be a number.")
    return f"{_VERSION}{generation}/{name}"


def page_size(text: str, name: str = "maxResults") -> int:
    """Read the parameter that limits the number of entries. Raises ApiError."""
    if not text:
        return PAGE
    number = whole_number(text)
    if not number:
        raise ApiError(INVALID, f"Invalid value for {name}.")
    return min(number, PAGE)
