"""The IAM credentials API: signBlob with the keys that the emulator was given."""

from __future__ import annotations

import asyncio
import base64
import binascii

from infra.local.emulator.errors import INVALID, NO_SUCH_ACCOUNT, ApiError
from infra.local.emulator.http import Response, json_response
from infra.local.emulator.service import Call


async def sign_blob(call: Call) -> Response:
    """POST /v1/projects/-/serviceAccounts/{email}:signBlob with `{"payload": base64}`."""
    key = next((key for key in call.service.keys if key.email == call.names["email"]), None)
    if key is None:
        raise ApiError(NO_SUCH_ACCOUNT)
    payload = (await call.request.json()).get("payload")
    try:
        message = base64.b64decode(payload, validate=True) if isinstance(payload, str) else b""
    except binascii.Error:
        message = b""
    if not message:
        raise ApiError(INVALID, "payload must be base64.")
    signed = await asyncio.to_thread(key.sign, message)
    return json_response({"keyId": key.key_id, "signedBlob": base64.b64encode(signed).decode()})
