"""HMAC keys in the JSON API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from infra.emulator.calls.service import Call
from infra.emulator.protocol.errors import NO_SUCH_HMAC_KEY, REQUIRED, ApiError
from infra.emulator.protocol.messages import Response, json_response
from infra.emulator.resources.hmac_keys import DELETED, HmacKey, check_deletable, checked_state, new_key
from infra.emulator.store.listing import page_size
from jobs.json_values import Json


async def create_key(call: Call) -> Response:
    """Answer POST /projects/{project}/hmacKeys: the only answer that has the secret."""
    email = call.request.params.get("serviceAccountEmail", "")
    if not email:
        raise ApiError(REQUIRED, "Required parameter: serviceAccountEmail")
    index = call.service.store.index
    key = new_key(call.names["project"], email, index.clock.text())
    await asyncio.to_thread(index.save_hmac_key, key)
    return json_response({"kind": "storage#hmacKey", "metadata": key.to_json(call.base), "secret": key.secret})


async def list_keys(call: Call) -> Response:
    """Answer GET /projects/{project}/hmacKeys: `serviceAccountEmail`, `showDeletedKeys`, `maxResults`, `pageToken`."""
    params, count = call.request.params, page_size(call.request.params.get("maxResults", ""))
    email, after = params.get("serviceAccountEmail", ""), params.get("pageToken", "")
    deleted = call.request.flag("showDeletedKeys")
    found = [
        key for key in call.service.store.index.hmac_keys(call.names["project"])
        if key.access_id > after and email in ("", key.email) and (deleted or key.state != DELETED)
    ]  # fmt: skip
    page = found[:count]
    answer: dict[str, Json] = {"kind": "storage#hmacKeysMetadata"}
    if len(found) > len(page):
        answer["nextPageToken"] = page[-1].access_id
    if page:
        answer["items"] = [key.to_json(call.base) for key in page]
    return json_response(answer)


async def get_key(call: Call) -> Response:
    """Answer GET /projects/{project}/hmacKeys/{access_id}."""
    key = call.service.store.index.hmac_key(call.names["access_id"])
    if key is None or key.project != call.names["project"]:
        raise ApiError(NO_SUCH_HMAC_KEY)
    return json_response(key.to_json(call.base))


async def update_key(call: Call) -> Response:
    """Answer PUT /projects/{project}/hmacKeys/{access_id}: makes a key active or inactive."""
    asked = await call.request.json()

    def change(key: HmacKey) -> HmacKey:
        return replace(key, state=checked_state(key, asked.get("state"), asked.get("etag")))

    return json_response((await _changed(call, change)).to_json(call.base))


async def delete_key(call: Call) -> Response:
    """Answer DELETE /projects/{project}/hmacKeys/{access_id}."""

    def change(key: HmacKey) -> HmacKey:
        check_deletable(key)
        return replace(key, state=DELETED)

    await _changed(call, change)
    return Response(204)


async def _changed(call: Call, change: Callable[[HmacKey], HmacKey]) -> HmacKey:
    """Change the key that the path names. Raises ApiError."""
    index = call.service.store.index

    def next_revision(key: HmacKey) -> HmacKey:
        if key.project != call.names["project"]:
            raise ApiError(NO_SUCH_HMAC_KEY)
        return replace(change(key), updated=index.clock.text(), revision=key.revision + 1)

    return await asyncio.to_thread(index.change_hmac_key, call.names["access_id"], next_revision)
