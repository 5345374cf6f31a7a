"""pyarrow's GcsFileSystem, which is Google's client for C++."""

from __future__ import annotations

from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import storage
from modelmail_emulator import GcsEmulator
from pyarrow import fs

from tests.clients.conftest import new_bucket

BIG = bytes(range(256)) * 40_000  # more than one part of an upload


@pytest.fixture
def bucket(gcs_emulator: GcsEmulator) -> storage.Bucket:
    return new_bucket(gcs_emulator)


@pytest.fixture
def files(gcs_emulator: GcsEmulator) -> fs.GcsFileSystem:
    return fs.GcsFileSystem(
        anonymous=True, scheme="http", endpoint_override=urlsplit(gcs_emulator.url).netloc, project_id="some-project"
    )


def test_files(files: fs.GcsFileSystem, bucket: storage.Bucket) -> None:
    root = bucket.name
    for name, content in (("a/ü b+%.txt", b"hello"), ("a/big", BIG), ("a/empty", b"")):
        with files.open_output_stream(f"{root}/{name}", metadata={"Content-Type": "text/x", "k": "v"}) as stream:
            stream.write(content)
        assert files.open_input_stream(f"{root}/{name}").read() == content
    blob = bucket.get_blob("a/ü b+%.txt")
    assert blob is not None and (blob.content_type, blob.metadata) == ("text/x", {"k": "v"})
    assert files.open_input_file(f"{root}/a/big").read_at(3, 7) == BIG[7:10]
    kinds = [info.type for info in files.get_file_info([f"{root}/a/big", f"{root}/none", f"{root}/a", root])]
    kind = fs.FileType
    assert kinds == [kind.File, kind.NotFound, kind.Directory, kind.Directory]
    files.copy_file(f"{root}/a/big", f"{root}/b")
    files.move(f"{root}/b", f"{root}/c")
    files.delete_file(f"{root}/a/empty")
    found = files.get_file_info(fs.FileSelector(root, recursive=True))
    assert sorted(info.path for info in found) == [f"{root}/a/big", f"{root}/a/ü b+%.txt", f"{root}/c"]


def test_folders(files: fs.GcsFileSystem, bucket: storage.Bucket) -> None:
    folder = f"{bucket.name}/one/two"
    files.create_dir(folder)
    files.create_dir(folder)
    assert files.get_file_info(folder).type is fs.FileType.Directory
    bucket.blob("one/two/file").upload_from_string("x")
    files.delete_dir_contents(folder)
    files.delete_dir(folder)
    assert [blob.name for blob in bucket.list_blobs()] == ["one/"]
    with pytest.raises(OSError, match=r"none"):
        files.delete_dir(f"{bucket.name}/none")


def test_buckets(files: fs.GcsFileSystem, bucket: storage.Bucket) -> None:
    made = f"{bucket.name}-made"
    files.create_dir(made)
    assert bucket.client.bucket(made).exists()


def test_a_table_in_parts(files: fs.GcsFileSystem, bucket: storage.Bucket) -> None:
    table = pa.table({"n": list(range(1000)), "part": ["even", "odd"] * 500})
    pq.write_to_dataset(table, f"{bucket.name}/table", filesystem=files, partition_cols=["part"])
    read = pq.read_table(f"{bucket.name}/table", filesystem=files, filters=[("part", "=", "odd")])
    assert sorted(read["n"].to_pylist()) == list(range(1, 1000, 2))
