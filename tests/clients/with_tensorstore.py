"""tensorstore, which has a client of its own in C++ for its arrays. It is told the address by the environment."""

from __future__ import annotations

import subprocess
import sys

from modelmail_emulator import GcsEmulator

from tests.clients.conftest import new_bucket

SCRIPT = """
import sys
import numpy as np
import tensorstore as ts
place = {"driver": "gcs", "bucket": sys.argv[1]}
store = ts.KvStore.open({**place, "path": "keys/"}).result()
first = store.write("a b/ü+%", b"hello").result()
assert store.read("a b/ü+%").result().value == b"hello"
assert store.read("none").result().state == "missing"
assert store.read("a b/ü+%", if_not_equal=first.generation).result().state == "unspecified"
second = store.write("a b/ü+%", b"again", if_equal=first.generation).result()
assert second.generation != first.generation
refused = store.write("a b/ü+%", b"late", if_equal=first.generation).result()
assert store.read("a b/ü+%").result().value == b"again", refused
assert store.list().result() == ["a b/ü+%".encode()]
store.delete_range(ts.KvStore.KeyRange()).result()
assert store.list().result() == []
metadata = {"shape": [100, 90], "data_type": "int32",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [30, 30]}}}
array = {"driver": "zarr3", "kvstore": {**place, "path": "array/"}}
numbers = np.arange(9000, dtype="int32").reshape(100, 90)
ts.open({**array, "metadata": metadata}, create=True).result()[:] = numbers
again = ts.open(array).result()
assert (again.read().result() == numbers).all()
assert int(again[99, 89].read().result()) == 8999
"""


def test_keys_conditions_and_an_array(gcs_emulator: GcsEmulator) -> None:
    bucket = new_bucket(gcs_emulator)
    env = {
        "TENSORSTORE_GCS_HTTP_URL": gcs_emulator.url,
        "GOOGLE_AUTH_TOKEN_FOR_TESTING": "any",
        "PATH": "/usr/bin:/bin",
    }
    subprocess.run([sys.executable, "-c", SCRIPT, bucket.name], env=env, check=True, timeout=60)
    assert {blob.name for blob in bucket.list_blobs()} >= {"array/zarr.json", "array/c/3/2"}
