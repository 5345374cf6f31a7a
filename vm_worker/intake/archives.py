"""List a zip's entries and check its directory before any data is read, so that hostile zips are refused early.

Checked are counts, sizes, compression ratio, names, methods and overlaps. Python's zipfile module only parses the
directory: Python 3.11.7 and 3.12.1 open bombs of overlapping entries, and a directory can claim any size.
"""

from __future__ import annotations

import io
import itertools
import lzma
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from jobs.errors import UserError
from jobs.limits import MIB, Limits
from vm_worker.intake.extents import Extent
from vm_worker.intake.files.entry_paths import EntryPath, paths_of, safe_parts
from vm_worker.intake.listing import Found, too_large, too_many
from vm_worker.intake.names import SHOWN_LENGTH, clean, shown

# The largest mean of a zip that is read; real zips need some 150. In memory an entry takes five times as much, and a
# refusal must not need 100 MB.
DIRECTORY_BYTES_PER_ENTRY = 256
CENTRAL_SIGNATURE = b"PK\x01\x02"
LOCAL_SIGNATURE = b"PK\x03\x04"
LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, ..., lengths of name and extra field
END_SIGNATURE = b"PK\x05\x06"
TAIL = 22 + 0xFFFF  # bytes: the last record and the longest comment behind it
ENCRYPTED_FLAGS = 0x2041  # bit 0: encrypted; bit 6: strongly; bit 13: the directory, too
PATCH_FLAG = 1 << 5  # the data is a difference to another file
READABLE_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Kinds of file by the upper bits of the Unix mode. Everything else is a file, or comes from a system without modes.
SPECIAL = {
    stat.S_IFLNK: "link",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
}
ONE_DISK = (0, 0xFFFF)  # the number of an entry's disk; 0xFFFF: it is in the zip64 field
OTHER_KINDS = (
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"%PDF", "a PDF"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"\xff\xd8\xff", "a single photo"),
    (b"\x89PNG", "a single picture"),
)

# The errors that zipfile and the decompressors raise for malformed input; LookupError is not documented, but occurs.
MALFORMED = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    RuntimeError,  # NotImplementedError is one
    ValueError,  # UnicodeDecodeError is one
    OverflowError,
    LookupError,
)


def refusal(error: Exception, head: bytes, has_directory: bool) -> UserError:
    """Translate a failure of zipfile, zlib, lzma or struct into the error code that tells the user what to do.

    `head` are the file's first bytes; `has_directory` says whether the record that ends a zip was found.
    """
    if isinstance(error, UserError):
        return error
    if isinstance(error, NotImplementedError):
        return UserError("unsupported_zip", "The zip needs a feature that this service does not read.")
    if isinstance(error, RuntimeError) and "password" in str(error):
        return UserError("encrypted_zip", "The zip is locked with a password.")
    if "multiple disks" in str(error):
        return _in_parts()
    if head.startswith(b"PK") or has_directory:
        return UserError("damaged_zip", "The file is a zip, but its directory cannot be read.")
    kind = next((kind for magic, kind in OTHER_KINDS if head.startswith(magic)), "something else")
    return UserError("not_a_zip", f"The file is no zip but {kind}.")


