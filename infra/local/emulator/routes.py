"""The JSON API's table: path template and method -> handler."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from infra.local.emulator import (
    iam,
    json_access,
    json_bucket_parts,
    json_buckets,
    json_copies,
    json_folders,
    json_objects,
    json_uploads,
)
from infra.local.emulator.errors import INVALID, ApiError
from infra.local.emulator.http import Response, json_response
from infra.local.emulator.service import Call, Handler

Handlers = Mapping[str, Handler]


async def _health(call: Call) -> Response:
    return json_response({"status": "ok"})


_STORAGE: Mapping[str, Handlers] = {
    "b": {"GET": json_buckets.list_buckets, "POST": json_buckets.insert_bucket},
    "b/{bucket}": {
        "GET": json_buckets.get_bucket, "PATCH": json_buckets.patch_bucket,
        "PUT": json_buckets.update_bucket, "DELETE": json_buckets.delete_bucket,
    },
    "b/{bucket}/o": {"GET": json_objects.list_objects},
    "b/{bucket}/o/{object}": {
        "GET": json_objects.get_object, "PATCH": json_objects.patch_object,
        "PUT": json_objects.update_object, "DELETE": json_objects.delete_object,
    },
    "b/{bucket}/o/{object}/rewriteTo/b/{to_bucket}/o/{to_object}": {"POST": json_copies.rewrite_object},
    "b/{bucket}/o/{object}/copyTo/b/{to_bucket}/o/{to_object}": {"POST": json_copies.copy_object},
    "b/{bucket}/o/{object}/moveTo/o/{to_object}": {"POST": json_copies.move_object},
    "b/{bucket}/o/{object}/compose": {"POST": json_copies.compose_object},
    "b/{bucket}/iam": {"GET": json_access.get_policy, "PUT": json_access.set_policy},
    "b/{bucket}/iam/testPermissions": {"GET": json_access.test_permissions},
    "b/{bucket}/o/{object}/iam/testPermissions": {"GET": json_access.test_permissions},
    "b/{bucket}/acl": {"GET": json_access.list_acl, "POST": json_access.insert_acl},
    "b/{bucket}/acl/{entity}": json_access.ONE_ENTITY,
    "b/{bucket}/defaultObjectAcl": {"GET": json_access.list_acl, "POST": json_access.insert_acl},
    "b/{bucket}/defaultObjectAcl/{entity}": json_access.ONE_ENTITY,
    "b/{bucket}/o/{object}/acl": {"GET": json_access.list_acl, "POST": json_access.insert_acl},
    "b/{bucket}/o/{object}/acl/{entity}": json_access.ONE_ENTITY,
    "b/{bucket}/storageLayout": {"GET": json_bucket_parts.storage_layout},
    "b/{bucket}/lockRetentionPolicy": {"POST": json_bucket_parts.lock_retention},
    "b/{bucket}/notificationConfigs": {
        "GET": json_bucket_parts.list_notifications, "POST": json_bucket_parts.insert_notification,
    },
    "b/{bucket}/notificationConfigs/{id}": {
        "GET": json_bucket_parts.get_notification, "DELETE": json_bucket_parts.delete_notification,
    },
    "b/{bucket}/managedFolders": {"GET": json_folders.list_folders, "POST": json_folders.insert_folder},
    "b/{bucket}/managedFolders/{folder}": {"GET": json_folders.get_folder, "DELETE": json_folders.delete_folder},
    "b/{bucket}/folders": {"GET": json_folders.list_no_folders},
    "projects/{project}/serviceAccount": {"GET": iam.service_account},
}  # fmt: skip
_TABLE: Mapping[str, Handlers] = {
    **{prefix + path: handlers for path, handlers in _STORAGE.items() for prefix in ("", "storage/v1/")},
    **{
        f"{upload}/{prefix}b/{{bucket}}/o": {
            "POST": json_uploads.insert_object, "PUT": json_uploads.insert_object, "DELETE": json_uploads.cancel,
        }
        for upload in ("upload", "resumable/upload")
        for prefix in ("", "storage/v1/")
    },
    **{
        f"download/{prefix}b/{{bucket}}/o/{{object}}": {"GET": json_objects.get_media, "HEAD": json_objects.get_media}
        for prefix in ("", "storage/v1/")
    },
    "v1/projects/-/serviceAccounts/{email_and_verb}": {"POST": iam.sign_blob},
    "token": {"POST": iam.token},
    "_emulator/health": {"GET": _health},
}  # fmt: skip


def _by_length() -> dict[int, list[tuple[list[str], Handlers]]]:
    found: dict[int, list[tuple[list[str], Handlers]]] = {}
    for template, handlers in _TABLE.items():
        parts = template.split("/")
        found.setdefault(len(parts), []).append((parts, handlers))
    return found


_TEMPLATES = _by_length()


def find(raw_path: str) -> tuple[Handlers, dict[str, str]] | None:
    """The handlers of a path as it was sent, and the names in it, decoded. Raises ApiError if not UTF-8."""
    parts = raw_path.strip("/").split("/")
    for template, handlers in _TEMPLATES.get(len(parts), ()):
        if all(fixed == part or (fixed[0] == "{" and part) for fixed, part in zip(template, parts, strict=True)):
            return handlers, {
                fixed[1:-1]: decoded(part) for fixed, part in zip(template, parts, strict=True) if fixed[0] == "{"
            }
    return None


def decoded(part: str) -> str:
    """A part of a path without its percent signs. Raises ApiError where it is not UTF-8."""
    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise ApiError(INVALID, "The path is not UTF-8.") from None
