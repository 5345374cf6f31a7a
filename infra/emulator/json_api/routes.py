"""The routes of the JSON API: a table from path template and method to handler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from infra.emulator.calls.service import Call, Handler
from infra.emulator.json_api import (
    access,
    accounts,
    bucket_parts,
    buckets,
    copies,
    folders,
    hmac_keys,
    objects,
    restores,
    uploads,
)
from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.messages import Response, json_response

Handlers = Mapping[str, Handler]
BATCH = ("/batch/storage/v1", "/batch")
ROOTS = frozenset(
    ("b", "batch", "storage", "upload", "resumable", "download", "v1", "_emulator", "projects", "token", "oauth2")
)
_ONLY_JSON = ("/b/", "/storage/v1/", "/v1/", "/_emulator/")


async def _health(call: Call) -> Response:
    return json_response({"status": "ok"})


_STORAGE: Mapping[str, Handlers] = {
    "b": {"GET": buckets.list_buckets, "POST": buckets.insert_bucket},
    "b/{bucket}": {
        "GET": buckets.get_bucket, "PATCH": buckets.patch_bucket,
        "PUT": buckets.update_bucket, "DELETE": buckets.delete_bucket,
    },
    "b/{bucket}/o": {"GET": objects.list_objects},
    "b/{bucket}/o/{object}": {
        "GET": objects.get_object, "PATCH": objects.patch_object,
        "PUT": objects.update_object, "DELETE": objects.delete_object,
    },
    "b/{bucket}/o/{object}/rewriteTo/b/{to_bucket}/o/{to_object}": {"POST": copies.rewrite_object},
    "b/{bucket}/o/{object}/copyTo/b/{to_bucket}/o/{to_object}": {"POST": copies.copy_object},
    "b/{bucket}/o/{object}/moveTo/o/{to_object}": {"POST": copies.move_object},
    "b/{bucket}/o/{object}/restore": {"POST": restores.restore_object},
    "b/{bucket}/restore": {"POST": buckets.restore_bucket},
    "b/{bucket}/o/{object}/compose": {"POST": copies.compose_object},
    "b/{bucket}/iam": {"GET": access.get_policy, "PUT": access.set_policy},
    "b/{bucket}/iam/testPermissions": {"GET": access.test_permissions},
    "b/{bucket}/o/{object}/iam/testPermissions": {"GET": access.test_permissions},
    "b/{bucket}/acl": {"GET": access.list_acl, "POST": access.insert_acl},
    "b/{bucket}/acl/{entity}": access.ONE_ENTITY,
    "b/{bucket}/defaultObjectAcl": {"GET": access.list_acl, "POST": access.insert_acl},
    "b/{bucket}/defaultObjectAcl/{entity}": access.ONE_ENTITY,
    "b/{bucket}/o/{object}/acl": {"GET": access.list_acl, "POST": access.insert_acl},
    "b/{bucket}/o/{object}/acl/{entity}": access.ONE_ENTITY,
    "b/{bucket}/storageLayout": {"GET": bucket_parts.storage_layout},
    "b/{bucket}/lockRetentionPolicy": {"POST": bucket_parts.lock_retention},
    "b/{bucket}/notificationConfigs": {
        "GET": bucket_parts.list_notifications, "POST": bucket_parts.insert_notification,
    },
    "b/{bucket}/notificationConfigs/{id}": {
        "GET": bucket_parts.get_notification, "DELETE": bucket_parts.delete_notification,
    },
    "b/{bucket}/managedFolders": {"GET": folders.list_folders, "POST": folders.insert_folder},
    "b/{bucket}/managedFolders/{folder}": {"GET": folders.get_folder, "DELETE": folders.delete_folder},
    "b/{bucket}/folders": {"GET": folders.list_no_folders},
    "projects/{project}/serviceAccount": {"GET": accounts.service_account},
    "projects/{project}/hmacKeys": {"GET": hmac_keys.list_keys, "POST": hmac_keys.create_key},
    "projects/{project}/hmacKeys/{access_id}": {
        "GET": hmac_keys.get_key, "PUT": hmac_keys.update_key, "DELETE": hmac_keys.delete_key,
    },
}  # fmt: skip
_TABLE: Mapping[str, Handlers] = {
    **{prefix + path: handlers for path, handlers in _STORAGE.items() for prefix in ("", "storage/v1/")},
    **{
        f"{upload}/{prefix}b/{{bucket}}/o": {
            "POST": uploads.insert_object, "PUT": uploads.insert_object, "DELETE": uploads.cancel,
        }
        for upload in ("upload", "resumable/upload")
        for prefix in ("", "storage/v1/")
    },
    **{
        f"download/{prefix}b/{{bucket}}/o/{{object}}": {"GET": objects.get_media, "HEAD": objects.get_media}
        for prefix in ("", "storage/v1/")
    },
    "v1/projects/-/serviceAccounts/{email_and_verb}": {"POST": accounts.sign_blob},
    "token": {"POST": accounts.token},
    "oauth2/v4/token": {"POST": accounts.token},
    "_emulator/health": {"GET": _health},
}  # fmt: skip


@dataclass(frozen=True)
class Route:
    """A path of the API, such as `b/{bucket}/o`, and the handlers of its methods."""

    template: str
    handlers: Handlers


def _by_length() -> dict[int, list[tuple[list[str], Route]]]:
    found: dict[int, list[tuple[list[str], Route]]] = {}
    for template, handlers in _TABLE.items():
        parts = template.split("/")
        found.setdefault(len(parts), []).append((parts, Route(template, handlers)))
    return found


_TEMPLATES = _by_length()


def find(raw_path: str) -> tuple[Route, dict[str, str]] | None:
    """Find the route of a path, and the names in it; both path and names as they were sent."""
    parts = raw_path.strip("/").split("/")
    for template, route in _TEMPLATES.get(len(parts), ()):
        if all(fixed == part or (fixed[0] == "{" and part) for fixed, part in zip(template, parts, strict=True)):
            return route, {fixed[1:-1]: part for fixed, part in zip(template, parts, strict=True) if fixed[0] == "{"}
    return None


def is_json(method: str, raw_path: str) -> bool:
    """Tell whether a request is of the JSON API.

    Paths of both APIs may begin with the same word, because a bucket may be called `upload` or `batch`.
    """
    if raw_path == "/b" or raw_path.startswith(_ONLY_JSON):
        return True
    if raw_path in BATCH:
        return method == "POST"
    found = find(raw_path)
    return found is not None and (method in found[0].handlers or method == "OPTIONS")


def decoded(part: str) -> str:
    """Decode the percent signs in a part of a path. Raises ApiError if it is not UTF-8."""
    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise ApiError(INVALID, "The path is not UTF-8.") from None
