"""Tests the parts of a bucket that have requests of their own."""

from __future__ import annotations

import requests
from google.cloud import storage

from tests.servers import EmulatorUnderTest, api


def state(bucket: storage.Bucket) -> tuple[int, str, str]:
    bucket.reload()
    return bucket.metageneration, bucket.etag, bucket._properties["updated"]


def test_notifications_and_folders_are_no_change_of_the_bucket(emulator: EmulatorUnderTest) -> None:
    bucket = emulator.bucket()
    before = state(bucket)
    notification = bucket.notification("topic", topic_project="some-project")
    notification.create()
    assert state(bucket) == before
    assert [one.notification_id for one in bucket.list_notifications()] == [notification.notification_id]
    notification.delete()
    assert state(bucket) == before
    folders = api(bucket, "/managedFolders")
    assert requests.post(folders, json={"name": "f"}, timeout=10).status_code == 200
    assert state(bucket) == before
    assert requests.delete(folders + "/f", timeout=10).status_code == 204
    assert state(bucket) == before
