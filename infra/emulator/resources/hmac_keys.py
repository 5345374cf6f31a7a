"""HMAC keys of service accounts: an access ID and a secret that signs requests of the XML API."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass

from infra.emulator.protocol.errors import INVALID, NO_SUCH_HMAC_KEY, PRECONDITION, ApiError
from jobs.json_values import Json, JsonObject

ACTIVE, INACTIVE, DELETED = "ACTIVE", "INACTIVE", "DELETED"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_SECRET_BYTES = 30  # 40 characters in base64


@dataclass(frozen=True)
class HmacKey:
    """An HMAC key."""

    access_id: str
    project: str
    email: str
    secret: str
    state: str  # ACTIVE, INACTIVE or DELETED
    created: str  # RFC 3339
    updated: str  # RFC 3339
    revision: int = 1

    @property
    def etag(self) -> str:
        """Changes with every change of the key."""
        return base64.b64encode(f"{self.access_id[-8:]}/{self.revision}".encode()).decode()

    def to_json(self, base: str) -> JsonObject:
        """Make the resource, which does not have the secret; links begin with `base`."""
        return {
            "kind": "storage#hmacKeyMetadata", "id": f"{self.project}/{self.access_id}",
            "selfLink": f"{base}/storage/v1/projects/{self.project}/hmacKeys/{self.access_id}",
            "accessId": self.access_id, "projectId": self.project, "serviceAccountEmail": self.email,
            "state": self.state, "timeCreated": self.created, "updated": self.updated, "etag": self.etag,
        }  # fmt: skip


def new_key(project: str, email: str, now: str) -> HmacKey:
    """Make a key."""
    access_id = "GOOG1E" + "".join(secrets.choice(_ALPHABET) for _ in range(55))
    secret = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    return HmacKey(access_id, project, email, secret, ACTIVE, now, now)


def checked_state(key: HmacKey, state: Json, etag: Json) -> str:
    """Return the new state that an owner asks for. Raises ApiError 400, 404, 412."""
    if key.state == DELETED:
        raise ApiError(NO_SUCH_HMAC_KEY)
    if state not in (ACTIVE, INACTIVE):
        raise ApiError(INVALID, "The state of an HMAC key can be set to ACTIVE or INACTIVE.")
    if etag not in (None, "", key.etag):
        raise ApiError(PRECONDITION)
    return str(state)


def check_deletable(key: HmacKey) -> None:
    """Check that a key may be deleted. Raises ApiError 400, 404."""
    if key.state == DELETED:
        raise ApiError(NO_SUCH_HMAC_KEY)
    if key.state == ACTIVE:
        raise ApiError(INVALID, "Cannot delete an HMAC key in the state ACTIVE; make it INACTIVE first.")
