"""What a later job needs to know of a model to continue from it: the result in the manifest `base.json`."""

from __future__ import annotations

from dataclasses import dataclass

from vm_worker.as_json import AsJson, only_if_known

MANIFEST = "base.json"
SEEN = "seen.npz"  # digests of what the model and its ancestors have seen
BASE_HEAD = "base_head.npz"  # the head of its network
BASE_PARTNER = "base_partner.npz"  # the head of the other network of a pair
BASE_WEIGHTS = "base.weights.h5"  # the network's weights, without a head, where they are not the catalogue's
MEAN = "base_mean.npz"  # the mean features of what it learnt from, where they are known
PHOTOS = "photos-{}.zip"  # zips that were sent, the oldest is 1, where the user asked to keep them
# What is known of a model among several, beside why it is lost: "deleted" or "damaged".
COMPARED, NOT_COMPARED, NOTHING_TO_GIVE = "compared", "not_compared", "nothing_to_give"
BASE_FILES = (SEEN, BASE_HEAD, BASE_PARTNER, BASE_WEIGHTS, MEAN)


@dataclass(frozen=True)
class Version(AsJson):
    """A model in the chain of models that continue from each other."""

    job: str  # the first 8 characters of its job's id
    day: str  # when its job was started, ISO 8601


@dataclass(frozen=True)
class EarlierModel(AsJson):
    """A delivered model, as far as a later job continues from it. Its weights and heads are files of the manifest."""

    task: str
    network: str  # the key of its network in the catalogue
    side: int  # pixels a side of that network's pictures
    tuned: bool  # whether it has weights of its own; false: the catalogue's
    classes: tuple[str, ...]
    versions: tuple[Version, ...]  # itself, then the models that it continues from, the last one first
    partner: str | None = only_if_known()  # of a pair: the key of the other network
    partner_side: int | None = only_if_known()  # pixels a side of that network's pictures


@dataclass(frozen=True)
class OfferedRow(AsJson):
    """One of several earlier models that a job could continue from: its place among them, and why."""

    job: str  # the first 8 characters of its job's id
    rank: int  # 1: the first
    chosen: bool
    state: str  # compared | not_compared | nothing_to_give (an untuned network, its head for other classes) | why lost
    day: str  # when its job was started, ISO 8601; empty: not known
    photos: int | None  # that it learnt from; None: not known
    similarity: float | None  # of these photos and the new ones, 0..1
    score: float | None  # similarity times the logarithm of the number of photos: larger is better


def photos_name(number: int, level: str) -> str:
    """Return the name of a zip of photos; `level` is the option `classes` of the job that read it."""
    return PHOTOS.format(f"{number}-{level}" if level else number)


def level_of(name: str) -> str:
    """Return the option `classes` that a zip of photos was read by."""
    return name.removesuffix(".zip").removeprefix("photos-").partition("-")[2]


def is_photos(name: str) -> bool:
    """Return whether a file of the manifest is a zip of photos."""
    return name.startswith("photos-")
