"""Lets TensorFlow and Keras start without packages that they import where they find them, and that no job needs.

Keras has plots (matplotlib), wrappers (scikit-learn) and tables as inputs (pandas), TensorFlow Lite a converter of JAX
models. Each is left out where the package is not installed. The report has the first three installed, and every process
that trains, converts or proves would import them: 3 of 7 seconds of CPU on a slow machine. So these packages are hidden
from just these modules, while they are imported. Where a later Keras has moved them, nothing is hidden.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

# What is hidden from a module and from what it imports.
HIDDEN: Mapping[str, Sequence[str]] = {
    "keras": (),
    "keras.src.callbacks.orbax_checkpoint": ("jax",),
    "keras.src.trainers.data_adapters.array_slicing": ("pandas",),
    "keras.src.visualization.plot_bounding_box_gallery": ("matplotlib",),
    "keras.src.visualization.plot_image_gallery": ("matplotlib",),
    "keras.src.wrappers": ("sklearn",),
    "tensorflow": (),
    "tensorflow.lite.python.util": ("jax",),
}


class LeanImports:
    """Finds the modules that others are hidden from, and does not find the others meanwhile, in the same thread."""

    def __init__(self, hidden: Mapping[str, Sequence[str]]) -> None:
        self._hidden, self._now = hidden, threading.local()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of the table, None of others. Raises ModuleNotFoundError for what is hidden."""
        if name.partition(".")[0] in getattr(self._now, "hidden", ()):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name not in self._hidden:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(name, spec.loader.path, self.without(self._hidden[name]))
        return spec

    @contextmanager
    def without(self, names: Sequence[str]) -> Iterator[None]:
        """Hide packages from this thread; collect no garbage, as almost all that an import makes will stay."""
        before, collects = getattr(self._now, "hidden", ()), gc.isenabled()
        self._now.hidden = (*before, *names)
        gc.disable()
        try:
            yield
        finally:
            self._now.hidden = before
            if collects:
                gc.enable()


class _Loader(SourceFileLoader):
    """Runs a module as usual, without what is hidden from it."""

    def __init__(self, name: str, path: str, around: AbstractContextManager[None]) -> None:
        super().__init__(name, path)
        self._around = around

    def exec_module(self, module: ModuleType) -> None:
        with self._around:
            super().exec_module(module)


def install() -> None:
    """Heed HIDDEN from now on, once."""
    if not any(isinstance(finder, LeanImports) for finder in sys.meta_path):
        sys.meta_path.insert(0, LeanImports(HIDDEN))
