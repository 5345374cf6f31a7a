"""Read the label files of an upload within bounds."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobs.errors import UserError
from jobs.limits import MIB, Limits
from vm_worker.intake.extents import DamagedEntry, Extent
from vm_worker.intake.listing import Found, too_large
from vm_worker.intake.names import clean, is_litter, shown, suffix

LARGEST = 1e6  # of a coordinate; no photo has as many pixels a side
NAME_MAX = 200  # characters of the name of a class
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # as Windows' editors and shells begin such files


@dataclass(frozen=True)
class LabelFile:
    """A file of an upload that may hold labels."""

    parts: tuple[str, ...]
    extent: Extent

    @property
    def name(self) -> str:
        """The cleaned path in the upload."""
        return clean("/".join(self.parts))

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return self.parts[-1].rpartition(".")[0]

    def read(self) -> bytes:
        """Return the content. Raises UserError `labels_unreadable` for damaged entries."""
        try:
            return self.extent.read()
        except DamagedEntry as error:
            raise self.unreadable(str(error)) from error

    def text(self) -> str:
        """Return the content as text, without a byte order mark. Raises UserError `labels_unreadable`."""
        return _decoded(self.read())

    def beginning(self, size: int) -> bytes:
        """Return the text of the first `size` bytes as UTF-8, without checking the rest. A damaged entry has none."""
        try:
            data = self.extent.beginning(size)
        except DamagedEntry:
            return b""
        return _decoded(data).encode() if data.startswith((*UTF_16, codecs.BOM_UTF8)) else data

    def json(self) -> object:
        """Return the values of a JSON file. Raises UserError `labels_unreadable`."""
        try:
            return json.loads(self.read(), parse_constant=_refuse)
        except RecursionError as error:
            raise self.unreadable("is nested too deeply") from error
        except ValueError as error:  # malformed, or not Unicode
            where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            raise self.unreadable(f"is no valid JSON{where}") from error

    def unreadable(self, why: str) -> UserError:
        """Return the error for this file; `why` is the rest of a sentence."""
        return UserError("labels_unreadable", f"The label file {shown(self.name)} {why}.", file=self.name[:80])


def _decoded(data: bytes) -> str:
    return data.decode("utf-16" if data.startswith(UTF_16) else "utf-8-sig", errors="replace")


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def class_name(value: object) -> str:
    """Return the name of a class for display, on one line and not too long; empty where it is none."""
    return clean(str(value)[:NAME_MAX]).strip() if isinstance(value, str | int | float) else ""


def label_files(found: Iterable[Found], *suffixes: str) -> list[LabelFile]:
    """Return the files with one of these suffixes, in the order of their paths; of two with one path the last."""
    files = {
        item.parts: LabelFile(item.parts, item.extent)
        for item in found
        if item.extent is not None and item.parts and suffix(item.parts[-1]) in suffixes and not is_litter(item.parts)
    }
    return [files[parts] for parts in sorted(files)]


def check_sizes(files: Sequence[LabelFile], limits: Limits) -> None:
    """Check that the files are not too large together. Raises UserError `too_large_zip`."""
    if sum(file.extent.size for file in files) > limits.label_bytes:
        raise too_large(f"The label files hold more than {limits.label_bytes // MIB} MiB.")


def numbers(value: object, count: int | None = None) -> tuple[float, ...] | None:
    """Return a list of finite numbers, or of their texts, as floats; None where it has another length than `count`."""
    if not isinstance(value, list | tuple) or count not in (None, len(value)):
        return None
    if not all(isinstance(one, int | float | str) and not isinstance(one, bool) for one in value):
        return None
    return finite(value)


def finite(values: Sequence[int | float | str]) -> tuple[float, ...] | None:
    """Return numbers or their texts as floats; None where one is no number, not finite or far too large."""
    try:
        floats = tuple(float(one) for one in values)
    except (ValueError, OverflowError):
        return None
    return floats if all(math.isfinite(one) and abs(one) <= LARGEST for one in floats) else None


def around(points: Sequence[float]) -> tuple[float, float, float, float]:
    """Return the box around points that are given as x1, y1, x2, y2, ..."""
    return min(points[::2]), min(points[1::2]), max(points[::2]), max(points[1::2])
