"""The zips that page and worker must read alike: layouts, zips of systems, hostile ones, odd but honest ones."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.corpus import LAYOUTS, Layout
from tests.unit.detection import label_zips
from tests.unit.detection.test_exports_of_tools import DRAWN, beside
from tests.unit.detection.test_foreign_labels import FOREIGN, IN_FOLDERS
from tests.unit.intake.crafted import RawEntry, class_files, deflated, photo, raw_zip, two_classes, zip_of
from tests.unit.intake.hostile_zips import HOSTILE
from tests.unit.intake.lies import field
from tests.unit.intake.systems import SYSTEMS, with_litter

Write = Callable[[Path], object]
JPEG = b"\xff\xd8\xff"
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
TWO = {"cats": 12, "dogs": 12}
TIFF = b"II*\0" + b"\0" * 40
TIFFS = ("owls/a.tif", "owls/b.tif")
WORLD = {"猫": 12, "собаки": 12, "كلب": 12, "🐈 cats": 12}


def _layout(layout: Layout) -> Write:
    """The photos get a beginning by which the page knows them."""
    files = {name: JPEG + data if name.endswith(".jpg") else data for name, data in layout.files().items()}
    return _files(files)


def _files(files: Mapping[str, bytes]) -> Write:
    """Stored: to unpack the heads of thousands of files takes a browser many seconds. The other zips are packed."""
    return lambda path: zip_of(files, path, zipfile.ZIP_STORED)


def _system(name: str, files: Mapping[str, bytes]) -> Write:
    return lambda path: SYSTEMS[name].write(files, path)


def _labels(name: str, more: Mapping[str, bytes] | None = None) -> Write:
    return lambda path: label_zips.write(path, {**label_zips.LAYOUTS[name](label_zips.photos()), **(more or {})})


def _written(entries: Mapping[str, bytes]) -> Write:
    return lambda path: label_zips.write(path, entries)


def _foreign() -> dict[str, Write]:
    """Labels that the worker refuses by the name of their format."""
    photos = list(DRAWN)
    uploads = {name: beside(photos) | entries for name, (entries, _) in FOREIGN.items()}
    uploads |= {f"{name}, in folders": entries for name, (entries, _) in IN_FOLDERS.items()}
    uploads["masks"] = beside(photos, "train/images/") | beside(photos, "train/masks/")
    return {name: _written(entries) for name, entries in uploads.items()}


def _coded(encoding: str, *classes: str) -> Write:
    """Names in a code page that nothing tells; some of their bytes are those of backslashes."""
    names = [f"{name}/{number:03}.jpg".encode(encoding) for name in classes for number in range(12)]
    return lambda path: raw_zip([RawEntry(name, photo(place)) for place, name in enumerate(names)], path)


def _info_zip(path: Path) -> None:
    """Names in a code page, with Info-ZIP's field beside them."""
    entries = []
    for place, name in enumerate(f"{name}/{number:03}.jpg" for name in ("Äpfel", "Birnen") for number in range(12)):
        raw = name.encode("cp850")
        extra = field(0x7075, struct.pack("<BL", 1, zlib.crc32(raw)) + name.encode())
        entries.append(RawEntry(raw, photo(place), extra=extra))
    raw_zip(entries, path)


def _deflated(path: Path) -> None:
    """Photos without endings, deflated: their first bytes must be unpacked."""
    entries = []
    for place, name in enumerate(two_classes()):
        data = photo(place)
        raw = name.removesuffix(".jpeg").encode()
        entries.append(RawEntry(raw, deflated(data), method=8, size=len(data), crc=zlib.crc32(data)))
    raw_zip(entries, path)


def _twice(path: Path, same: bool) -> None:
    """Each name twice, with the same bytes or with others."""
    with zipfile.ZipFile(path, "w") as archive:
        for time in range(2):
            for place, name in enumerate(two_classes()):
                archive.NameToInfo.pop(name, None)  # else Python warns of it
                archive.writestr(zipfile.ZipInfo(name), photo(place if same else 100 * time + place))


def _inner_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.jpg", photo(1))
    return file.getvalue()


def _renamed(ending: str, kind: str = "JPEG") -> dict[str, bytes]:
    files = class_files(TWO, kind)
    return {name.replace(f".{kind.lower()}", ending): data for name, data in files.items()}


