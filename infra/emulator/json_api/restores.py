"""Read and restore, by the JSON API, objects and buckets that were deleted and are still kept."""

from __future__ import annotations

import asyncio

from infra.emulator.calls.service import Call
from infra.emulator.calls.targets import generation, target
from infra.emulator.json_api.answers import object_shown
from infra.emulator.protocol.errors import REQUIRED, ApiError, no_such_object
from infra.emulator.protocol.messages import Response
from infra.emulator.resources.preconditions import from_query
from infra.emulator.resources.rows import BucketRow, ObjectRow, Target
from infra.emulator.transfers.copies import restored


def soft_object(call: Call) -> ObjectRow:
    """Read the deleted object that a request names, with its generation. Raises ApiError."""
    _generation(call)
    index, wanted = call.service.store.index, target(call)
    row = index.soft_object(index.bucket(wanted.bucket), wanted)
    if row is None:
        raise no_such_object(wanted.bucket, wanted.name)
    from_query(call.request).check(row, reading=True)
    return row


def soft_bucket(call: Call) -> BucketRow:
    """Read the deleted bucket that a request names, with its generation. Raises ApiError."""
    return call.service.store.index.soft_bucket(call.names["bucket"], _generation(call))


async def restore_object(call: Call) -> Response:
    """Answer POST /b/{bucket}/o/{object}/restore: the object is live again, with a new generation."""
    wanted = Target(call.names["bucket"], call.names["object"], _generation(call))
    with_acl = call.request.flag("copySourceAcl")
    row = await asyncio.to_thread(restored, call.service.store, wanted, from_query(call.request), with_acl=with_acl)
    return object_shown(call, row)


def _generation(call: Call) -> int:
    found = generation(call.request.params.get("generation"))
    if found is None:
        raise ApiError(REQUIRED, "Required parameter: generation")
    return found
