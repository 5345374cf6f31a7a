"""Tell from the name of a folder whether it is a part of a ready-made split: `train`, `test_set`, `seg_val`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from jobs.part_words import FILLER_WORDS, PART_WORDS


class Role(StrEnum):
    """The use that a folder's name gives its photos."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    UNLABELLED = "unlabelled"


@dataclass(frozen=True)
class PartName:
    """The name of a folder that holds a word for a part."""

    role: Role
    word: str  # the word for the part, as it is in the table
    rest: str  # the other words that mean something: "seg" of `seg_test`
    bare: bool  # the name is this word and nothing else
    last: bool  # the word is the last one that means something: `seg_test`, not `test_tube`

    @property
    def whole(self) -> bool:
        """Whether nothing else is in the name that means something: `test`, `Test_images_2`, not `seg_test`."""
        return not self.rest


_LETTERS = re.compile(r"[^\W\d_]+")
_HUMP = re.compile("(?<=[a-z])(?=[A-Z])")
_LONGEST = 100  # characters of a name that are looked at


def _plain(text: str) -> str:
    """Return the text in lower case and without accents."""
    marked = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in marked if not unicodedata.combining(letter))


_ROLES = {_plain(word): Role(role) for role, words in PART_WORDS.items() for word in words}
_FILLERS = frozenset(map(_plain, FILLER_WORDS))
_ENDINGS = tuple(sorted((word for word in _FILLERS if len(word) > 2 or not word.isascii()), key=len, reverse=True))
_PRECEDENCE = (Role.UNLABELLED, Role.TRAIN, Role.VALIDATION, Role.TEST)  # "trainval" and "train_val" are for training


@lru_cache(maxsize=4096)
def part_name(folder: str) -> PartName | None:
    """Read the name of a folder; return None where it holds no word for a part."""
    words = _words(folder)
    telling = [word for word in words if word not in _FILLERS]
    joined = _part_word("".join(telling))  # "hold_out", "un-labelled"
    found = [joined] if joined else [_part_word(word) for word in telling]
    known = [word for word in found if word]
    if not known:
        return None
    word = min(known, key=lambda word: _PRECEDENCE.index(_ROLES[word]))
    rest = " ".join(word for word, known_as in zip(telling, found, strict=False) if not known_as)
    return PartName(_ROLES[word], word, rest, bare=_plain(folder) == word, last=found[-1] is not None)


def says_nothing(folder: str) -> bool:
    """Return whether a folder is named like a container of anything: `data`, `images_2`."""
    words = _words(folder)
    return all(word in _FILLERS for word in words) and any(len(word) > 1 for word in words)


def _words(folder: str) -> list[str]:
    return _LETTERS.findall(_plain(_HUMP.sub(" ", folder[:_LONGEST])))


def _part_word(word: str) -> str | None:
    """Return the part's word in a word such as `test` or `testset`."""
    if word in _ROLES:
        return word
    stem = next((word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)), "")
    return stem if stem in _ROLES else None
