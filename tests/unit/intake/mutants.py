"""Damage files by a seed: bytes flipped, cut, moved, doubled, or set to numbers that readers fail on."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

EDGES = (0, 1, 0x7F, 0x80, 0xFF)
WIDE_EDGES = (0, 1, 2, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
LONGEST = 64  # bytes of a span that is moved or lost


def mutate(data: bytes, chance: Generator, start: int = 0) -> bytes:
    """Make one to four changes at or behind `start`."""
    mutant = bytearray(data)
    for _ in range(chance.integers(1, 5)):
        if len(mutant) > start + 8:
            _CHANGES[chance.integers(len(_CHANGES))](mutant, chance, start)
    return bytes(mutant)


def _place(mutant: bytearray, chance: Generator, start: int) -> int:
    return int(chance.integers(start, len(mutant) - 4))


def _span(mutant: bytearray, chance: Generator, start: int) -> slice:
    place = _place(mutant, chance, start)
    return slice(place, place + int(chance.integers(1, LONGEST)))


def _flip(mutant: bytearray, chance: Generator, start: int) -> None:
    mutant[_place(mutant, chance, start)] ^= 1 << int(chance.integers(8))


def _byte(mutant: bytearray, chance: Generator, start: int) -> None:
    mutant[_place(mutant, chance, start)] = int(chance.integers(256))


def _edge(mutant: bytearray, chance: Generator, start: int) -> None:
    mutant[_place(mutant, chance, start)] = int(chance.choice(EDGES))


def _number(mutant: bytearray, chance: Generator, start: int) -> None:
    """Overwrite a number that may be a length, a count or an offset."""
    place, width = _place(mutant, chance, start), int(chance.choice((2, 4)))
    value = int(chance.choice(np.array(WIDE_EDGES, dtype=np.int64))) & (256**width - 1)
    mutant[place : place + width] = value.to_bytes(width, "little" if chance.random() < 0.7 else "big")


def _cut(mutant: bytearray, chance: Generator, start: int) -> None:
    del mutant[_place(mutant, chance, start) :]


def _lose(mutant: bytearray, chance: Generator, start: int) -> None:
    del mutant[_span(mutant, chance, start)]


def _double(mutant: bytearray, chance: Generator, start: int) -> None:
    span = _span(mutant, chance, start)
    mutant[span.stop : span.stop] = mutant[span]


def _move(mutant: bytearray, chance: Generator, start: int) -> None:
    place = _place(mutant, chance, start)
    mutant[place:place] = mutant[_span(mutant, chance, start)]


def _clear(mutant: bytearray, chance: Generator, start: int) -> None:
    span = _span(mutant, chance, start)
    mutant[span] = bytes(len(mutant[span]))


_CHANGES = (_flip, _byte, _edge, _number, _number, _cut, _lose, _double, _move, _clear)
