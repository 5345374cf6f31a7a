"""Thousands of damaged zips and pictures: each ends in a verdict, none in another error, none in a dead decoder."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jobs.errors import CODES
from tests.unit.intake import jpegs, pngs, rasters
from tests.unit.intake.crafted import class_files
from tests.unit.intake.hostile_zips import HOSTILE
from tests.unit.intake.lies import FEW
from tests.unit.intake.mutants import mutate
from tests.unit.intake.systems import SYSTEMS, with_litter
from tests.unit.intake.test_pictures import REASONS, decoded
from vm_worker.intake.pool import Decoders
from vm_worker.tasks.uploads import verdict

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

ZIPS = 1_200
PICTURES = 3_000
BATCH = 250  # pictures on the disk at a time
LARGEST = 200_000  # bytes of what is changed


@pytest.fixture(scope="module")
def pool() -> Iterator[Decoders]:
    with Decoders(1) as decoders:
        yield decoders


def _zips(folder: Path) -> list[bytes]:
    path = folder / "base.zip"
    files = with_litter(class_files({"Äpfel": 6, "pears": 6}), "photos")
    found = [system.write(files, path).read_bytes() for system in SYSTEMS.values()]
    for _, write in HOSTILE.values():
        write(path)
        found.append(path.read_bytes())
    path.unlink()
    return [data for data in found if 30 < len(data) < LARGEST]


@pytest.mark.parametrize("seed", range(4))
def test_mutants_of_zips_end_in_a_verdict(seed: int, tmp_path: Path, pool: Decoders) -> None:
    chance, bases, codes = np.random.default_rng(seed), _zips(tmp_path), Counter[str]()
    path = tmp_path / "upload.zip"
    for _ in range(ZIPS // 4):
        base = bases[chance.integers(len(bases))]
        # Mostly in the directory, where it hurts.
        start = max(0, base.find(b"PK\1\2")) if chance.random() < 0.7 else 0
        path.write_bytes(mutate(base, chance, start))
        said = verdict(path, FEW, pool)
        assert said.accepted == (said.code is None)
        assert said.message
        assert {skip.reason for skip in said.skipped} & {"breaks the decoder", "takes too long to decode"} == set()
        codes[said.code or "accepted"] += 1
    assert set(codes) <= {*CODES, "accepted"}
    assert {"accepted", "damaged_zip", "unsafe_zip"} <= set(codes)
    assert list(tmp_path.iterdir()) == [path]
    sys.stdout.write(f"{dict(codes.most_common())}\n")


def _pictures() -> list[bytes]:
    groups = [jpegs.readable(), jpegs.doubtful(), pngs.oddities(), pngs.bombs()]
    groups += [rasters.gifs(), rasters.bmps(), rasters.webps()]
    odd = [data for group in groups for data in group.values() if 8 < len(data) < LARGEST]
    return [*odd, *(pngs.Png(*kind).data() for kind in pngs.KINDS)]


@pytest.mark.parametrize("seed", range(PICTURES // BATCH))
def test_mutants_of_pictures_are_read_or_refused(seed: int, tmp_path: Path, pool: Decoders) -> None:
    chance, bases = np.random.default_rng(100 + seed), _pictures()
    mutants = [mutate(bases[chance.integers(len(bases))], chance) for _ in range(BATCH)]
    reasons = Counter(reply.reason for reply in decoded(mutants, tmp_path, pool))
    assert set(reasons) <= REASONS | {"is empty"}
    assert reasons[None] > 0
