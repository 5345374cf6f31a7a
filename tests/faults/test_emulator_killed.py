"""`kill -9` of the bucket emulator, two hundred times in the middle of writes, one data folder all along."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.emulator.signatures.keys import ensure_key
from tests.emulator.on_disk import missing, strays
from tests.faults import forked
from tests.faults.writers import Connection, Writer
from tests.servers import ACCOUNT, running_emulator

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

KILLS = 200
WRITERS = 5
EVERY = 10  # so many kills apart one hits while the emulator starts
RUN_SECONDS = (0.02, 0.2)  # between the first write and the kill
START_SECONDS = (0.05, 0.4)


def test_two_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    data, key = tmp_path / "data", ensure_key(tmp_path / "key.json", ACCOUNT)
    dice = random.Random(3)  # noqa: S311 - repeatable
    writers = [Writer(number, random.Random(number)) for number in range(WRITERS)]  # noqa: S311
    with running_emulator(data, key) as emulator:
        bucket = emulator.bucket().name
    looked = 0
    for kill in range(KILLS):
        if kill % EVERY == EVERY - 1:
            _kill_while_starting(data, key, dice.uniform(*START_SECONDS))
            continue
        with forked.running_emulator(data, key, tmp_path / "log") as (url, process):
            looked += sum(writer.settle(Connection(url, bucket)) for writer in writers)
            _clean(data)
            _write_until_killed(writers, url, bucket, process, dice.uniform(*RUN_SECONDS))
    with running_emulator(data, key) as emulator:
        looked += sum(writer.settle(Connection(emulator.url, bucket)) for writer in writers)
        _clean(data)
    acknowledged = sum(writer.acknowledged for writer in writers)
    interrupted = sum(writer.interrupted for writer in writers)
    print(f"\n{KILLS} kills: {acknowledged} changes acknowledged, {interrupted} interrupted, {looked} contents checked:"
          " 0 lost, 0 corrupt, 0 stray files")  # fmt: skip
    assert interrupted >= KILLS // 2  # the kills did hit changes that were under way
    assert acknowledged >= KILLS


def _write_until_killed(writers: list[Writer], url: str, bucket: str, process: forked.Forked, seconds: float) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(len(writers)) as pool:
        ends = [pool.submit(writer.write, Connection(url, bucket), stop) for writer in writers]
        time.sleep(seconds)
        process.kill()
        process.wait()
        stop.set()
        for end in ends:
            end.result()


def _kill_while_starting(data: Path, key: Path, seconds: float) -> None:
    command = [sys.executable, "-m", "infra.emulator", "--port", "0", "--data", str(data)]
    with subprocess.Popen([*command, "--service-account", str(key)], stdout=subprocess.DEVNULL) as process:
        time.sleep(seconds)
        process.kill()


def _clean(data: Path) -> None:
    """Nothing half is left a moment after the start, and nothing whole is gone."""
    assert missing(data) == set()
    end = time.monotonic() + 10
    while left := strays(data):
        assert time.monotonic() < end, left
        time.sleep(0.01)
