"""Find the photo that a label file means, among the photos of the upload. No path from a file is ever opened."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from urllib.parse import unquote

from vm_worker.intake.names import clean, suffix
from vm_worker.tasks.detection.annotations.drawn import DrawnPhoto

MANY = 100  # photos of one name
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")  # what Label Studio puts before the name of a photo


class PhotoNames:
    """The names of an upload's photos, by which label files are matched."""

    def __init__(self, photos: Sequence[tuple[str, ...]]) -> None:
        self._photos = [tuple(map(key, parts)) for parts in photos]
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self._by_stem: dict[str, list[int]] = defaultdict(list)
        for index, parts in enumerate(self._photos):
            self._by_name[parts[-1]].append(index)
            self._by_stem[stem(parts[-1])].append(index)
        self._by_folder: dict[tuple[str, str], list[int]] = defaultdict(list)
        for name, indices in self._by_stem.items():
            for index in indices if len(indices) > MANY else ():
                for folder in set(self._photos[index][:-1]):
                    self._by_folder[folder, name].append(index)

    def find(self, drawn: DrawnPhoto) -> int | None:
        """Return the index of the photo; None where there is none, or where two fit equally well.

        A label file of its own for each photo lies beside it, by the same name with another suffix; what it says inside
        may be the name from before the photos were renamed.
        """
        file = tuple(map(key, drawn.file))
        if drawn.by_stem:
            stems = (self._by_stem.get(one) for one in keys(stem(drawn.file[-1])))
            found = self._best(next(filter(None, stems), []), file, ())
            if found is not None or not drawn.photo:
                return found
        said = _parts(drawn.photo)
        for spelled in (said, tuple(map(unquote, said))):
            for name in keys(spelled[-1]):
                if names := self._by_name.get(name) or self._by_stem.get(stem(name)):
                    return self._best(names, file, (*map(key, spelled[:-1]), name))
        return None

    def _best(self, indices: Sequence[int], file: tuple[str, ...], said: tuple[str, ...]) -> int | None:
        """Return the photo whose folders fit best to those of the label file and of the name inside."""
        some = self._near(indices, {*file[:-1], *said[:-1]})
        fits = sorted(((_fit(self._photos[index], file, said), index) for index in some), reverse=True)
        if not fits or (len(fits) > 1 and fits[0][0] == fits[1][0]):
            return None
        return fits[0][1]

    def _near(self, indices: Sequence[int], folders: set[str]) -> Sequence[int]:
        """Return those of very many photos of one name that lie in one of the folders; none where these are as many.

        To look at each for each label would take quadratic time.
        """
        if len(indices) <= MANY:
            return indices
        name = self._photos[indices[0]][-1]
        lists = [self._by_folder.get((folder, stem(name)), []) for folder in folders]
        near = {index for some in lists if len(some) <= MANY for index in some}
        by_name = indices is self._by_name.get(name)  # or by the name without its suffix
        return sorted(index for index in near if not by_name or self._photos[index][-1] == name)


def key(name: str) -> str:
    """Return a key that is equal for spellings of a name that many systems take for one: case, and accents apart."""
    return clean(name).casefold()


def keys(name: str) -> tuple[str, ...]:
    """Return the keys of the photo that a label file names: as it stands, or as it was before it was uploaded."""
    whole = key(name)
    short = _UPLOADED.sub("", whole, count=1) if _UPLOADED.match(whole) else whole
    return (whole,) if short == whole else (whole, short)


def stem(name: str) -> str:
    """Return a file's name without its suffix."""
    return name.rpartition(".")[0] if suffix(name) else name


def _parts(said: str) -> tuple[str, ...]:
    """Return the folders and the file that a label file names: Windows paths and Label Studio's links, too."""
    path = said.rpartition("?d=")[2].replace("\\", "/")
    path = path.partition("?")[0] if "://" in path else path
    return tuple(part for part in path.split("/") if part not in ("", ".", "..")) or ("",)


def _fit(photo: tuple[str, ...], file: tuple[str, ...], said: tuple[str, ...]) -> tuple[int, int]:
    same = 0
    for one, other in zip(reversed(photo), reversed(said), strict=False):
        if one != other:
            break
        same += 1
    folders = Counter(photo[:-1]) & Counter(file[:-1])
    return same, folders.total()
