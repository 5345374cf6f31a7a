"""What every provider of links promises, on each way of signing that there is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from google.auth.credentials import Credentials

from infra.local.ports import EPHEMERAL
from infra.local.stack import SERVICE_ACCOUNT, Stack
from jobs.job import new_id
from jobs.settings import Settings
from jobs.storage.links import Download, Link, Links
from jobs.storage.providers import PROVIDERS, open_buckets, open_links, provider
from jobs.storage.signing import BlobSigner, IamCredentials, SignedLinks
from jobs.storage.store import Buckets

ZIP = b"PK\x05\x06" + bytes(18)  # the shortest zip


class MachineCredentials(Credentials):  # type: ignore[misc]  # google.auth is untyped
    """What a machine of Google's gives: its email reads "default" until the first refresh."""

    service_account_email = "default"

    def refresh(self, request: Any) -> None:
        self.token = "token"
        self.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
        self.service_account_email = SERVICE_ACCOUNT


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("data"), ports=EPHEMERAL, worker=False) as one:
        yield one


@pytest.fixture(params=["key file", "IAM service"])
def links(stack: Stack, request: pytest.FixtureRequest) -> Links:
    if request.param == "key file":
        return open_links(stack.settings)
    iam = IamCredentials(MachineCredentials(), stack.storage_url)
    return SignedLinks(BlobSigner(iam, stack.storage_url), stack.settings)


@pytest.fixture
def buckets(stack: Stack) -> Buckets:
    return open_buckets(stack.settings)


def _sent(link: Link, body: bytes) -> requests.Response:
    return requests.request(link.method, link.url, data=body, headers=dict(link.headers), timeout=10)


def test_an_offered_zip_arrives_in_the_datasets_bucket_once(links: Links, buckets: Buckets) -> None:
    name = f"{new_id()}.zip"
    offer = links.offer_upload(name, 1000, 60)
    assert _sent(offer.whole, ZIP).status_code == 200
    blob = buckets.datasets.get(name)
    assert blob is not None and blob.data == ZIP
    assert _sent(offer.whole, b"another").status_code == 412


def test_an_offer_in_parts_arrives_too(links: Links, buckets: Buckets) -> None:
    name = f"{new_id()}.zip"
    start = links.offer_upload(name, 1000, 60).resumable
    assert start is not None
    begun = _sent(start, b"")
    assert begun.status_code == 201
    assert requests.put(begun.headers["location"], data=ZIP, timeout=10).status_code == 200
    assert buckets.datasets.stat(name) is not None


def test_no_more_bytes_than_were_offered(links: Links, buckets: Buckets) -> None:
    name = f"{new_id()}.zip"
    assert _sent(links.offer_upload(name, 10, 60).whole, os.urandom(11)).status_code == 400
    assert buckets.datasets.stat(name) is None


@pytest.mark.parametrize("changed", ["url", "headers"])
def test_a_changed_link_is_none(links: Links, buckets: Buckets, changed: str) -> None:
    name, other = f"{new_id()}.zip", f"{new_id()}.zip"
    whole = links.offer_upload(name, 1000, 60).whole
    if changed == "url":
        link = replace(whole, url=whole.url.replace(name, other))
    else:
        link = replace(whole, headers={**whole.headers, "content-type": "text/html"})
    assert _sent(link, ZIP).status_code == 403
    assert buckets.datasets.stat(name) is None and buckets.datasets.stat(other) is None


def test_a_download_comes_as_it_was_asked_for(links: Links, buckets: Buckets) -> None:
    name = f"{new_id()}/artifacts/1/a b ä.h5"
    buckets.models.put(name, b"weights", content_type="application/x-hdf5")
    answer = requests.get(links.download(Download(name, 60, "attachment; filename=a.h5", "text/plain")), timeout=10)
    assert answer.content == b"weights"
    assert answer.headers["content-disposition"] == "attachment; filename=a.h5"
    assert answer.headers["content-type"].startswith("text/plain")


def test_all_links_begin_with_the_origin(links: Links) -> None:
    offer = links.offer_upload("a.zip", 1000, 60)
    assert offer.resumable is not None
    urls = (offer.whole.url, offer.resumable.url, links.download(Download("a", 60)))
    assert all(url.startswith(f"{links.origin}/") for url in urls)


def test_the_emulator_and_google_have_a_provider() -> None:
    for url in ("", "http://127.0.0.1:9000", "https://storage.example.org"):
        assert provider(Settings(storage_url=url)) in PROVIDERS.values()


@pytest.mark.parametrize("url", ["s3://bucket", "127.0.0.1:9000", "localhost:9000", "HTTP://upper.example.org", "://x"])
def test_an_unknown_storage_is_refused_by_the_name_of_its_setting(url: str) -> None:
    with pytest.raises(ValueError, match="MODELMAIL_STORAGE_URL"):
        open_buckets(Settings(storage_url=url))
    with pytest.raises(ValueError, match="MODELMAIL_STORAGE_URL"):
        open_links(Settings(storage_url=url))


def test_a_long_address_of_no_storage_is_told_by_its_beginning() -> None:
    with pytest.raises(ValueError, match=f"not 's3://{'x' * 35}'$"):
        provider(Settings(storage_url="s3://" + "x" * 36))


def test_a_worker_with_an_unknown_storage_does_not_start() -> None:
    env = {**os.environ, "MODELMAIL_STORAGE_URL": "s3://bucket"}
    answer = subprocess.run(
        [sys.executable, "-m", "vm_worker.main"], env=env, capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 2
    assert "MODELMAIL_STORAGE_URL" in answer.stderr and "Traceback" not in answer.stderr
