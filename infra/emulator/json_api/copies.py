"""Copies in the JSON API: rewriteTo, copyTo, moveTo and compose."""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import dataclass

from infra.emulator.calls.service import Call
from infra.emulator.calls.targets import generation
from infra.emulator.json_api.answers import object_shown, resource_of, rights_given
from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.messages import Response, json_response
from infra.emulator.protocol.numbers import whole_number
from infra.emulator.resources.encryption import FIELD, key_field, key_hash
from infra.emulator.resources.objects import checked_object_name, object_config
from infra.emulator.resources.preconditions import from_object, from_query, source_from_query
from infra.emulator.resources.reading import child
from infra.emulator.resources.rows import ObjectRow, Target
from infra.emulator.transfers.copies import Source, carried, compose, copy, found
from infra.emulator.transfers.uploads import Plan
from jobs.json_values import Json, JsonObject

_MIB = 1024 * 1024


async def rewrite_object(call: Call) -> Response:
    """Answer POST /b/{bucket}/o/{object}/rewriteTo/b/{to_bucket}/o/{to_object}: one call, or several with a token."""
    source, plan, row = await _copying(call)
    step = _step(call, row, plan)
    if step.done < row.size:
        return _rewritten(step.done, row.size, rewriteToken=step.token)
    new = await asyncio.to_thread(copy, call.service.store, source, plan)
    return _rewritten(new.size, new.size, resource=resource_of(call, new))


async def copy_object(call: Call) -> Response:
    """Answer POST /b/{bucket}/o/{object}/copyTo/b/{to_bucket}/o/{to_object}."""
    source, plan, _ = await _copying(call)
    return object_shown(call, await asyncio.to_thread(copy, call.service.store, source, plan))


async def move_object(call: Call) -> Response:
    """Answer POST /b/{bucket}/o/{object}/moveTo/o/{to_object}: a new name, atomically."""
    source = _source(call)
    target = Target(call.names["bucket"], checked_object_name(call.names["to_object"]))
    only = from_query(call.request)
    return object_shown(
        call, await asyncio.to_thread(call.service.store.move, source.target, source.only, target, only)
    )


async def compose_object(call: Call) -> Response:
    """Answer POST /b/{bucket}/o/{object}/compose."""
    asked = await call.request.json()
    key = key_hash(call.request)
    sources = [_component(call.names["bucket"], item, key) for item in _list(asked.get("sourceObjects"))]
    config = object_config(child(asked, "destination")) | _added(call)
    target = Target(call.names["bucket"], checked_object_name(call.names["object"]))
    row = await compose(call.service.store, sources, Plan(target, config, from_query(call.request)))
    if asked.get("deleteSourceObjects") is True:
        for source in sources:
            if source.target.name != target.name:
                await asyncio.to_thread(call.service.store.delete, source.target, source.only)
    return object_shown(call, row)


async def _copying(call: Call) -> tuple[Source, Plan, ObjectRow]:
    source = _source(call)
    given = object_config(await call.request.json())
    row = await asyncio.to_thread(found, call.service.store, source)
    target = Target(call.names["to_bucket"], checked_object_name(call.names["to_object"]))
    config = carried(row, given) | _added(call)
    return source, Plan(target, config, from_query(call.request)), row


def _source(call: Call) -> Source:
    number = generation(call.request.params.get("sourceGeneration"))
    target = Target(call.names["bucket"], call.names["object"], number)
    return Source(target, source_from_query(call.request), key_hash(call.request, source=True))


def _added(call: Call) -> dict[str, Json]:
    """Make the fields of the new object that headers and parameters set."""
    name = call.request.params.get("destinationKmsKeyName") or call.request.params.get("kmsKeyName")
    kms: JsonObject = {"kmsKeyName": f"{name}/cryptoKeyVersions/1"} if name else {}
    return {**key_field(call.request), **kms, **rights_given(call, "destinationPredefinedAcl")}


def _component(bucket: str, item: Json, key: str) -> Source:
    if not isinstance(item, dict) or not item.get("name"):
        raise ApiError(INVALID, "Each of sourceObjects must have a name.")
    only = from_object(child(item, "objectPreconditions"))
    return Source(Target(bucket, str(item["name"]), generation(item.get("generation"))), only, key)


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list) or not value:
        raise ApiError(INVALID, "You must provide at least one source component.")
    return value


@dataclass(frozen=True)
class _Step:
    done: int  # bytes that are rewritten after this call
    token: str


def _step(call: Call, row: ObjectRow, plan: Plan) -> _Step:
    """Return the progress of this call: to the end, unless the client sets a limit and the content must change."""
    text = call.request.params.get("maxBytesRewrittenPerCall", "")
    token = call.request.params.get("rewriteToken", "")
    before = _read_token(token, row, plan) if token else 0
    if not text:
        return _Step(row.size, "")
    most = whole_number(text)
    if not most or most % _MIB:
        raise ApiError(INVALID, "maxBytesRewrittenPerCall must be a positive multiple of 1 MiB.")
    differs = any(row.config.get(key) != plan.config.get(key) for key in ("storageClass", FIELD))
    done = min(row.size, before + most) if differs else row.size
    return _Step(done, _token(done, row, plan))


def _token(done: int, row: ObjectRow, plan: Plan) -> str:
    text = f"{done}/{row.generation}/{plan.target.bucket}/{plan.target.name}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_token(token: str, row: ObjectRow, plan: Plan) -> int:
    try:
        text = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    done = whole_number(text.partition("/")[0])
    if done is None or _token(done, row, plan) != token:
        raise ApiError(INVALID, "The rewrite token is not of this rewrite.")
    return done


def _rewritten(done: int, size: int, **more: Json) -> Response:
    """Make the answer; `more` is the token of an unfinished rewrite, or the resource of a finished one."""
    answer = {"kind": "storage#rewriteResponse", "totalBytesRewritten": str(done), "objectSize": str(size)}
    return json_response({**answer, "done": "resource" in more, **more})
