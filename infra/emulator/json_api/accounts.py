"""Service accounts: signBlob with the emulator's keys, access tokens, and the account of a project."""

from __future__ import annotations

import asyncio
import base64
import binascii

from infra.emulator.calls.service import Call
from infra.emulator.protocol.errors import INVALID, NO_SUCH_ACCOUNT, NO_SUCH_ROUTE, ApiError
from infra.emulator.protocol.messages import Response, json_response


async def sign_blob(call: Call) -> Response:
    """Answer POST /v1/projects/-/serviceAccounts/{email}:signBlob with `{"payload": base64}`."""
    email, _, verb = call.names["email_and_verb"].rpartition(":")
    if verb != "signBlob":
        raise ApiError(NO_SUCH_ROUTE)
    key = next((key for key in call.service.keys if key.email == email), None)
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


async def token(call: Call) -> Response:
    """Answer POST /token: a token for clients that need one before their first call; it gives no rights."""
    await call.request.body()
    return json_response({"access_token": "local", "token_type": "Bearer", "expires_in": 3600})


async def service_account(call: Call) -> Response:
    """Answer GET /projects/{project}/serviceAccount."""
    return json_response({"kind": "storage#serviceAccount", "email_address": call.service.owner})
