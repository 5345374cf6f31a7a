"""Links with which a client sends its zip to the storage, and fetches results, without credentials of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from jobs.flat import Flat


@dataclass(frozen=True)
class Link(Flat):
    """A request that a client may send."""

    method: str
    url: str
    headers: Mapping[str, str]  # must be sent unchanged


@dataclass(frozen=True)
class UploadOffer:
    """The ways in which a client may send one object."""

    whole: Link  # a request with the whole content as its body
    resumable: Link | None = None  # starts an upload in parts; None: the storage offers none


@dataclass(frozen=True)
class Download:
    """An object of the models bucket, and the headers of the answer that sends it."""

    name: str
    seconds: int  # lifetime of the link
    disposition: str = ""  # value of Content-Disposition; empty: none
    content_type: str = ""


class Links(Protocol):
    """A maker of links to the objects of one installation. Each method raises Transient when it cannot make one now."""

    @property
    def origin(self) -> str:
        """The scheme and host of all links. Pages must allow scripts and pictures from there."""
        ...

    def offer_upload(self, name: str, most_bytes: int, seconds: int) -> UploadOffer:
        """Allow one upload of a zip of 1 to `most_bytes` bytes to the datasets bucket under this name.

        The links work for `seconds`. The storage refuses a second upload with 412.
        """
        ...

    def download(self, wanted: Download) -> str:
        """Return the address of an object in the models bucket, for GET."""
        ...
