"""What the index holds: buckets, objects, resumable sessions."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any


@dataclass(frozen=True)
class BucketRow:
    """A bucket. `config` is what its owner set: cors, lifecycle, labels, ..."""

    name: str
    metageneration: int
    created: str
    updated: str
    config: Mapping[str, Any]
    generation: int = 0  # buckets have none; conditions on metageneration only

    @property
    def etags(self) -> tuple[str, ...]:
        """As the JSON API writes it."""
        return (base64.b64encode(b"\x08" + _varint(self.metageneration)).decode(),)


@dataclass(frozen=True)
class ObjectRow:
    """An object. `config` is what its owner set: contentType, metadata, cacheControl, ..."""

    bucket: str
    name: str
    generation: int
    metageneration: int
    size: int  # bytes
    md5: str  # base64; empty for a composed object
    crc32c: str  # base64, big-endian
    body: str  # name of the file with the content; empty where the index holds it
    created: str
    updated: str
    config: Mapping[str, Any]

    @property
    def etags(self) -> tuple[str, ...]:
        """The JSON API's etag, then the XML API's."""
        return (self.json_etag, self.xml_etag)

    @property
    def json_etag(self) -> str:
        """Generation and metageneration, encoded."""
        return base64.b64encode(b"\x08" + _varint(self.generation) + b"\x10" + _varint(self.metageneration)).decode()

    @property
    def xml_etag(self) -> str:
        """The MD5 in hex, without quotes; the JSON one where there is no MD5."""
        return binascii.hexlify(base64.b64decode(self.md5)).decode() if self.md5 else "-" + self.json_etag

    @property
    def http_date(self) -> str:
        """When it last changed, as Last-Modified writes it."""
        return format_datetime(datetime.fromisoformat(self.updated), usegmt=True)


@dataclass(frozen=True)
class Session:
    """A resumable upload. `spec` is what its first request asked for, as JSON values."""

    id: str
    bucket: str
    name: str
    received: int  # bytes that are on disk and acknowledged
    done: int  # the generation that it became; 0 while under way
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """Which object a request means; a generation only where it names one."""

    bucket: str
    name: str
    generation: int | None = None


@dataclass(frozen=True)
class Draft:
    """An object about to be: everything but its generation. Its content is in the file `body`, or is `content`."""

    bucket: str
    name: str
    size: int
    md5: str
    crc32c: str
    body: str
    config: Mapping[str, Any]
    content: bytes | None = None


def dump(config: Mapping[str, Any]) -> str:
    """For a text column."""
    return json.dumps(config, ensure_ascii=False, separators=(",", ":"))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
