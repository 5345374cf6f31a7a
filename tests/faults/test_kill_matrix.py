"""Every point of a job's life x every fault, with real workers: one outcome, one mail, nothing left behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.cells import Cell, Fault, Verdict
from tests.faults.house import House, open_house
from tests.faults.points import POINTS

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

AT_ONCE = 10  # cells; most of their time they wait for leases


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as opened:
        yield opened


def test_the_kill_matrix(house: House) -> None:
    began = time.monotonic()
    pairs = [(point, fault) for point in reversed(POINTS) for fault in Fault]  # those of mails wait longest
    with ThreadPoolExecutor(AT_ONCE) as pool:
        cells = [pool.submit(Cell(house, *pair, number).run) for number, pair in enumerate(pairs)]
        verdicts = [cell.result() for cell in cells]
    show(verdicts, time.monotonic() - began)
    assert [verdict for verdict in verdicts if verdict.wrong] == []


def show(verdicts: list[Verdict], seconds: float) -> None:
    """A row for each point: how each fault ended, and after how many attempts."""
    print(f"\n{len(verdicts)} runs in {seconds:.0f} s; attempts and mails, and seconds")
    print(f"{'point':32}" + "".join(f"{fault:>18}" for fault in Fault))
    for point in POINTS:
        row = [verdict for verdict in verdicts if verdict.point == point.name]
        print(f"{point.name:32}" + "".join(f"{_short(verdict):>18}" for verdict in row))
    for verdict in verdicts:
        if verdict.wrong:
            print(f"WRONG {verdict.point} x {verdict.fault}: {verdict.wrong}")


def _short(verdict: Verdict) -> str:
    mark = "WRONG" if verdict.wrong else verdict.status
    return f"{mark} {verdict.attempts}a {verdict.mails}m {verdict.seconds:.0f}s"