PETS = two_classes()
ODD: Mapping[str, Write] = {
    "photos without endings": _deflated,
    "photos named as downloads": _files(_renamed(".jpg_large")),
    "photos named as texts": _files(_renamed(".txt")),
    "PNG": _files(class_files(TWO, "PNG")),
    "WebP named as JPEG": _files(_renamed(".jpg", "WEBP")),
    "GIF": _files(class_files(TWO, "GIF")),
    "BMP": _files(class_files(TWO, "BMP")),
    "texts named as photos": _files({name: b"a text" for name in PETS}),
    "one HEIC": _files(PETS | {"cats/a.heic": HEIC}),
    "many TIFF": _files(PETS | {f"cats/{number}.tif": TIFF for number in range(12)}),
    "a class too small without its TIFF": _files(PETS | class_files({"owls": 8}) | dict.fromkeys(TIFFS, TIFF)),
    "each name twice, same bytes": lambda path: _twice(path, same=True),
    "each name twice, other bytes": lambda path: _twice(path, same=False),
    "names by Info-ZIP's field": _info_zip,
    "Shift-JIS with a backslash byte": _coded("shift_jis", "ソファ", "表", "机能"),
    "Big5 with a backslash byte": _coded("big5", "功能", "許可", "貓"),
    "GBK": _coded("gbk", "老虎", "狮子"),
    "GBK that is valid UTF-8": _coded("gbk", "猫", "牛"),
    "UTF-8 without a word of it": _coded("utf-8", "café", "thé"),
    "EUC-KR": _coded("euc_kr", "고양이", "개"),
    "code page 850": _coded("cp850", "Äpfel", "Birnen"),
    "two spellings in parts": _files(
        class_files({"train/café": 12, "train/thé": 12, "test/cafe\u0301": 12, "test/thé": 12})
    ),
    "hidden and made by systems": _files(
        PETS | dict.fromkeys((".git/a.jpg", "cats/.trash/a.jpg", "@eaDir/a.jpg", "Thumbs.db", "cats/Desktop.ini"), b"x")
    ),
    "wrapped five times": _files(class_files(TWO, prefix="a/b/c/d/e/")),
    "photos beside folders": _files(PETS | {"a.jpg": photo(77), "b.png": photo(78, "PNG")}),
    "a film and a PDF": _files(PETS | {"film.mp4": b"\0\0\0\x18ftypmp42", "cats/tax.pdf": b"%PDF-1.7"}),
    "a zip and a text beside classes": _files(PETS | {"more.zip": _inner_zip(), "notes.txt": b"notes"}),
    "only zips": _files({"cats.zip": _inner_zip(), "dogs.zip": _inner_zip()}),
    "only folders": _files({"cats/": b"", "dogs/": b""}),
    "only litter": _files({".DS_Store": b"x", "__MACOSX/a.jpg": b"x"}),
    "201 classes": _files({f"{number}/{place}.jpg": JPEG for number in range(201) for place in range(10)}),
    "200 classes": _files({f"{number}/{place}.jpg": JPEG for number in range(200) for place in range(10)}),
    "nine photos": _files(class_files({"cats": 9, "dogs": 12})),
    "spaces around names": _files(class_files({" cats": 12, "dogs": 12})),
    "captions beside photos": _files(PETS | {name.replace(".jpeg", ".txt"): b"a pet" for name in PETS}),
    "a class list": _files(PETS | {"classes.txt": b"cats\ndogs\n", "meta.json": b'{"made": 2024}'}),
    "boxes beside classes": _labels("ultralytics_yolo", PETS),
    "a mac's folder": _system("macOS", with_litter(class_files({"Äpfel": 12, "pears": 12}), "Fotos für dich")),
    "a folder of Windows": _files(class_files(TWO, prefix="photos/") | {"photos/Thumbs.db": b"\xd0"}),
}  # fmt: skip

ZIPS: Mapping[str, Write] = {
    **{f"layout: {name}": _layout(layout) for name, layout in LAYOUTS.items()},
    **{f"hostile: {name}": write for name, (_, write) in HOSTILE.items()},
    **{f"system: {name}": _system(name, class_files({"Äpfel": 12, "pears": 12})) for name in SYSTEMS},
    **{f"world: {name}": _system(name, class_files(WORLD)) for name in SYSTEMS if "of old" not in name},
    **{f"labels: {name}": _labels(name) for name in label_zips.LAYOUTS},
    **{f"foreign: {name}": write for name, write in _foreign().items()},
    **{f"odd: {name}": write for name, write in ODD.items()},
}
# Zips that the worker refuses only when it opens the photos.
OPENED = {"odd: texts named as photos", "odd: many TIFF", "odd: a class too small without its TIFF"}
# Zips that the page cannot read, and says so: the service will tell.
UNREAD = {
    "odd: Shift-JIS with a backslash byte",
    "odd: Big5 with a backslash byte",
    "odd: GBK",
    "odd: GBK that is valid UTF-8",
    "odd: EUC-KR",
    "odd: code page 850",
    "system: Windows Explorer of old",
    "odd: boxes beside classes",
    *(f"labels: {name}" for name in label_zips.LAYOUTS),
    *(name for name in ZIPS if name.startswith("foreign: ")),
}
