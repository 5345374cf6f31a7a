"""Find the photo that a label file means, among the photos of the upload. No path from a file is ever opened."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from urllib.parse import unquote

from vm_worker.intake.names import suffix
from vm_worker.tasks.detection.annotations.drawn import DrawnPhoto


class PhotoNames:
    """The names of an upload's photos, by which label files are matched."""

    def __init__(self, photos: Sequence[tuple[str, ...]]) -> None:
        self._photos = photos
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self._by_stem: dict[str, list[int]] = defaultdict(list)
        for index, parts in enumerate(photos):
            self._by_name[parts[-1].casefold()].append(index)
            self._by_stem[stem(parts[-1]).casefold()].append(index)

    def find(self, drawn: DrawnPhoto) -> int | None:
        """Return the index of the photo; None where there is none, or where two fit equally well.

        A label file of its own for each photo lies beside it, by the same name with another suffix; what it says inside
        may be the name from before the photos were renamed.
        """
        if drawn.by_stem:
            found = self._best(self._by_stem[stem(drawn.file[-1]).casefold()], drawn.file, ())
            if found is not None or not drawn.photo:
                return found
        said = _parts(drawn.photo)
        for spelled in (said, tuple(map(unquote, said))):
            for names in (self._by_name[spelled[-1].casefold()], self._by_stem[stem(spelled[-1]).casefold()]):
                if names:
                    return self._best(names, drawn.file, spelled)
        return None

    def _best(self, indices: Sequence[int], file: tuple[str, ...], said: tuple[str, ...]) -> int | None:
        """Return the photo whose folders fit best to those of the label file and of the name inside."""
        fits = sorted(((_fit(self._photos[index], file, said), index) for index in indices), reverse=True)
        if not fits or (len(fits) > 1 and fits[0][0] == fits[1][0]):
            return None
        return fits[0][1]


def stem(name: str) -> str:
    """Return a file's name without its suffix."""
    return name.rpartition(".")[0] if suffix(name) else name


def _parts(said: str) -> tuple[str, ...]:
    """Return the folders and the file that a label file names: Windows paths and Label Studio's links, too."""
    path = said.rpartition("?d=")[2].replace("\\", "/")
    return tuple(part for part in path.split("/") if part not in ("", ".", "..")) or ("",)


def _fit(photo: tuple[str, ...], file: tuple[str, ...], said: tuple[str, ...]) -> tuple[int, int]:
    same = 0
    for one, other in zip(reversed(photo), reversed(said), strict=False):
        if one.casefold() != other.casefold():
            break
        same += 1
    folders = Counter(part.casefold() for part in photo[:-1]) & Counter(part.casefold() for part in file[:-1])
    return same, folders.total()
