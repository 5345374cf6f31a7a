"""A content on its way in: what its sender promised of it, and how it becomes an object."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from infra.emulator.protocol.errors import BAD_DIGEST, INVALID, TOO_LARGE, TOO_SMALL, ApiError
from infra.emulator.protocol.messages import ClientGone, Request
from infra.emulator.resources.preconditions import NONE, Preconditions
from infra.emulator.resources.rows import Draft, ObjectRow, Target
from infra.emulator.signatures.canonical import UNSIGNED
from infra.emulator.store.files import SMALL_BYTES, Incoming
from infra.emulator.store.store import Store

_PIECE_BYTES = 1024 * 1024  # written by a thread in pieces of this size
_SMALL_BYTES = 64 * 1024  # cheaper to write at once than to hand to a thread


@dataclass(frozen=True)
class Expected:
    """What a content must be. Empty = not promised."""

    md5: str = ""  # base64
    crc32c: str = ""  # base64
    sha256: str = ""  # hex
    least: int = 0  # bytes
    most: int | None = None  # bytes

    def check_length(self, length: int | None) -> None:
        """Refuse by the announced length, before any byte. Raises ApiError."""
        if length is not None:
            self.check_most(length)
            if length < self.least:
                raise ApiError(TOO_SMALL, f"Content-length {length} is below the minimum of {self.least}")

    def check_most(self, length: int) -> None:
        """Refuse as soon as it is too long. Raises ApiError."""
        if self.most is not None and length > self.most:
            raise ApiError(TOO_LARGE, f"Content-length {length} exceeds the upper bound of {self.most}")

    def check(self, incoming: Incoming) -> None:
        """Compare with what came. Raises ApiError."""
        self.check_length(incoming.size)
        for label, told, found in (
            ("MD5", self.md5, incoming.md5),
            ("CRC32C", self.crc32c, incoming.crc32c),
            ("SHA-256", self.sha256, incoming.sha256 if self.sha256 else ""),
        ):
            if told and told != found:
                text = f'Provided {label} hash "{told}" doesn\'t match calculated {label} hash "{found}".'
                raise ApiError(BAD_DIGEST, text)


@dataclass(frozen=True)
class Plan:
    """One upload as its first request describes it."""

    target: Target
    config: Mapping[str, Any]
    only: Preconditions = NONE
    expected: Expected = field(default_factory=Expected)

    def spec(self) -> dict[str, Any]:
        """As JSON values, for a session."""
        return {"config": dict(self.config), "only": asdict(self.only), "expected": asdict(self.expected)}

    @classmethod
    def from_spec(cls, target: Target, spec: Mapping[str, Any]) -> Plan:
        """The inverse of `spec`."""
        only: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in spec["only"].items()
        }
        return cls(target, spec["config"], Preconditions(**only), Expected(**spec["expected"]))


def expected_from_headers(request: Request) -> Expected:
    """Content-MD5, x-goog-hash, x-goog-content-sha256 and x-goog-content-length-range. Raises ApiError."""
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
    """Append the stream. Raises ApiError as soon as it is too long; ClientGone with all that came written."""
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
    """A whole upload in one request. Raises ApiError; a refused or broken one leaves nothing."""
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
    """Check what came and make it the object. Raises ApiError."""
    plan.expected.check(incoming)
    target = plan.target
    draft = Draft(
        target.bucket, target.name, incoming.size, incoming.md5, incoming.crc32c, incoming.path.name, plan.config
    )
    if incoming.size <= SMALL_BYTES and store.uploads == 1 and not session:
        return store.commit(incoming, draft, plan.only, session)  # a thread would cost more than all the rest
    return await asyncio.to_thread(store.commit, incoming, draft, plan.only, session)


def promised(plan: Plan, more: Expected) -> Plan:
    """The plan with checksums that came later. Raises ApiError where they are not those that came first."""
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
    least, comma, most = (part.strip() for part in text.partition(","))
    if not (comma and least.isascii() and most.isascii() and least.isdigit() and most.isdigit()):
        raise ApiError(INVALID, "Invalid value for x-goog-content-length-range: it must be MIN,MAX.")
    return int(least), int(most)
