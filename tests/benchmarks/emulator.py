"""The bucket emulator's figures. Speeds are shown beside what the machine itself gives in the same minute."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from infra.emulator.signatures.keys import ensure_key
from tests.emulator.big import MIB, Growth, resumable, signed_put
from tests.emulator.racers import Ask, racers
from tests.emulator.seeded import seed
from tests.emulator.signed import error_code, signed_upload
from tests.emulator.test_races import ROUNDS, THREADS, insert
from tests.emulator.test_signatures import FORGED
from tests.servers import ACCOUNT, EmulatorUnderTest, running_emulator

pytestmark = pytest.mark.timeout(1200)

CALLS = 1000
PAGES = 20
BODY = b"x" * 1024
BIG_MIB = 200


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return ensure_key(tmp_path / "key.json", ACCOUNT)


@contextmanager
def keep_alive(url: str) -> Iterator[Callable[..., bytes]]:
    """One HTTP client over one connection; each call gives the body of a success."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)) as connection:

        def ask(method: str, path: str, body: bytes | None = None) -> bytes:
            connection.request(method, path, body)
            answer = connection.getresponse()
            data = answer.read()
            assert answer.status < 300, (answer.status, data)
            return data

        yield ask


def each(count: int, call: Callable[[int], object]) -> float:
    """Seconds a call."""
    began = time.perf_counter()
    for number in range(count):
        call(number)
    return (time.perf_counter() - began) / count


def a_sync(folder: Path) -> float:
    """Seconds that the disk takes to write 4 KiB and say that it is there."""
    with open(folder / "sync", "wb", buffering=0) as file:

        def synced(number: int) -> None:
            file.write(b"x" * 4096)
            os.fsync(file.fileno())

        return each(200, synced)


def test_startup(tmp_path: Path, key: Path) -> None:
    """From the start of the process to the line that says it listens."""
    print("\nstartup                           seconds   processor seconds")
    for module in (["infra.emulator"], ["infra.cli.main", "emulator"]):
        for _ in range(3):
            began = time.perf_counter()
            where = ["--port", "0", "--data", str(tmp_path / "data"), "--service-account", str(key)]
            with subprocess.Popen([sys.executable, "-m", *module, *where], stdout=subprocess.PIPE) as process:
                assert process.stdout is not None
                assert process.stdout.readline().startswith(b"listening on ")
                wall, used = time.perf_counter() - began, psutil.Process(process.pid).cpu_times()
                process.kill()
            print(f"{' '.join(module):32}  {wall:7.2f}   {used.user + used.system:17.2f}")


@pytest.mark.parametrize("objects", [1000, 100_000])
def test_small_objects(tmp_path: Path, key: Path, objects: int) -> None:
    data = tmp_path / "data"
    seed(data, "seeded", objects)
    with running_emulator(data, key) as emulator, keep_alive(emulator.url) as ask:
        server = psutil.Process(emulator.process.pid)
        step = objects // CALLS
        calls: dict[str, Callable[[int], object]] = {
            "put": lambda i: ask("POST", f"/upload/storage/v1/b/seeded/o?uploadType=media&name=new-{i}", BODY),
            "get": lambda i: ask("GET", f"/storage/v1/b/seeded/o/object-{i * step:06}?alt=media"),
            "stat": lambda i: ask("GET", f"/storage/v1/b/seeded/o/object-{i * step:06}"),
        }
        print(f"\n1 KiB, {objects:,} objects       calls/s   server's processor us/call   client's")
        for name, call in calls.items():
            before, mine = server.cpu_times(), time.process_time()
            seconds = each(CALLS, call)
            after, mine = server.cpu_times(), time.process_time() - mine
            used = after.user + after.system - before.user - before.system
            print(f"{name:29} {1 / seconds:8.0f}   {1e6 * used / CALLS:26.0f}   {1e6 * mine / CALLS:8.0f}")
        print(f"the disk's own syncs          {1 / a_sync(tmp_path):8.0f}")
        page = "/storage/v1/b/seeded/o?maxResults=1000"
        middle = f"{page}&startOffset=object-{objects // 2:06}"
        for label, path in (("first", page), ("middle", middle)):
            before = server.cpu_times()
            seconds = each(PAGES, partial(_get, ask, path))
            used = server.cpu_times().user - before.user
            print(f"the {label} page of 1,000 names: {1000 * seconds:.1f} ms, processor {1000 * used / PAGES:.1f} ms")
        assert len(json.loads(ask("GET", page))["items"]) == min(1000, objects)


