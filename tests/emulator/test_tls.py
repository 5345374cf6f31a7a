"""Tests HTTPS with the self-made certificate, and the certificate."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from infra.emulator.tls import ensure_certificate
from tests.servers import EmulatorUnderTest, credentials_of


@dataclass(frozen=True)
class Secure:
    url: str
    certificate: str


@pytest.fixture(scope="module")
def secure(emulator: EmulatorUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    data = tmp_path_factory.mktemp("secure") / "data"
    command = [sys.executable, "-m", "infra.emulator", "--port", "0", "--data", str(data), "--tls"]
    with subprocess.Popen(
        [*command, "--service-account", str(emulator.key)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        try:
            yield Secure(lines[1].split()[-1], lines[0].partition(": ")[2].strip())
        finally:
            process.terminate()


def test_the_client_speaks_https(secure: Secure, emulator: EmulatorUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", secure.certificate)
    assert secure.url.startswith("https://127.0.0.1:")
    client = storage.Client("some-project", AnonymousCredentials(), client_options={"api_endpoint": secure.url})
    blob = client.create_bucket("secure-bucket").blob("a")
    blob.upload_from_string(b"x" * 3_000_000)
    assert blob.download_as_bytes() == b"x" * 3_000_000
    link = blob.generate_signed_url(
        version="v4", expiration=60, api_access_endpoint=secure.url, credentials=credentials_of(emulator.key)
    )
    assert link.startswith("https://")
    assert requests.get(link, timeout=10).content == b"x" * 3_000_000
    begun = blob.bucket.blob("b").create_resumable_upload_session()
    assert begun.startswith(secure.url)
    assert blob.self_link.startswith(secure.url)
    client.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_certificate_is_for_the_names_of_this_machine(secure: Secure, host: str) -> None:
    url = f"{secure.url.replace('127.0.0.1', host)}/_emulator/health"
    assert requests.get(url, verify=secure.certificate, timeout=10).json() == {"status": "ok"}
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(url, verify=certifi.where(), timeout=10)  # nobody else vouches for it


def test_a_certificate_is_kept_while_it_fits(tmp_path: Path) -> None:
    first = ensure_certificate(tmp_path, ["storage.test"])
    pem = first.certificate.read_bytes()
    assert first.key.stat().st_mode & 0o777 == 0o600
    assert ensure_certificate(tmp_path, ["storage.test"]).certificate.read_bytes() == pem
    assert ensure_certificate(tmp_path, ["0.0.0.0"]).certificate.read_bytes() == pem  # noqa: S104
    other = ensure_certificate(tmp_path, ["other.test", "192.168.1.5"]).certificate.read_bytes()
    assert other != pem
    later = datetime.now(UTC) + timedelta(days=380)
    assert ensure_certificate(tmp_path, [], later).certificate.read_bytes() != other
    first.key.write_text("broken")
    ensure_certificate(tmp_path, [])
    context = ssl.create_default_context(cafile=str(first.certificate))
    context.load_cert_chain(first.certificate, first.key)  # they belong together again
