"""The names of the API's methods, such as `storage.objects.get`, by which conformance suites order faults."""

from __future__ import annotations

from collections.abc import Mapping

from infra.emulator.json_api import routes

_BUCKET, _OBJECT = "b/{bucket}", "b/{bucket}/o/{object}"
_OF_LIST = {"GET": "list", "POST": "insert"}
_OF_ONE = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_UPLOAD = {"POST": "storage.objects.insert", "PUT": "storage.objects.insert"}


def _named(collection: str, verbs: Mapping[str, str]) -> Mapping[str, str]:
    return {method: f"storage.{collection}.{verb}" for method, verb in verbs.items()}


def _entries(path: str, collection: str) -> Mapping[str, Mapping[str, str]]:
    return {path: _named(collection, _OF_LIST), f"{path}/{{entity}}": _named(collection, _OF_ONE)}


_METHODS: Mapping[str, Mapping[str, str]] = {
    "b": _named("buckets", _OF_LIST),
    _BUCKET: _named("buckets", _OF_ONE),
    f"{_BUCKET}/restore": {"POST": "storage.buckets.restore"},
    f"{_BUCKET}/iam": {"GET": "storage.buckets.getIamPolicy", "PUT": "storage.buckets.setIamPolicy"},
    f"{_BUCKET}/iam/testPermissions": {"GET": "storage.buckets.testIamPermissions"},
    f"{_BUCKET}/lockRetentionPolicy": {"POST": "storage.buckets.lockRetentionPolicy"},
    **_entries(f"{_BUCKET}/acl", "bucket_acl"),
    **_entries(f"{_BUCKET}/defaultObjectAcl", "default_object_acl"),
    **_entries(f"{_OBJECT}/acl", "object_acl"),
    f"{_BUCKET}/notificationConfigs": _named("notifications", _OF_LIST),
    f"{_BUCKET}/notificationConfigs/{{id}}": _named("notifications", {"GET": "get", "DELETE": "delete"}),
    f"{_BUCKET}/o": {"GET": "storage.objects.list", **_UPLOAD},
    _OBJECT: _named("objects", _OF_ONE),
    f"{_OBJECT}/compose": {"POST": "storage.objects.compose"},
    f"{_OBJECT}/restore": {"POST": "storage.objects.restore"},
    f"{_OBJECT}/moveTo/o/{{to_object}}": {"POST": "storage.objects.move"},
    f"{_OBJECT}/copyTo/b/{{to_bucket}}/o/{{to_object}}": {"POST": "storage.objects.copy"},
    f"{_OBJECT}/rewriteTo/b/{{to_bucket}}/o/{{to_object}}": {"POST": "storage.objects.rewrite"},
    "projects/{project}/serviceAccount": {"GET": "storage.serviceaccount.get"},
    "projects/{project}/hmacKeys": {"GET": "storage.hmacKey.list", "POST": "storage.hmacKey.create"},
    "projects/{project}/hmacKeys/{access_id}": _named("hmacKey", {"GET": "get", "PUT": "update", "DELETE": "delete"}),
}
_XML_OBJECT = {
    **_UPLOAD,
    "GET": "storage.objects.get",
    "HEAD": "storage.objects.get",
    "DELETE": "storage.objects.delete",
}
NAMES = frozenset(name for methods in _METHODS.values() for name in methods.values())


def method_named(method: str, raw_path: str) -> str:
    """Return the name of the method that a request calls; "" if it has none."""
    if routes.is_json(method, raw_path):
        found = routes.find(raw_path)
        return _METHODS.get(_tail(found[0].template), {}).get(method, "") if found else ""
    bucket, _, name = raw_path[1:].partition("/")
    return _XML_OBJECT.get(method, "") if bucket and name else ""


def _tail(template: str) -> str:
    """Remove what differs between the prefixes of the API."""
    for prefix in ("resumable/upload/", "upload/", "download/"):
        template = template.removeprefix(prefix)
    return template.removeprefix("storage/v1/")
