"""Leave new arguments of Keras' layers out of a model's file where they say nothing, so that an older Keras loads it.

Keras writes every argument, also a new one that has its default, and refuses a file with an argument that it does not
know. So a file would load by the Keras that wrote it and by newer ones alone: without this, Keras 3.14 refuses all
files of Keras 3.15.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py

IN_H5 = "model_config"  # attribute of the file
IN_ZIP = "config.json"  # member of a .keras file
# What layers and initializers have got since Keras 3.5, each with the value that means what it was before.
NEW: Mapping[str, Any] = {
    "antialias": False,  # of Resizing
    "input_axes": None,  # of initializers
    "output_axes": None,
    "quantization_config": None,  # of Dense
    "renorm": False,  # of BatchNormalization
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}


def shorten(path: Path) -> None:
    """Leave out of the `.h5` or `.keras` file each new argument that has its default."""
    part = path.with_suffix(".part")
    if path.suffix == ".h5":
        _rewrite_h5(path, part)
    else:
        _rewrite_zip(path, part)
    part.replace(path)


def _rewrite_h5(path: Path, part: Path) -> None:
    """Write the file anew: HDF5 does not give back the room of an attribute that is replaced."""
    with h5py.File(path) as old, h5py.File(part, "w") as new:
        for name in old:
            old.copy(name, new)
        attrs = {key: value for key, value in old.attrs.items() if key != IN_H5}
        new.attrs.update(attrs)
        new.attrs[IN_H5] = json.dumps(shortened(json.loads(old.attrs[IN_H5]))).encode()


def _rewrite_zip(path: Path, part: Path) -> None:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(part, "w") as new:
        for member in old.infolist():
            if member.filename == IN_ZIP:
                new.writestr(member, json.dumps(shortened(json.loads(old.read(member)))))
                continue
            with old.open(member) as source, new.open(member, "w") as target:
                shutil.copyfileobj(source, target)


def shortened(value: Any) -> Any:
    """Return a part of a model's config without the new arguments that say nothing."""
    if isinstance(value, list):
        return [shortened(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: shortened(one) for key, one in value.items() if key not in NEW or one != NEW[key]}