def test_big_objects(tmp_path: Path, key: Path) -> None:
    with running_emulator(tmp_path / "data", key) as emulator:
        print(f"\n{BIG_MIB} MiB                              MB/s   of the disk's   memory grew by")
        for name, send in (("signed PUT", signed_put), ("resumable, chunks of 8 MiB", resumable)):
            with Growth(emulator.process.pid) as growth:
                began = time.perf_counter()
                send(emulator, emulator.bucket(), BIG_MIB)
                speed = BIG_MIB * MIB / 1e6 / (time.perf_counter() - began)
            own = _disk_speed(tmp_path)
            print(f"{name:32} {speed:10.0f}   {speed / own:12.0%}   {growth.bytes / MIB:9.0f} MiB")
        print(f"{'the disk itself, write and sync':32} {own:10.0f}")


def _get(ask: Callable[..., bytes], path: str, number: int) -> None:
    ask("GET", path)


def _disk_speed(folder: Path) -> float:
    """MB/s of a file of the same size, written and synced by this process."""
    piece = os.urandom(MIB)
    began = time.perf_counter()
    with open(folder / "disk", "wb", buffering=0) as file:
        for _ in range(BIG_MIB):
            file.write(piece)
        os.fsync(file.fileno())
    return BIG_MIB * MIB / 1e6 / (time.perf_counter() - began)


def test_races(emulator: EmulatorUnderTest) -> None:
    bucket = emulator.bucket()
    path = f"/storage/v1/b/{bucket.name}/o/a"
    print(f"\n{THREADS} threads, {ROUNDS} rounds          winners a round   answers            seconds")
    with racers(emulator.url, THREADS) as field:

        def row(name: str, asks: Callable[[int], list[Ask]]) -> None:
            began, answers, winners = time.perf_counter(), Counter[int](), Counter[int]()
            for number in range(ROUNDS):
                statuses = field.race(asks(number))
                answers += Counter(statuses)
                winners[sum(status < 300 for status in statuses)] += 1
            counted = ", ".join(f"{count} x {status}" for status, count in sorted(answers.items()))
            each_round = "/".join(str(count) for count in winners)
            print(f"{name:32} {each_round:12} {counted:24} {time.perf_counter() - began:7.1f}")
            assert set(winners) == {1}

        def fresh(generation: int | None = None) -> int:
            blob = bucket.blob("a")
            blob.upload_from_string("x", if_generation_match=generation)
            return int(blob.generation)

        row("create", lambda number: [Ask(ask.method, ask.path.replace("name=a&", f"name=c{number}&"), ask.body)
                                      for ask in insert(bucket, 0)])  # fmt: skip
        row("overwrite of one generation", lambda _: insert(bucket, fresh()))
        row("patch of one metageneration", lambda _: [
            Ask("PATCH", f"{path}?ifGenerationMatch={fresh()}&ifMetagenerationMatch=1", b"{}")] * THREADS)  # fmt: skip
        row("delete of one generation", lambda _: [Ask("DELETE", f"{path}?ifGenerationMatch={fresh()}")] * THREADS)


def test_forged_links(emulator: EmulatorUnderTest) -> None:
    bucket = emulator.bucket()
    refused, accepted = Counter[tuple[int, str]](), 0
    for number, (name, forge, status, code) in enumerate(FORGED):
        honest = signed_upload(emulator, bucket, "honest.zip")
        answer = forge(honest).send()
        assert (answer.status_code, error_code(answer)) == (status, code), (number, name)
        refused[status, code or "(a HEAD has no body)"] += 1
        accepted += honest.send().status_code == 200
        bucket.blob("honest.zip").delete()
    print(f"\n{len(FORGED)} forged links, each beside its honest twin")
    for (status, code), count in sorted(refused.items()):
        print(f"{status} {code:24} {count:4}")
    print(f"200 honest twins             {accepted:4}")
    assert accepted == len(FORGED)
