"""The demo's photos: tiles cut from scikit-image's brick, grass and gravel (CC0)."""

from __future__ import annotations

from pathlib import Path

TEXTURES = ("brick", "grass", "gravel")
TILE = 64  # pixels; a 512 x 512 photograph gives 8 x 8 tiles without overlap
PHOTOS = 64  # photos of each class


def make(folder: Path) -> Path:
    """Write `<folder>/<class>/<class>_<row><column>.png`, 64 of each class; return the folder.

    The tiles of a photograph do not overlap, as overlapping ones would put the same pixels into training and test. All
    tiles of a class come from one photograph, which makes this an easy task.
    """
    from skimage import data  # imported here, as it takes half a second, which `modelmail --help` does not need
    from skimage.io import imsave

    for name in TEXTURES:
        photograph = getattr(data, name)()
        (folder / name).mkdir(parents=True, exist_ok=True)
        for top in range(0, photograph.shape[0], TILE):
            for left in range(0, photograph.shape[1], TILE):
                tile = photograph[top : top + TILE, left : left + TILE]
                path = folder / name / f"{name}_{top // TILE}{left // TILE}.png"
                imsave(path, tile, check_contrast=False)
    return folder