def list_zip(path: Path, limits: Limits) -> list[Found]:
    """List the zip's files and folders in its order, without unpacking anything. Raises UserError and OSError."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for, a device read for ever
        raise UserError("not_a_zip", "This is no file but a device, a pipe or a socket.")
    bytes_ = status.st_size
    if bytes_ > limits.zip_bytes:
        raise too_large(f"The zip has {bytes_ // MIB:,} MiB; {limits.zip_bytes // MIB:,} MiB are allowed.")
    with path.open("rb") as file:
        head = file.read(16).lstrip()
        file.seek(-min(bytes_, TAIL), os.SEEK_END)
        has_directory = END_SIGNATURE in file.read()  # zipfile.is_zipfile may raise what ZipFile raises
    try:
        return _list(path, limits)
    except (UserError, *MALFORMED) as error:
        raise refusal(error, head, has_directory) from error


class _Directory(io.BufferedReader):
    """A reader of the zip's file that refuses a directory too large for the memory while zipfile reads it."""

    def __init__(self, path: Path, limits: Limits) -> None:
        super().__init__(io.FileIO(path))
        self._limits = limits

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as usual, but raise UserError `too_large_zip` before zipfile can hold too many entries."""
        if size is not None and size > self._limits.zip_entries * DIRECTORY_BYTES_PER_ENTRY:
            raise too_large("The zip's directory is too long.")
        data = super().read(size)
        # Counted here, since the count in the zip's last record may be false.
        if data.count(CENTRAL_SIGNATURE) > self._limits.zip_entries:
            raise too_many(self._limits)
        return data


def _in_parts() -> UserError:
    return UserError("unsupported_zip", "The zip is one of several parts; it must be a single file.")


def _list(path: Path, limits: Limits) -> list[Found]:
    with _Directory(path, limits) as file, zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        _check_sums(infos, limits)
        for info in infos:
            _check_entry(info, limits)
        starts = _data_starts(file.fileno(), infos, archive.start_dir)
        # Only now, since a bomb's names fill memory, too.
        paths = paths_of(infos)
        return [_found(path, *entry) for entry in zip(infos, starts, paths, strict=True)]


def _found(path: Path, info: zipfile.ZipInfo, start: int, entry: EntryPath) -> Found:
    extent = None if entry.text.endswith("/") else _extent(path, info, start)
    return Found(safe_parts(entry.text), extent, entry.code_page)


def _extent(path: Path, info: zipfile.ZipInfo, start: int) -> Extent:
    return Extent(str(path), start, info.compress_size, info.file_size, info.compress_type, info.CRC)


def _check_sums(infos: list[zipfile.ZipInfo], limits: Limits) -> None:
    total = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if total > limits.zip_ratio_from_bytes and total > limits.zip_ratio * packed:
        raise UserError("unsafe_zip", f"The zip unpacks to more than {limits.zip_ratio} times its size, as bombs do.")
    if total > limits.zip_total_bytes:
        raise too_large(f"The zip unpacks to more than {limits.zip_total_bytes // MIB:,} MiB.")


def _check_entry(info: zipfile.ZipInfo, limits: Limits) -> None:
    if info.volume not in ONE_DISK:
        raise _in_parts()
    fault = _fault(info, limits)
    if fault:
        code, says = fault
        name = paths_of([info])[0].text
        raise UserError(code, f"The entry {shown(name)} {says}.", file=clean(name)[:SHOWN_LENGTH])


def _fault(info: zipfile.ZipInfo, limits: Limits) -> tuple[str, str] | None:
    """Return the error code and the rest of a sentence about the entry; None where nothing is wrong."""
    special = SPECIAL.get(stat.S_IFMT(info.external_attr >> 16))
    if special:
        return "unsafe_zip", f"is a {special}, not a file"
    if info.flag_bits & ENCRYPTED_FLAGS:
        return "encrypted_zip", "is locked with a password"
    if info.compress_type not in READABLE_METHODS or info.flag_bits & PATCH_FLAG:
        return "unsupported_zip", "is not compressed as zips usually are"
    if max(info.file_size, info.compress_size) > limits.entry_bytes:
        return "too_large_zip", f"is larger than {limits.entry_bytes // 1_000_000} MB"
    return None


def _data_starts(descriptor: int, infos: list[zipfile.ZipInfo], directory: int) -> list[int]:
    """Return the offset of each entry's data. Raises UserError where two entries share bytes."""
    starts = [_data_start(descriptor, info) for info in infos]
    spans = sorted((info.header_offset, start + info.compress_size) for info, start in zip(infos, starts, strict=True))
    if any(end > later for (_, end), (later, _) in itertools.pairwise(spans)):
        raise UserError("unsafe_zip", "Entries of the zip overlap, as in a bomb.")
    if spans and spans[-1][1] > directory:
        raise UserError("damaged_zip", "The zip's last entry runs into its directory.")
    return starts


def _data_start(descriptor: int, info: zipfile.ZipInfo) -> int:
    try:
        header = os.pread(descriptor, LOCAL_HEADER.size, info.header_offset)
    except OSError as error:  # an offset that no file can have
        raise zipfile.BadZipFile("offset") from error
    signature, name, extra = LOCAL_HEADER.unpack(header)
    if signature != LOCAL_SIGNATURE:
        raise zipfile.BadZipFile("local header")
    return int(info.header_offset + LOCAL_HEADER.size + name + extra)
