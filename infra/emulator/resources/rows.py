"""The rows of the index: buckets, objects, upload sessions, and drafts of objects."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from infra.emulator.resources.reading import child, whole
from jobs.json_values import JsonObject

_SMALL = [bytes((number,)) for number in range(0x80)]
GENERATION = "_generation"  # key of a bucket's generation in its config; older data folders do not have it


@dataclass(frozen=True)
class BucketRow:
    """A bucket. `config` holds the fields that its owner has set: cors, lifecycle, labels, ..."""

    name: str
    metageneration: int
    created: str  # RFC 3339
    updated: str  # RFC 3339
    config: JsonObject

    @property
    def generation(self) -> int:
        """The generation, by which a bucket is told from an earlier one of its name."""
        made = whole(self.config.get(GENERATION))
        return made or int(datetime.fromisoformat(self.created).timestamp() * 1000) * 1000

    @property
    def etags(self) -> tuple[str, ...]:
        """The one etag of a bucket, as the JSON API writes it."""
        return (base64.b64encode(b"\x08" + _varint(self.metageneration)).decode(),)

    @property
    def keeps_versions(self) -> bool:
        """True when an object that is deleted or replaced stays as a noncurrent version."""
        return bool(child(self.config, "versioning").get("enabled"))

    @property
    def uniform_access(self) -> bool:
        """True when only the policy of the bucket decides on access, and access control lists have no effect."""
        return bool(child(self.config, "iamConfiguration", "uniformBucketLevelAccess").get("enabled"))

    @property
    def prevents_public_access(self) -> bool:
        """True when nothing in the bucket may be open to everybody."""
        return child(self.config, "iamConfiguration").get("publicAccessPrevention") == "enforced"


@dataclass(frozen=True)
class ObjectRow:
    """An object. `config` holds the fields that its owner has set: contentType, metadata, cacheControl, ..."""

    bucket: str
    name: str
    generation: int
    metageneration: int
    size: int  # bytes
    md5: str  # base64; empty for a composed object
    crc32c: str  # base64, big-endian
    body: str  # name of the file with the content; empty if the content is in the index
    created: str  # RFC 3339
    updated: str  # RFC 3339
    config: JsonObject

    @property
    def etags(self) -> tuple[str, ...]:
        """The etag of the JSON API, then that of the XML API."""
        return (self.json_etag, self.xml_etag)

    @property
    def json_etag(self) -> str:
        """The etag of the JSON API: generation and metageneration, encoded."""
        number = b"\x08" + _varint(self.generation) + b"\x10" + _varint(self.metageneration)
        return binascii.b2a_base64(number, newline=False).decode()

    @property
    def xml_etag(self) -> str:
        """The etag of the XML API: the MD5 in hex, without quotes; made from the JSON API's etag if there is no MD5."""
        return binascii.a2b_base64(self.md5).hex() if self.md5 else "-" + self.json_etag

    @property
    def http_date(self) -> str:
        """The time of the last change, in the format of Last-Modified."""
        return format_datetime(datetime.fromisoformat(self.updated), usegmt=True)

    @property
    def is_live(self) -> bool:
        """True for the live version of an object's name."""
        return "timeDeleted" not in self.config

    @property
    def storage_class(self) -> str:
        """The storage class; STANDARD if none was set."""
        return str(self.config.get("storageClass", "STANDARD"))

    @property
    def content_encoding(self) -> str:
        """The encoding in which the content is stored; `identity` if none was set."""
        return str(self.config.get("contentEncoding", "identity"))

    @property
    def component_count(self) -> int | None:
        """The number of objects that were composed into this one; None if it was not composed."""
        return whole(self.config.get("componentCount"))

    @property
    def metadata(self) -> JsonObject:
        """The custom metadata of the owner."""
        return child(self.config, "metadata")


@dataclass(frozen=True)
class Session:
    """An upload that takes several requests. `spec` holds the parameters of its first request."""

    id: str
    bucket: str
    name: str
    received: int  # bytes that are on disk and acknowledged
    done: int  # generation of the finished object; 0 while the upload is not finished
    spec: JsonObject


@dataclass(frozen=True)
class Target:
    """The object that a request names; with a generation only if the request has one."""

    bucket: str
    name: str
    generation: int | None = None


@dataclass(frozen=True)
class Draft:
    """An object before it has a generation. Its content is in the file `body`, or is `content`."""

    bucket: str
    name: str
    size: int  # bytes
    md5: str  # base64; empty for a composed object
    crc32c: str  # base64, big-endian
    body: str  # name of the file with the content
    config: JsonObject
    content: bytes | None = None


def dump(config: JsonObject) -> str:
    """Write a config as compact JSON, for a text column."""
    return json.dumps(config, ensure_ascii=False, separators=(",", ":"))


def _varint(number: int) -> bytes:
    if number <= 0x7F:
        return _SMALL[number]
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
