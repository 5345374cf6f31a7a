"""Read a legacy PyTorch checkpoint of plain tensors with NumPy alone.

The file is a run of pickles (magic number, protocol, system facts, the state dict, the storage keys)
followed by the raw storages. The unpickler knows four names and refuses every other, so that a
checkpoint cannot run code.
"""

from __future__ import annotations

import collections
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C
DTYPES: Mapping[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def read_state(path: Path) -> dict[str, NDArray[Any]]:
    """Return the state dict as arrays by name. Raises pickle.UnpicklingError for anything but plain tensors."""
    with path.open("rb") as file:
        if _Restricted(file).load() != MAGIC:
            raise pickle.UnpicklingError(f"{path.name} is no legacy PyTorch checkpoint")
        for _ in range(2):  # protocol version and system facts
            _Restricted(file).load()
        state = _Restricted(file)
        views = state.load()
        for key in _Restricted(file).load():
            _fill(file, state.storages[key])
    return {name: view.array() for name, view in views.items()}


class Storage:
    """A flat array of numbers, filled after the pickles have been read."""

    def __init__(self, dtype: np.dtype[Any], length: int) -> None:
        self.dtype = dtype
        self.data: NDArray[Any] = np.zeros(length, dtype)


class View:
    """A tensor: a part of a storage, seen by shape and strides."""

    def __init__(self, storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self._storage, self._offset, self._shape, self._strides = storage, offset, shape, strides

    def array(self) -> NDArray[Any]:
        """Copy the tensor's numbers. Raises pickle.UnpicklingError where it reaches outside its storage."""
        last = self._offset + sum((size - 1) * stride for size, stride in zip(self._shape, self._strides, strict=True))
        inside = self._offset >= 0 and min((0, *self._strides)) >= 0 and last < self._storage.data.size
        if not inside or 0 in self._shape:
            raise pickle.UnpicklingError("a tensor that reaches outside its storage")
        flat = self._storage.data[self._offset :]
        steps = [stride * flat.itemsize for stride in self._strides]
        return np.lib.stride_tricks.as_strided(flat, self._shape, steps).copy()


def _rebuild(storage: Storage, offset: int, shape: Any, strides: Any, *_: Any) -> View:
    return View(storage, offset, tuple(shape), tuple(strides))


class _Restricted(pickle.Unpickler):
    """An unpickler that knows tensors, float and long storages and ordered dicts, and refuses everything else."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="ascii")
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        known: dict[tuple[str, str], Callable[..., Any] | str] = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
            ("torch", "FloatStorage"): "FloatStorage",
            ("torch", "LongStorage"): "LongStorage",
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"a checkpoint of plain tensors has no {module}.{name}")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        _, kind, key, _, length, *_ = pid
        return self.storages.setdefault(key, Storage(DTYPES[kind], length))


def _fill(file: IO[bytes], storage: Storage) -> None:
    length = int.from_bytes(file.read(8), "little")
    if length != storage.data.size:
        raise pickle.UnpicklingError("a storage of another length than promised")
    data = file.read(length * storage.dtype.itemsize)
    storage.data = np.frombuffer(data, storage.dtype)
