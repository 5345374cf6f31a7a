"""The programs in the report: they run as they stand, and read photos exactly as training did."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from vm_worker.evaluation import snippets
from vm_worker.exports.formats import FORMATS
from vm_worker.intake.files.grey import GREY_16_MAX
from vm_worker.intake.images import read_square

SIZE = 32


def snippet(threshold: float = 0, file: str = "model.h5") -> str:
    """The Python program of a file."""
    return str(snippets.shown([file], SIZE, threshold, GREY_16_MAX)[file][0]["code"])


def reader() -> Callable[[Path], NDArray[np.float32]]:
    """The snippet's own `read_photo`, without the model around it."""
    tree = ast.parse(snippet())
    body = [node for node in tree.body[: _position(tree) + 1] if ast.unparse(node) != "import keras"]
    names: dict[str, Any] = {}
    exec(compile(ast.Module(body, []), "predict.py", "exec"), names)  # noqa: S102 - our own template
    read: Callable[[Path], NDArray[np.float32]] = names["read_photo"]
    return read


def _position(tree: ast.Module) -> int:
    return next(index for index, node in enumerate(tree.body) if isinstance(node, ast.FunctionDef))


def noise(mode: str, width: int = 150, height: int = 90) -> Image.Image:
    """Random pixels, smooth enough that a wrong resampling or rotation shows."""
    rng = np.random.default_rng(3)
    bands = len(Image.new(mode, (1, 1)).getbands())
    small = rng.integers(0, 256, (9, 15, bands), dtype=np.uint8)
    images = [Image.fromarray(small[:, :, band]).resize((width, height)) for band in range(bands)]
    return Image.merge(mode, images)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def grey16() -> Image.Image:
    return Image.fromarray(np.linspace(0, 65535, 150 * 90).reshape(90, 150).astype(np.uint16))


def phone(orientation: int) -> bytes:
    return saved(noise("RGB", 400, 300), "JPEG", exif=turned(orientation))


PHOTOS: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: saved(noise("RGB"), "JPEG"),
    "large-jpeg": lambda: saved(noise("RGB", 900, 700), "JPEG"),  # large enough for draft
    "grey-jpeg": lambda: saved(noise("L", 400, 300), "JPEG"),
    "cmyk-jpeg": lambda: saved(noise("CMYK", 400, 300), "JPEG"),
    **{f"turned-{number}": partial(phone, number) for number in range(1, 9)},
    "turned-png": lambda: saved(noise("RGB"), "PNG", exif=turned(6)),
    "broken-exif": lambda: saved(noise("RGB"), "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\xff\xff"),
    "alpha": lambda: saved(noise("RGBA"), "PNG"),
    "grey-alpha": lambda: saved(noise("LA"), "PNG"),
    "turned-alpha": lambda: saved(noise("RGBA"), "PNG", exif=turned(8)),
    "palette": lambda: saved(noise("RGB").quantize(16), "PNG"),
    "palette-transparent": lambda: saved(noise("RGB").quantize(16), "PNG", transparency=3),
    "rgb-transparent": lambda: saved(noise("RGB"), "PNG", transparency=(0, 0, 0)),
    "gif": lambda: saved(noise("RGB").quantize(8), "GIF", transparency=1),
    "bilevel": lambda: saved(noise("L").convert("1"), "PNG"),
    "16-bit": lambda: saved(grey16(), "PNG"),
    "webp": lambda: saved(noise("RGBA"), "WEBP", lossless=True),
    "bmp": lambda: saved(noise("RGB"), "BMP"),
    "one-pixel": lambda: saved(noise("RGB", 1, 1), "PNG"),
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's remark on broken-exif
@pytest.mark.parametrize("photo", PHOTOS)
def test_it_reads_a_photo_as_training_did(photo: str, tmp_path: Path) -> None:
    path = tmp_path / photo
    path.write_bytes(PHOTOS[photo]())
    mine = reader()(path)
    assert mine.dtype == np.float32
    np.testing.assert_array_equal(mine, read_square(path, SIZE))


def test_every_format_has_a_program_and_all_read_photos_alike() -> None:
    rows = snippets.shown([row.file for row in FORMATS.values()], SIZE, 0.5, GREY_16_MAX)
    assert list(rows) == [row.file for row in FORMATS.values()]
    parts = {file: str(one["code"]) for file, some in rows.items() for one in some if one["name"] == "predict.py"}
    assert len({ast.unparse(_function(text)) for text in parts.values()}) == 1
    assert all(f'"{file}"' in text and "SURE = 0.5" in text for file, text in parts.items())


def _function(text: str) -> ast.FunctionDef:
    return next(node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef))


MAKE_MODEL = f"""
import keras
photo = keras.Input(({SIZE}, {SIZE}, 3))
means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 25.0)(photo))
keras.Model(photo, keras.layers.Softmax()(means)).save("model.h5")
import runpy, sys
sys.argv = ["predict.py", "blue.png", "red.png", "grey.png"]
runpy.run_path("predict.py", run_name="__main__")
"""


@pytest.mark.slow
def test_it_runs_beside_a_model_as_pasted(tmp_path: Path) -> None:
    (tmp_path / "predict.py").write_text(snippet(0.5), encoding="utf-8")
    (tmp_path / "labels.txt").write_text("red\ngreen\n蓝\n", encoding="utf-8")
    for name in ("red", "blue", "grey"):
        Image.new("RGB", (40, 30), name).save(tmp_path / f"{name}.png")
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", MAKE_MODEL], cwd=tmp_path, env=quiet, capture_output=True, encoding="utf-8", timeout=120
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 10  # three answers for each of three photos
    assert lines[0] == "blue.png: 蓝 (100.0%)"
    assert lines[3] == "red.png: red (100.0%)"
    assert lines[6] == "grey.png: not sure, look for yourself; perhaps"
    assert lines[7].startswith("grey.png: ") and lines[7].endswith(" (33.3%)")
