"""The table of limits, each with its unit and its reason. The documents show the same table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

MIB = 1024 * 1024
GIB = 1024 * MIB


def _row(value: int, unit: str, because: str) -> Any:
    return field(default=value, metadata={"unit": unit, "because": because})


@dataclass(frozen=True)
class Limits:
    """The limits of one installation; `MODELMAIL_LIMIT_<NAME>` overrides a row."""

    zip_bytes: int = _row(2 * GIB, "bytes", "some 700 phone photos as they are; an hour of upload at 5 Mbit/s")
    zip_entries: int = _row(50_000, "files", "the central directory is read into memory")
    zip_total_bytes: int = _row(8 * GIB, "bytes", "unpacked; bounds what decoding can take")
    entry_bytes: int = _row(50_000_000, "bytes", "one photo; a 40-megapixel PNG is smaller")
    zip_ratio: int = _row(50, "times", "photos hardly compress; a bomb does")
    zip_ratio_from_bytes: int = _row(20 * MIB, "bytes", "small zips of drawings may compress well")
    image_pixels: int = _row(
        40_000_000,
        "pixels",
        "120 MB decoded, in each decoding process; of a JPEG, four times as many",
    )
    image_memory_bytes: int = _row(
        1536 * MIB, "bytes", "one photo; a 40-megapixel progressive CMYK JPEG needs half of it"
    )
    image_seconds: int = _row(30, "seconds", "one photo; the same JPEG takes 2 s on a slow core")
    intake_minutes: int = _row(
        120, "minutes", "all photos; 50,000 from phones take an hour, huge blank ones would take a day"
    )
    classes_min: int = _row(2, "classes", "one class leaves nothing to tell apart")
    classes_max: int = _row(200, "classes", "past that a confusion matrix and its test set mean little")
    class_images_min: int = _row(10, "photos", "6 to learn from, 2 to choose by, 2 to test on")
    class_images_warn: int = _row(50, "photos", "below this the test figure is rough, and the report says so")
    box_classes_max: int = _row(200, "classes", "of boxes; past that most have too few boxes to say anything")
    box_photos_min: int = _row(10, "photos", "with labels; 6 to learn from, 2 to choose by, 2 to test on")
    boxes_min: int = _row(20, "boxes", "of all photos; fewer show a network nothing")
    photo_boxes_max: int = _row(
        2000, "boxes", "of one photo; more cannot be told from each other at the sizes that networks see"
    )
    boxes_max: int = _row(500_000, "boxes", "of all photos; 100 MB in memory")
    label_bytes: int = _row(
        64 * MIB, "bytes", "of all label files together; read into memory, where they take ten times as much"
    )
    broken_percent: int = _row(20, "percent", "more than that is no accident but a wrong export")
    minutes_default: int = _row(60, "minutes", "long enough to tune, short enough to wait for")
    minutes_min: int = _row(2, "minutes", "one small network, its head and the report")
    minutes_max: int = _row(240, "minutes", "one person must not hold the machine for a day")
    bases_max: int = _row(4, "models", "earlier ones that a job chooses among: each is fetched and compared")
    epochs_max: int = _row(40, "epochs", "heads converge by then; the best epoch is kept")
    jobs_per_address_per_day: int = _row(5, "jobs", "keeps strangers from flooding a mailbox")
    jobs_per_client_per_day: int = _row(20, "jobs", "an office behind one address still fits")
    open_jobs: int = _row(100, "jobs", "a day of one machine at 14 minutes each")
    request_bytes: int = _row(64 * 1024, "bytes", "an address and options; photos go to the bucket")
    request_seconds: int = _row(10, "seconds", "its body; a client that stops in it holds a thread of the function")
    upload_seconds: int = _row(3600, "seconds", "life of an upload link")
    download_seconds: int = _row(600, "seconds", "life of a download link; the page signs a new one each time")
    upload_wait_hours: int = _row(24, "hours", "then a job without photos expires")
    deadline_hours: int = _row(24, "hours", "from upload to a mail, whatever happens")
    model_days: int = _row(30, "days", "how long the model can be downloaded")
    takeovers_max: int = _row(10, "times", "a job that kills machines must end")
    preemptions_max: int = _row(10, "times", "a Spot machine is taken back at most daily")
    crashes_max: int = _row(3, "times", "a job that always runs out of memory must end")
    attempt_slack_minutes: int = _row(60, "minutes", "an attempt that is over its time by more than that hangs")
    sweep_seconds: int = _row(60, "seconds", "how long a mail that another worker left behind may wait")
    mail_stale_seconds: int = _row(600, "seconds", "a sender that has not marked its mail by then is dead")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Limits:
        """Return the defaults, changed by `MODELMAIL_LIMIT_<NAME>`. Raises ValueError for a value that is no number."""
        given = {}
        for row in rows():
            text = env.get(f"MODELMAIL_LIMIT_{row.name.upper()}")
            if text is not None:
                if not text.isdecimal():
                    raise ValueError(f"MODELMAIL_LIMIT_{row.name.upper()} must be a whole number, not {text!r}")
                given[row.name] = int(text)
        return cls(**given)


def rows() -> tuple[Field[int], ...]:
    """Return the table's rows: each has `name`, `default`, `metadata["unit"]` and `metadata["because"]`."""
    return fields(Limits)
