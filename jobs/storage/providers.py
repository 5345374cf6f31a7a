"""The choice of the storage by the settings: one provider for each URL scheme of `MODELMAIL_STORAGE_URL`.

A provider opens the buckets for this project's programs and makes links for clients. Today there is one: Google Cloud
Storage, or a server with its API at an http address, such as the bucket emulator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jobs.settings import Settings
from jobs.storage.links import Links
from jobs.storage.store import Buckets


@dataclass(frozen=True)
class Provider:
    """A kind of storage."""

    buckets: Callable[[Settings], Buckets]
    links: Callable[[Settings], Links]


def provider(settings: Settings) -> Provider:
    """Return the provider for the storage's URL. Raises ValueError, which names the setting, for an unknown scheme."""
    scheme = settings.storage_url.partition("://")[0]
    if scheme not in PROVIDERS or bool(scheme) != bool(settings.storage_url):
        known = ", ".join(f"{name}://" for name in PROVIDERS if name)
        raise ValueError(
            f"MODELMAIL_STORAGE_URL must be empty or begin with one of {known}, not {settings.storage_url[:40]!r}"
        )
    return PROVIDERS[scheme]


def open_buckets(settings: Settings) -> Buckets:
    """Open the three buckets of the installation. Raises ValueError as `provider` does, and without credentials."""
    return provider(settings).buckets(settings)


def open_links(settings: Settings) -> Links:
    """Return the maker of links for clients. Raises ValueError as `provider` does, OSError for a missing key file."""
    return provider(settings).links(settings)


# A provider's clients are imported when it is opened, so that an installation loads only its own.
def _google_buckets(settings: Settings) -> Buckets:
    from jobs.storage import gcs

    client = gcs.client(settings.storage_url)
    names = (settings.emails_bucket, settings.datasets_bucket, settings.models_bucket)
    return Buckets(*(gcs.GcsStore(client.bucket(name)) for name in names))


def _google_links(settings: Settings) -> Links:
    from jobs.storage import signing

    return signing.links(settings)


GOOGLE = Provider(_google_buckets, _google_links)
PROVIDERS: Mapping[str, Provider] = {"": GOOGLE, "http": GOOGLE, "https": GOOGLE}
