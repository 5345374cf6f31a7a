"""Managed folders in the JSON API: only their names are kept, which is enough for tools that list them."""

from __future__ import annotations

import asyncio

from infra.emulator.calls.service import Call
from infra.emulator.protocol.errors import FOLDER_EXISTS, NO_SUCH_FOLDER, REQUIRED, ApiError
from infra.emulator.protocol.messages import Response, json_response
from infra.emulator.resources.reading import child
from infra.emulator.resources.rows import BucketRow
from jobs.json_values import JsonObject

_FOLDERS = "_managedFolders"  # key of the folders in a bucket's config: name -> creation time


async def list_folders(call: Call) -> Response:
    """Answer GET /b/{bucket}/managedFolders: `prefix`."""
    bucket = call.service.store.index.bucket(call.names["bucket"])
    prefix = call.request.params.get("prefix", "")
    items = [_shown(bucket.name, *item) for item in sorted(_held(bucket).items()) if item[0].startswith(prefix)]
    return json_response({"kind": "storage#managedFolders", **({"items": items} if items else {})})


async def list_no_folders(call: Call) -> Response:
    """Answer GET /b/{bucket}/folders: always none, because hierarchical buckets are not emulated."""
    call.service.store.index.bucket(call.names["bucket"])
    return json_response({"kind": "storage#folders"})


async def insert_folder(call: Call) -> Response:
    """Answer POST /b/{bucket}/managedFolders."""
    name = (await call.request.json()).get("name")
    if not isinstance(name, str) or not name.strip("/"):
        raise ApiError(REQUIRED, "Required: name")
    name, index = name.rstrip("/") + "/", call.service.store.index
    now = index.clock.text()

    def change(config: JsonObject) -> JsonObject:
        if name in child(config, _FOLDERS):
            raise ApiError(FOLDER_EXISTS)
        return {**config, _FOLDERS: {**child(config, _FOLDERS), name: now}}

    bucket = await asyncio.to_thread(index.annotate_bucket, call.names["bucket"], change)
    return json_response(_shown(bucket.name, name, now))


async def get_folder(call: Call) -> Response:
    """Answer GET /b/{bucket}/managedFolders/{folder}."""
    bucket = call.service.store.index.bucket(call.names["bucket"])
    name = call.names["folder"].rstrip("/") + "/"
    if name not in _held(bucket):
        raise ApiError(NO_SUCH_FOLDER)
    return json_response(_shown(bucket.name, name, _held(bucket)[name]))


async def delete_folder(call: Call) -> Response:
    """Answer DELETE /b/{bucket}/managedFolders/{folder}."""
    name = call.names["folder"].rstrip("/") + "/"

    def change(config: JsonObject) -> JsonObject:
        held = dict(child(config, _FOLDERS))
        if held.pop(name, None) is None:
            raise ApiError(NO_SUCH_FOLDER)
        return {**config, _FOLDERS: held}

    await asyncio.to_thread(call.service.store.index.annotate_bucket, call.names["bucket"], change)
    return Response(204)


def folders_below(bucket: BucketRow, prefix: str) -> set[str]:
    """Get the common prefixes that managed folders add to a listing with the delimiter `/`."""
    found = [name for name in _held(bucket) if name.startswith(prefix) and name != prefix]
    return {name[: name.index("/", len(prefix)) + 1] for name in found}


def _held(bucket: BucketRow) -> dict[str, str]:
    """Read the names and creation times of a bucket's folders."""
    return {name: str(created) for name, created in child(bucket.config, _FOLDERS).items()}


def _shown(bucket: str, name: str, created: str) -> JsonObject:
    return {
        "kind": "storage#managedFolder", "id": f"{bucket}/{name}", "bucket": bucket, "name": name,
        "metageneration": "1", "createTime": created, "updateTime": created,
    }  # fmt: skip
