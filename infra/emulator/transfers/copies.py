"""Copies and compositions: a copy shares the file of its source, a composed object has a file of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from infra.emulator.protocol.errors import INVALID, ApiError, no_such_object
from infra.emulator.resources.encryption import check_key
from infra.emulator.resources.preconditions import NONE, Preconditions
from infra.emulator.resources.rows import Draft, ObjectRow, Target
from infra.emulator.resources.soft_delete import unmarked
from infra.emulator.store.store import Store
from infra.emulator.transfers.uploads import Plan, fill
from jobs.json_values import Json, JsonObject

MAX_SOURCES = 32  # the limit of Cloud Storage
_TRIES = 10  # a source may be replaced between the reading of its row and of its content
_PIECE_BYTES = 1024 * 1024
_NOT_COPIED = frozenset((
    "acl", "customerEncryption", "eventBasedHold", "kmsKeyName", "retention", "retentionExpirationTime",
    "temporaryHold", "timeDeleted",
))  # fmt: skip


@dataclass(frozen=True)
class Source:
    """An object to copy from; `key` is the hash of the customer's key with which it is read."""

    target: Target
    only: Preconditions = NONE
    key: str = ""


def found(store: Store, source: Source) -> ObjectRow:
    """Get the row of the source. Raises ApiError 304, 400, 404, 412."""
    row = store.get(source.target, source.only)
    check_key(row, source.key)
    return row


def copy(store: Store, source: Source, plan: Plan) -> ObjectRow:
    """Make the planned object with the content of the source. Blocks. Raises ApiError."""
    for _ in range(_TRIES):
        row = found(store, source)
        config = dict(plan.config)
        if row.component_count is not None:
            config["componentCount"] = row.component_count
        draft = Draft(plan.target.bucket, plan.target.name, row.size, row.md5, row.crc32c, "", config)
        try:
            draft = store.share(draft, row)
        except FileNotFoundError:
            continue  # replaced meanwhile
        return store.put(draft, plan.only)
    raise ApiError(INVALID, "The source changes too fast to be copied.")


def restored(store: Store, target: Target, only: Preconditions, *, with_acl: bool) -> ObjectRow:
    """Make a deleted object live again, as a new generation. Blocks. Raises ApiError."""
    row = store.index.soft_object(store.index.bucket(target.bucket), target)
    if row is None:
        raise no_such_object(target.bucket, target.name)
    config = {key: value for key, value in unmarked(row.config).items() if with_acl or key != "acl"}
    try:
        draft = store.share(Draft(row.bucket, row.name, row.size, row.md5, row.crc32c, "", config), row)
    except FileNotFoundError:
        raise no_such_object(target.bucket, target.name) from None  # its time has come meanwhile
    return store.put(draft, only)


async def compose(store: Store, sources: Sequence[Source], plan: Plan) -> ObjectRow:
    """Make the planned object with the contents of all sources, one after the other. Raises ApiError."""
    if not 1 <= len(sources) <= MAX_SOURCES:
        text = f"The number of source components provided ({len(sources)}) must be from 1 to {MAX_SOURCES}."
        raise ApiError(INVALID, text)
    store.check(plan.target, plan.only)
    opened = [store.open(source.target, source.only) for source in sources]
    incoming = store.files.begin()
    try:
        for (row, _), source in zip(opened, sources, strict=True):
            check_key(row, source.key)
        await fill(incoming, _joined([file for _, file in opened]), plan.expected)
        count = sum(1 if row.component_count is None else row.component_count for row, _ in opened)
        draft = Draft(
            plan.target.bucket, plan.target.name, incoming.size, "", incoming.crc32c, incoming.path.name,
            {**plan.config, "componentCount": count},
        )  # fmt: skip
        return await asyncio.to_thread(store.commit, incoming, draft, plan.only)
    except BaseException:
        incoming.drop()
        raise
    finally:
        for _, file in opened:
            file.close()


def carried(row: ObjectRow, given: JsonObject | None = None) -> dict[str, Json]:
    """Make the config of a copy: that of the request, or else that of the source without holds and rights."""
    if given:
        return dict(given)
    return {key: value for key, value in row.config.items() if key not in _NOT_COPIED}


async def _joined(files: Sequence[BinaryIO]) -> AsyncIterator[bytes]:
    for file in files:
        while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
            yield piece
