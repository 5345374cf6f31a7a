"""Write zips as common programs do: their versions, flags, attributes, extra fields and descriptors."""

from __future__ import annotations

import shutil
import struct
import subprocess
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tests.unit.intake.crafted import SIGNED, RawEntry, deflated, folder_of, raw_zip
from tests.unit.intake.lies import field

UTF8 = 0x800
UNIX, MACOS, DOS = 3 << 8, 3 << 8, 0  # what made it; macOS says Unix
FILE, FOLDER = 0o100644 << 16, 0o040755 << 16
ARCHIVE, DIRECTORY = 0x20, 0x10  # attributes of DOS
TIME = struct.pack("<L", 1_700_000_000)
OWNER = struct.pack("<BBLBL", 1, 4, 501, 4, 20)
NTFS = field(0x000A, struct.pack("<LHH3Q", 0, 1, 24, *[133_000_000_000_000_000] * 3))
APPLE_DOUBLE = struct.pack(">2L16xH", 0x00051607, 0x00020000, 2) + b"\0" * 94
STORE = b"\x05\x16\x07\0Bud1" * 40  # a .DS_Store


@dataclass(frozen=True)
class System:
    """The way in which one program writes zips."""

    made_by: int
    attributes: tuple[int, int]  # of files, of folders: external attributes
    names: Callable[[str], tuple[bytes, int]]  # a path as bytes, and the flags that say how
    front: tuple[bytes, bytes] = (b"", b"")  # extra fields of the local header: of files, of folders
    central: tuple[bytes, bytes] = (b"", b"")  # and of the directory
    descriptors: bytes | None = None
    folders_last: bool = False
    no_folders: bool = False

    def write(self, files: Mapping[str, bytes], path: Path) -> Path:
        """Write a zip of these files."""
        entries = [self._entry(name, data) for name, data in files.items()]
        folders = [] if self.no_folders else [self._entry(name, None) for name in _folders(files)]
        ordered = entries + folders if self.folders_last else folders + entries
        return raw_zip(ordered, path, self.descriptors)

    def _entry(self, name: str, data: bytes | None) -> RawEntry:
        raw, flags = self.names(name)
        folder = data is None
        content = data or b""
        return RawEntry(
            raw,
            b"" if folder else deflated(content),
            method=0 if folder else 8,
            flags=flags,
            size=len(content),
            crc=zlib.crc32(content),
            mode=self.attributes[folder] >> 16,
            attributes=self.attributes[folder] & 0xFFFF,
            made_by=self.made_by,
            extra=self.central[folder],
            local={"extra": self.front[folder]},
        )


def _folders(files: Mapping[str, bytes]) -> list[str]:
    every = {str(parent) for name in files for parent in PurePosixPath(name).parents if parent.name}
    return sorted(f"{folder}/" for folder in every)


def _marked(name: str) -> tuple[bytes, int]:
    return name.encode(), 0 if name.isascii() else UTF8


def _code_page(name: str) -> tuple[bytes, int]:
    return name.encode("cp437"), 0


def _decomposed(name: str) -> tuple[bytes, int]:
    return unicodedata.normalize("NFD", name).encode(), 0


def _backslashes(name: str) -> tuple[bytes, int]:
    return _marked(name.replace("/", "\\"))


SYSTEMS: dict[str, System] = {
    "Windows Explorer": System(DOS | 20, (ARCHIVE, DIRECTORY), _marked),
    "Windows Explorer of old": System(DOS | 20, (ARCHIVE, DIRECTORY), _code_page, no_folders=True),
    "Windows 11": System(DOS | 45, (ARCHIVE, DIRECTORY), _marked, descriptors=SIGNED),
    ".NET 4.5": System(DOS | 20, (0, 0), _backslashes, no_folders=True),
    "macOS": System(
        MACOS | 21,
        (FILE, FOLDER | 0x4000),
        _decomposed,
        front=(field(0x5855, TIME * 2 + b"\xf5\1\x14\0"),) * 2,
        central=(field(0x5855, TIME * 2),) * 2,
        descriptors=SIGNED,
    ),
    "7-Zip on Windows": System(
        DOS | 63, (ARCHIVE, DIRECTORY), _marked, central=(NTFS, NTFS), folders_last=True
    ),
    "7-Zip on Linux": System(
        UNIX | 63, (FILE | 0x8020, FOLDER | 0x8010), _marked, central=(NTFS, NTFS), folders_last=True
    ),
    "Info-ZIP": System(
        UNIX | 30,
        (FILE, FOLDER | DIRECTORY),
        _marked,
        front=(field(0x5455, b"\3" + TIME * 2) + field(0x7875, OWNER),) * 2,
        central=(field(0x5455, b"\3" + TIME) + field(0x7875, OWNER),) * 2,
    ),
    "Java": System(DOS | 20, (0, 0), lambda name: (name.encode(), UTF8), (field(0xCAFE, b""),) * 2, descriptors=SIGNED),
    "Android": System(DOS | 20, (0, 0), _marked, front=(b"\0" * 3, b"\0" * 2), no_folders=True),
    "Google Drive": System(DOS | 45, (0, 0), lambda name: (name.encode(), UTF8), descriptors=SIGNED, no_folders=True),
}  # fmt: skip


def with_litter(files: Mapping[str, bytes], wrapper: str) -> dict[str, bytes]:
    """Add the files of the Archive Utility of macOS: resource forks of everything, and the Finder's own files."""
    inside = {f"{wrapper}/{name}": data for name, data in files.items()}
    forks = {
        f"__MACOSX/{wrapper}/{PurePosixPath(name).parent}/._{PurePosixPath(name).name}": APPLE_DOUBLE for name in files
    }
    stores = {f"{wrapper}/.DS_Store": STORE, f"__MACOSX/{wrapper}/._.DS_Store": APPLE_DOUBLE}
    return {**stores, **inside, **forks, f"__MACOSX/._{wrapper}": APPLE_DOUBLE}


PROGRAMS: dict[str, tuple[str, ...]] = {  # run in the folder; the zip's path is put at the end
    "zip": ("zip", "-q", "-r"),
    "7z": ("7z", "a", "-tzip", "-bd"),
    "7zz": ("7zz", "a", "-tzip", "-bd"),
    "bsdtar": ("bsdtar", "-a", "-cf"),
    "ditto": ("ditto", "-c", "-k", "--sequesterRsrc", "."),
}


def by_program(name: str, files: Mapping[str, bytes], path: Path) -> Path | None:
    """Write a zip by the real program; None where it is not installed."""
    command = PROGRAMS[name]
    if shutil.which(command[0]) is None:
        return None
    folder = folder_of(files, path.parent / "folder")
    rest = () if name == "ditto" else (".",)
    subprocess.run([*command, str(path), *rest], cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=60)
    return path
