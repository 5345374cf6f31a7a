"""Uploads: the properties that a client announced, the content as it comes in, and the object made from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from infra.emulator.protocol.errors import BAD_DIGEST, INVALID, TOO_LARGE, TOO_SMALL, ApiError
from infra.emulator.protocol.messages import ClientGone, Request
from infra.emulator.protocol.numbers import whole_number
from infra.emulator.resources.preconditions import NONE, Preconditions
from infra.emulator.resources.reading import child, whole
from infra.emulator.resources.rows import Draft, ObjectRow, Target
from infra.emulator.signatures.canonical import UNSIGNED
from infra.emulator.store.files import SMALL_BYTES, Incoming
from infra.emulator.store.store import Store
from jobs.json_values import JsonObject

_PIECE_BYTES = 1024 * 1024  # a thread writes pieces of this size
_SMALL_BYTES = 64 * 1024  # up to this size, writing at once is cheaper than a thread


@dataclass(frozen=True)
class Expected:
    """The announced properties of a content. An empty value means: any."""

    md5: str = ""  # base64
    crc32c: str = ""  # base64
    sha256: str = ""  # hex
    least: int = 0  # bytes
    most: int | None = None  # bytes

    def check_length(self, length: int | None) -> None:
        """Check an announced length, before any byte comes. Raises ApiError."""
        if length is not None:
            self.check_most(length)
            if length < self.least:
                raise ApiError(TOO_SMALL, f"Content-length {length} is below the minimum of {self.least}")

    def check_most(self, length: int) -> None:
        """Check that a content is not too long. Raises ApiError."""
        if self.most is not None and length > self.most:
            raise ApiError(TOO_LARGE, f"Content-length {length} exceeds the upper bound of {self.most}")

    def check(self, incoming: Incoming) -> None:
        """Check a received content. Raises ApiError."""
        self.check_length(incoming.size)
        for label, told, found in (
            ("MD5", self.md5, incoming.md5),
            ("CRC32C", self.crc32c, incoming.crc32c),
            ("SHA-256", self.sha256, incoming.sha256 if self.sha256 else ""),
        ):
            if told and told != found:
                text = f'Provided {label} hash "{told}" doesn\'t match calculated {label} hash "{found}".'
                raise ApiError(BAD_DIGEST, text)

    def to_json(self) -> JsonObject:
        """Write the promises as JSON, for the session of an upload."""
        return {
            "md5": self.md5, "crc32c": self.crc32c, "sha256": self.sha256, "least": self.least, "most": self.most,
        }  # fmt: skip

    @classmethod
    def from_json(cls, stored: JsonObject) -> Expected:
        """Read what `to_json` wrote."""
        hashes = {name: str(stored[name]) for name in ("md5", "crc32c", "sha256")}
        return cls(**hashes, least=whole(stored["least"]) or 0, most=whole(stored["most"]))


@dataclass(frozen=True)
class Plan:
    """The parameters of an upload, from its first request."""

    target: Target
    config: JsonObject
    only: Preconditions = NONE
    expected: Expected = field(default_factory=Expected)

    def to_json(self) -> JsonObject:
        """Write all but the target as JSON, for a session."""
        return {"config": self.config, "only": self.only.to_json(), "expected": self.expected.to_json()}

    @classmethod
    def from_json(cls, target: Target, spec: JsonObject) -> Plan:
        """Read what `to_json` wrote."""
        only = Preconditions.from_json(child(spec, "only"))
        return cls(target, child(spec, "config"), only, Expected.from_json(child(spec, "expected")))


def expected_from_headers(request: Request) -> Expected:
    """Read Content-MD5, x-goog-hash, x-goog-content-sha256 and x-goog-content-length-range. Raises ApiError."""
    promised = {"md5": request.header("content-md5")}
    for name, value in request.headers:
        if name == "x-goog-hash":
            for item in value.split(","):
                label, _, digest = item.strip().partition("=")
                if label in ("md5", "crc32c"):
                    promised[label] = digest
    sha256 = request.header("x-goog-content-sha256", UNSIGNED)
    if sha256 not in (UNSIGNED, "STREAMING-UNSIGNED-PAYLOAD"):
        promised["sha256"] = sha256
    least, most = _length_range(request.header("x-goog-content-length-range"))
    return Expected(**promised, least=least, most=most)


async def fill(incoming: Incoming, pieces: AsyncIterator[bytes], expected: Expected) -> None:
    """Append a stream to a content.

    Raises ApiError as soon as it is too long, and ClientGone once everything that came is written.
    """
    waiting = _Waiting()
    try:
        async for piece in pieces:
            waiting.add(piece)
            expected.check_most(incoming.size + waiting.size)
            if waiting.size >= _PIECE_BYTES:
                await asyncio.to_thread(incoming.write, waiting.taken())
    except ClientGone:
        incoming.write(waiting.taken())
        raise
    if waiting.size <= _SMALL_BYTES:
        incoming.write(waiting.taken())
    else:
        await asyncio.to_thread(incoming.write, waiting.taken())


class _Waiting:
    """Pieces that have come but are not written yet."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.size += len(piece)

    def taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces, self.size = [], 0
        return data


async def take(store: Store, pieces: AsyncIterator[bytes], plan: Plan) -> ObjectRow:
    """Receive a whole upload in one request. Raises ApiError; an upload that fails leaves nothing."""
    store.check(plan.target, plan.only)
    incoming = store.files.begin()
    incoming.hash_sha256 = bool(plan.expected.sha256)
    store.uploads += 1
    try:
        await fill(incoming, pieces, plan.expected)
        return await commit(store, incoming, plan)
    except BaseException:
        incoming.drop()
        raise
    finally:
        store.uploads -= 1


async def commit(store: Store, incoming: Incoming, plan: Plan, session: str = "") -> ObjectRow:
    """Check a received content and make the object of it. Raises ApiError."""
    plan.expected.check(incoming)
    target = plan.target
    draft = Draft(
        target.bucket, target.name, incoming.size, incoming.md5, incoming.crc32c, incoming.path.name, plan.config
    )
    if incoming.size <= SMALL_BYTES and store.uploads == 1 and not session:
        # Not in a thread, which would cost more than the commit itself.
        return store.commit(incoming, draft, plan.only, session)
    return await asyncio.to_thread(store.commit, incoming, draft, plan.only, session)


def promised(plan: Plan, more: Expected) -> Plan:
    """Add to a plan the checksums that a later request promises. Raises ApiError if they contradict it."""
    expected = plan.expected
    for first, later in ((expected.md5, more.md5), (expected.crc32c, more.crc32c)):
        if first and later and first != later:
            raise ApiError(BAD_DIGEST, f"Provided hashes differ: {first} and {later}.")
    return replace(
        plan,
        expected=replace(expected, md5=more.md5 or expected.md5, crc32c=more.crc32c or expected.crc32c),
    )


def _length_range(text: str) -> tuple[int, int | None]:
    if not text:
        return 0, None
    least, most = (whole_number(part.strip()) for part in (*text.split(",", 1), "")[:2])
    if least is None or most is None:
        raise ApiError(INVALID, "Invalid value for x-goog-content-length-range: it must be MIN,MAX.")
    return least, most
