"""The directory of a zip is checked up to each limit and no further, and each refusal says what is wrong."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.errors import UserError
from jobs.limits import MIB, Limits
from tests.unit.intake.crafted import END, RawEntry, deflated, raw_zip
from vm_worker.intake.archives import DIRECTORY_BYTES_PER_ENTRY, OTHER_KINDS, list_zip, refusal
from vm_worker.intake.extents import Extent
from vm_worker.intake.listing import Found

LIMITS = Limits()
FILES = [
    RawEntry(b"cats/1.jpg", b"meow"),
    RawEntry(b"cats/2.jpg", deflated(b"purr" * 9), 8, size=36),
    RawEntry(b"d/", b""),
]


def refused(path: Path, limits: Limits = LIMITS) -> tuple[str, str]:
    with pytest.raises(UserError) as caught:
        list_zip(path, limits)
    return caught.value.code, caught.value.message


def entry(**fields: object) -> RawEntry:
    return replace(FILES[0], name=b"cats/odd.jpg", **fields)  # type: ignore[arg-type]


def test_files_and_folders_are_listed_in_their_order(tmp_path: Path) -> None:
    first, second, folder = list_zip(raw_zip(FILES, tmp_path / "a.zip"), LIMITS)
    assert first == Found(("cats", "1.jpg"), Extent(str(tmp_path / "a.zip"), 40, 4, 4, 0, zlib.crc32(b"meow")))
    assert second.parts == ("cats", "2.jpg") and second.extent is not None and second.extent.size == 36
    assert folder == Found(("d",), None)
    assert first.extent is not None and first.extent.read() == b"meow"


def test_an_extra_field_of_the_local_header_is_skipped(tmp_path: Path) -> None:
    path = raw_zip([entry(local={"extra": struct.pack("<HHL", 0x5455, 4, 0)}), *FILES], tmp_path / "a.zip")
    (extent, *_) = (one.extent for one in list_zip(path, LIMITS))
    assert extent is not None and extent.read() == b"meow"


def test_a_zip_of_the_largest_size_and_one_byte_more(tmp_path: Path) -> None:
    path = raw_zip(FILES, tmp_path / "a.zip")
    size = path.stat().st_size
    assert len(list_zip(path, replace(LIMITS, zip_bytes=size))) == 3
    assert refused(path, replace(LIMITS, zip_bytes=size - 1))[0] == "too_large_zip"
    os.truncate(path, 2500 * MIB)
    assert refused(path, replace(LIMITS, zip_bytes=1200 * MIB)) == (
        "too_large_zip",
        "The zip has 2,500 MiB; 1,200 MiB are allowed.",
    )


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe") == ("not_a_zip", "This is no file but a device, a pipe or a socket.")


@pytest.mark.parametrize("comment", [0, 65535])
def test_a_directory_is_found_before_the_longest_comment(comment: int, tmp_path: Path) -> None:
    """Though what begins the file is no zip, and the directory is damaged."""
    path = tmp_path / "a.zip"
    end = END.pack(b"PK\5\6", 0, 0, 9, 9, 10**6, 0, comment) + b"x" * comment
    path.write_bytes(b"MZ program" * 100 + end)
    assert refused(path) == ("damaged_zip", "The file is a zip, but its directory cannot be read.")
    path.write_bytes(b"MZ program" * 100 + end + b"x" * (65536 - comment))
    assert refused(path) == ("not_a_zip", "The file is no zip but something else.")


@pytest.mark.parametrize(("head", "kind"), OTHER_KINDS)
def test_other_files_are_named(head: bytes, kind: str, tmp_path: Path) -> None:
    for before in (b"", b"\n "):  # a web page may begin with an empty line
        (tmp_path / "a.zip").write_bytes(before + head + b"x" * 90)
        assert refused(tmp_path / "a.zip") == ("not_a_zip", f"The file is no zip but {kind}.")


def test_the_head_that_names_a_file_is_long_enough(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b" " * 6 + b"<!DOCTYPE html>")
    assert "a web page" in refused(tmp_path / "a.zip")[1]


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (NotImplementedError("9.9"), "unsupported_zip", "The zip needs a feature that this service does not read."),
        (RuntimeError("password required"), "encrypted_zip", "The zip is locked with a password."),
        (RuntimeError("odd"), "damaged_zip", "The file is a zip, but its directory cannot be read."),
        (ValueError("password"), "damaged_zip", "The file is a zip, but its directory cannot be read."),
        (
            zipfile.BadZipFile("zipfiles that span multiple disks are not supported"),
            "unsupported_zip",
            "The zip is one of several parts; it must be a single file.",
        ),
    ],
)
def test_failures_are_told_in_plain_words(error: Exception, code: str, says: str) -> None:
    found = refusal(error, b"PK\3\4", False)
    assert (found.code, found.message) == (code, says)


@pytest.mark.parametrize(("disk", "good"), [(0, True), (0xFFFF, True), (1, False), (0xFFFE, False)])
def test_only_a_zip_of_one_part_is_read(disk: int, good: bool, tmp_path: Path) -> None:
    path = raw_zip([*FILES, entry(disk=disk)], tmp_path / "a.zip")
    if good:
        assert len(list_zip(path, LIMITS)) == 4
    else:
        assert refused(path) == ("unsupported_zip", "The zip is one of several parts; it must be a single file.")


KINDS = {"link": stat.S_IFLNK, "device": stat.S_IFCHR, "pipe": stat.S_IFIFO, "socket": stat.S_IFSOCK}
FAULTS = [
    *[({"mode": mode | 0o644}, "unsafe_zip", f"is a {kind}, not a file") for kind, mode in KINDS.items()],
    ({"mode": stat.S_IFBLK}, "unsafe_zip", "is a device, not a file"),
    *[({"flags": bit}, "encrypted_zip", "is locked with a password") for bit in (1, 1 << 6, 1 << 13)],
    ({"flags": 1 << 5}, "unsupported_zip", "is not compressed as zips usually are"),
    ({"method": 9}, "unsupported_zip", "is not compressed as zips usually are"),
]


@pytest.mark.parametrize(("fields", "code", "says"), FAULTS)
def test_an_entry_that_is_not_read_is_named(fields: dict[str, int], code: str, says: str, tmp_path: Path) -> None:
    path = raw_zip([*FILES, entry(**fields)], tmp_path / "a.zip")
    with pytest.raises(UserError) as caught:
        list_zip(path, LIMITS)
    assert (caught.value.code, caught.value.message) == (code, f'The entry "cats/odd.jpg" {says}.')
    assert caught.value.file == "cats/odd.jpg"


@pytest.mark.parametrize("fields", [{"mode": stat.S_IFREG | 0o777}, {"mode": 0}, {"flags": 0x800 | 1 << 3}])
def test_an_entry_like_others_is_listed(fields: dict[str, int], tmp_path: Path) -> None:
    assert len(list_zip(raw_zip([*FILES, entry(**fields)], tmp_path / "a.zip"), LIMITS)) == 4


def test_a_long_name_is_shortened(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        list_zip(raw_zip([replace(entry(flags=1), name=b"x" * 99)], tmp_path / "a.zip"), LIMITS)
    assert caught.value.file == "x" * 80


@pytest.mark.parametrize(("declared", "code"), [("size", None), ("packed", "unsafe_zip")])
def test_an_entry_of_the_largest_size_and_one_byte_more(declared: str, code: str | None, tmp_path: Path) -> None:
    """So many packed bytes are not there, and would lie over the next entry."""
    limits = replace(LIMITS, entry_bytes=3_000_000, zip_ratio_from_bytes=1 << 40)
    path = raw_zip([entry(**{declared: 3_000_000, "method": 8}), *FILES], tmp_path / "a.zip")
    if code is None:
        assert len(list_zip(path, limits)) == 4
    else:
        assert refused(path, limits)[0] == code
    path = raw_zip([entry(**{declared: 3_000_001, "method": 8}), *FILES], tmp_path / "a.zip")
    assert refused(path, limits) == ("too_large_zip", 'The entry "cats/odd.jpg" is larger than 3 MB.')


def test_so_many_entries_and_no_more(tmp_path: Path) -> None:
    path = raw_zip(FILES, tmp_path / "a.zip")
    assert len(list_zip(path, replace(LIMITS, zip_entries=3))) == 3
    assert refused(path, replace(LIMITS, zip_entries=2)) == ("too_large_zip", "There are more than 2 files.")


@pytest.mark.parametrize(("total", "code"), [(3 * MIB, None), (3 * MIB + 1, "too_large_zip")])
def test_all_bytes_together_and_one_more(total: int, code: str | None, tmp_path: Path) -> None:
    limits = replace(LIMITS, zip_total_bytes=3 * MIB, zip_ratio_from_bytes=1 << 40)
    path = raw_zip([*FILES, entry(size=total - 40, method=8)], tmp_path / "a.zip")  # 40 bytes are in the others
    if code is None:
        assert len(list_zip(path, limits)) == 4
    else:
        assert refused(path, limits) == (code, "The zip unpacks to more than 3 MiB.")


def test_a_total_is_told_with_a_comma(tmp_path: Path) -> None:
    limits = replace(LIMITS, zip_total_bytes=1234 * MIB, zip_ratio_from_bytes=1 << 40)
    path = raw_zip([entry(size=1235 * MIB, method=8)], tmp_path / "a.zip")
    assert refused(path, limits)[1] == "The zip unpacks to more than 1,234 MiB."


PACKED = 1000  # bytes, of which a bomb makes more


@pytest.mark.parametrize(
    ("total", "start", "bomb"),
    [
        (50 * PACKED, 1, False),
        (50 * PACKED + 1, 1, True),
        (50 * PACKED + 1, 50 * PACKED, True),
        (50 * PACKED + 1, 50 * PACKED + 1, False),  # small zips may compress well
    ],
)
def test_a_bomb_is_what_unpacks_to_more_than_fifty_times(total: int, start: int, bomb: bool, tmp_path: Path) -> None:
    limits = replace(LIMITS, zip_ratio_from_bytes=start)
    half = RawEntry(b"a.jpg", b"x" * (PACKED // 2), 8, size=total // 2)
    path = raw_zip([half, replace(half, name=b"b.jpg", size=total - total // 2)], tmp_path / "a.zip")
    if bomb:
        assert refused(path, limits) == (
            "unsafe_zip",
            "The zip unpacks to more than 50 times its size, as bombs do.",
        )
    else:
        assert len(list_zip(path, limits)) == 2


def test_a_directory_that_memory_could_not_hold_is_not_read(tmp_path: Path) -> None:
    most = DIRECTORY_BYTES_PER_ENTRY
    assert most == 256
    room = most - 46 - 1  # of a directory's entry behind its fixed part and its name
    path = raw_zip([RawEntry(b"a", b"", comment=b"x" * room)], tmp_path / "a.zip")
    assert len(list_zip(path, replace(LIMITS, zip_entries=1))) == 1
    path = raw_zip([RawEntry(b"a", b"", comment=b"x" * (room + 1))], tmp_path / "a.zip")
    assert refused(path, replace(LIMITS, zip_entries=1)) == ("too_large_zip", "The zip's directory is too long.")


def test_entries_that_share_a_byte_overlap(tmp_path: Path) -> None:
    path = raw_zip(FILES, tmp_path / "a.zip")
    inside = raw_zip([replace(FILES[0], packed=5, size=5), *FILES[1:]], tmp_path / "b.zip")
    assert len(list_zip(path, LIMITS)) == 3
    assert refused(inside) == ("unsafe_zip", "Entries of the zip overlap, as in a bomb.")


def test_the_last_entry_ends_before_the_directory(tmp_path: Path) -> None:
    path = raw_zip([*FILES[1:], replace(FILES[0], packed=5, size=5)], tmp_path / "a.zip")
    assert refused(path) == ("damaged_zip", "The zip's last entry runs into its directory.")


@pytest.mark.parametrize("at", [7, 0xFFFFFF00, 1 << 40, (1 << 63) - 1, (1 << 64) - 1])
def test_an_entry_without_a_header_is_damaged(at: int, tmp_path: Path) -> None:
    """The last two are offsets that no file can have."""
    large = {"at": 0xFFFFFFFF, "extra": struct.pack("<2HQ", 1, 8, at)} if at >> 32 else {"at": at}
    assert refused(raw_zip([*FILES, entry(**large)], tmp_path / "a.zip")) == (
        "damaged_zip",
        "The file is a zip, but its directory cannot be read.",
    )


def test_a_zip_without_entries_lists_nothing(tmp_path: Path) -> None:
    file = io.BytesIO()
    zipfile.ZipFile(file, "w").close()
    (tmp_path / "a.zip").write_bytes(file.getvalue())
    assert list_zip(tmp_path / "a.zip", LIMITS) == []
