"""The browser makes of each kind of photo the pixels that training saw."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from playwright.sync_api import Browser

from tests.sources import ROOT
from vm_worker.intake.images import read_square


def _pictures() -> dict[str, bytes]:
    """Photos of every kind that a browser reads."""
    smooth = Image.fromarray(np.random.default_rng(1).integers(0, 256, (12, 16, 3), np.uint8))
    scene = smooth.resize((320, 240), Image.Resampling.BICUBIC)
    turned, clear = Image.Exif(), scene.convert("RGBA")
    turned[0x0112] = 6
    clear.putalpha(Image.radial_gradient("L").resize(clear.size))
    drawing = Image.new("RGBA", (90, 90), (255, 255, 255, 0))
    ImageDraw.Draw(drawing).rectangle((20, 20, 60, 40), fill=(255, 255, 255, 255))
    large = scene.resize((1203, 901))
    wanted: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "photo": (scene, "JPEG", {}),
        "large": (large, "JPEG", {"quality": 90}),  # its blocks are made smaller
        "larger": (scene.resize((2400, 1800)), "JPEG", {}),
        "turned": (large.resize((1200, 904)), "JPEG", {"exif": turned}),
        "grey": (scene.convert("L"), "JPEG", {}),
        "png": (scene, "PNG", {}),
        "webp": (scene, "WEBP", {"lossless": True}),
        "gif": (scene, "GIF", {}),
        "small": (scene.resize((20, 15)), "PNG", {}),
        "transparent": (clear, "PNG", {}),
        "white drawing": (drawing, "PNG", {}),
    }
    made = {}
    for name, (image, kind, options) in wanted.items():
        out = io.BytesIO()
        image.save(out, kind, **options)
        made[name] = out.getvalue()
    return made


SQUARE = """async ([text, kind, size]) => {
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const options = {colorSpaceConversion: "none", premultiplyAlpha: "none"};
  const pixels = Float32Array.from(square(await createImageBitmap(new Blob([bytes]), options), size, kind));
  return btoa([...new Uint8Array(pixels.buffer)].map((byte) => String.fromCharCode(byte)).join(""));
}"""


def test_the_browser_makes_the_pixels_that_the_training_saw(browser: Browser) -> None:
    page = browser.new_page()
    page.add_script_tag(content=(ROOT / "templates" / "assets" / "pixels.js").read_text(encoding="utf-8"))
    size = 96
    for name, data in _pictures().items():
        kind = "jpeg" if data[:2] == b"\xff\xd8" else "other"
        got = page.evaluate(SQUARE, [base64.b64encode(data).decode(), kind, size])
        wanted = read_square(io.BytesIO(data), size).astype(float)
        apart = np.abs(np.frombuffer(base64.b64decode(got), "<f4").reshape(size, size, 3) - wanted)
        assert apart.max() <= 3 and apart.mean() < 0.3, (name, apart.max(), apart.mean())
    page.close()
