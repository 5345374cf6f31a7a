"""Links by which a client sends its zip to the storage, and fetches results from it, without our credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from jobs.flat import Flat


@dataclass(frozen=True)
class Link(Flat):
    """One request that a client may send."""

    method: str
    url: str
    headers: Mapping[str, str]  # to be sent exactly so


@dataclass(frozen=True)
class UploadOffer:
    """The ways in which a client may send one object."""

    whole: Link  # takes all of it as its body
    resumable: Link | None = None  # starts an upload in parts; None where the storage knows none


@dataclass(frozen=True)
class Download:
    """One object of the models bucket, and the headers that it is to be served with."""

    name: str
    seconds: int  # how long the link works
    disposition: str = ""  # Content-Disposition
    content_type: str = ""


class Links(Protocol):
    """Makes links to the objects of one installation. Each method raises Transient when there can be no link now."""

    @property
    def origin(self) -> str:
        """Scheme and host that all links begin with: pages must allow scripts and pictures from there."""
        ...

    def offer_upload(self, name: str, most_bytes: int, seconds: int) -> UploadOffer:
        """Let a zip of 1 to `most_bytes` bytes be sent to the datasets bucket under this name, once.

        The links work for so many seconds. The storage refuses a second upload with 412.
        """
        ...

    def download(self, wanted: Download) -> str:
        """Give the address of an object in the models bucket, for GET."""
        ...
