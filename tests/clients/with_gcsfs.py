"""gcsfs, by its plain HTTP file system and by that which asks by gRPC first."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from modelmail_emulator import GcsEmulator

SCRIPT = """
import sys, time
import gcsfs
times = []
fs = gcsfs.GCSFileSystem(project="some-project", token="anon", endpoint_url=sys.argv[1], **eval(sys.argv[3]))
bucket = sys.argv[2]
def step(name, call, expected=None):
    began = time.perf_counter()
    found = call()
    seconds = time.perf_counter() - began
    assert expected is None or found == expected, (name, found)
    assert seconds < 1, (name, seconds)
step("mkdir", lambda: fs.mkdir(bucket))
step("pipe", lambda: fs.pipe(f"{bucket}/a/b c.txt", b"hello"))
step("cat", lambda: fs.cat(f"{bucket}/a/b c.txt"), b"hello")
step("cat of a part", lambda: fs.cat_file(f"{bucket}/a/b c.txt", 1, 3), b"el")
step("ls", lambda: fs.ls(f"{bucket}/a"), [f"{bucket}/a/b c.txt"])
step("info", lambda: fs.info(f"{bucket}/a/b c.txt")["size"], 5)
step("cp", lambda: fs.cp(f"{bucket}/a/b c.txt", f"{bucket}/c"))
step("mv", lambda: fs.mv(f"{bucket}/c", f"{bucket}/d"))
def write():
    with fs.open(f"{bucket}/big", "wb", block_size=2**18) as file:
        for _ in range(5):
            file.write(b"x" * 200_000)
step("open to write", write)
step("size", lambda: fs.size(f"{bucket}/big"), 1_000_000)
step("open to read", lambda: fs.open(f"{bucket}/big").read(3), b"xxx")
step("find", lambda: sorted(fs.find(bucket)), [f"{bucket}/a/b c.txt", f"{bucket}/big", f"{bucket}/d"])
step("glob", lambda: fs.glob(f"{bucket}/**/*.txt"), [f"{bucket}/a/b c.txt"])
step("exists", lambda: fs.exists(f"{bucket}/none"), False)
step("rm", lambda: fs.rm(bucket, recursive=True))
print(type(fs).__name__)
"""


@pytest.mark.parametrize(
    ("more", "arguments", "name"),
    [
        ({"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}, "{}", "GCSFileSystem"),
        ({}, "{'retry_timeout': 0.1}", "ExtendedGcsFileSystem"),
    ],
    ids=["without gRPC", "gRPC gives up at once"],
)
def test_every_operation_takes_less_than_a_second(
    gcs_emulator: GcsEmulator, tmp_path: Path, more: dict[str, str], arguments: str, name: str
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    began = time.perf_counter()
    told = subprocess.run(
        [sys.executable, script, gcs_emulator.url, f"with-{name.lower()}", arguments],
        capture_output=True, text=True, env={**os.environ, **more}, timeout=120,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-3000:]
    assert told.stdout.strip() == name
    assert time.perf_counter() - began < 30
