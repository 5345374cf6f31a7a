"""Where weights are found, and the reason that is given where they are not."""

from __future__ import annotations

import pickle
import socket
import sys
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from jobs.catalogue import Stock
from vm_worker.learn.networks import torch_pickle, weights
from vm_worker.learn.networks.weights import DOWNLOAD, KERAS_H5, TORCH_PICKLE, find, stock


def a_folder(folder: Path, digest: str | None) -> str:
    (folder / "vgg16.weights.h5").write_bytes(b"numbers")
    if digest is not None:
        (folder / "SHA256SUMS").write_text(f"{digest}  vgg16.weights.h5\n", encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize("digest", [None, sha256(b"numbers").hexdigest()])
def test_a_folder_gives_its_files(tmp_path: Path, digest: str | None) -> None:
    found, missing = find(["vgg16"], a_folder(tmp_path, digest), download=False)
    assert found["vgg16"].path == tmp_path / "vgg16.weights.h5"
    assert found["vgg16"].kind == KERAS_H5
    assert not missing


def test_a_file_that_does_not_match_its_sum_is_refused(tmp_path: Path) -> None:
    found, missing = find(["vgg16"], a_folder(tmp_path, "0" * 64), download=False)
    assert not found
    assert "SHA256SUMS" in missing["vgg16"]


def test_a_folder_wins_over_a_package(tmp_path: Path) -> None:
    (tmp_path / "efficientnet_lite0.weights.h5").write_bytes(b"numbers")
    found, _ = find(["efficientnet_lite0"], str(tmp_path), download=False)
    assert found["efficientnet_lite0"].kind == KERAS_H5


def test_a_bucket_prefix_says_that_it_is_not_read() -> None:
    _, missing = find(["vgg16"], "gs://bucket/weights", download=False)
    assert "gs://" in missing["vgg16"]


def test_a_package_with_another_checkpoint_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = weights.PACKAGES["efficientnet_lite0"]
    (tmp_path / package.module / "models").mkdir(parents=True)
    (tmp_path / package.module / "__init__.py").touch()
    (tmp_path / package.module / "models" / package.file).write_bytes(b"something else")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, package.module, raising=False)
    found, missing = find(["efficientnet_lite0"], "", download=False)
    assert not found
    assert "pinned" in missing["efficientnet_lite0"]


def test_a_network_without_weights_is_named() -> None:
    found, missing = find(["xception", "efficientnet_lite0"], "", download=False)
    assert missing == {"xception": "no weights on this machine"}
    assert found["efficientnet_lite0"].kind == TORCH_PICKLE


class NotThere(BaseHTTPRequestHandler):
    """Answers every HEAD by 404, as Keras' storage does for a folder."""

    def do_HEAD(self) -> None:
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing to the terminal."""


def test_a_download_is_tried_where_something_answers() -> None:
    with HTTPServer(("127.0.0.1", 0), NotThere) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        found, missing = find(["xception"], "", True, f"http://127.0.0.1:{server.server_port}/")
        thread.join()
    assert missing == {} and found["xception"].kind == DOWNLOAD


def test_no_download_is_tried_where_nothing_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found, missing = find(["xception"], "", True, f"http://127.0.0.1:{port}/")
    assert found == {} and "cannot be reached" in missing["xception"]


def test_nobody_answers_on_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not weights.reachable(f"http://127.0.0.1:{port}/")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1 + 1",)


@pytest.mark.parametrize(
    ("pickles", "message"),
    [
        # What runs code when a careless reader loads it.
        ([torch_pickle.MAGIC, 1001, {}, Evil()], "eval"),
        # No checkpoint at all.
        ([7], "no legacy PyTorch checkpoint"),
    ],
)
def test_a_checkpoint_cannot_run_code(pickles: list[object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in pickles))
    with pytest.raises(pickle.UnpicklingError, match=message):
        torch_pickle.read_state(path)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (4, 4), (4, 1)), (2, (2, 2), (4, 1)), (-1, (2,), (1,)), (0, (2,), (-1,))],
)
def test_a_tensor_cannot_look_outside_its_storage(offset: int, shape: tuple[int], strides: tuple[int]) -> None:
    storage = torch_pickle.Storage(np.dtype("<f4"), 6)
    with pytest.raises(pickle.UnpicklingError, match="outside"):
        torch_pickle.View(storage, offset, shape, strides).array()


def test_a_transposed_tensor_is_read_as_it_was_meant() -> None:
    storage = torch_pickle.Storage(np.dtype("<f4"), 6)
    storage.data = np.arange(6, dtype=np.float32)
    view = torch_pickle.View(storage, 0, (3, 2), (1, 3))
    np.testing.assert_array_equal(view.array(), np.arange(6).reshape(2, 3).T)


def test_the_stock_is_what_is_here_and_what_may_be_downloaded(tmp_path: Path) -> None:
    lite = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
    assert stock("", download=False) == Stock(lite)
    here = stock(a_folder(tmp_path, None), download=False)
    assert set(here.networks) == {*lite, "vgg16"} and here.downloads == ()
    more = stock(str(tmp_path), download=True)
    assert "xception" in more.downloads and not set(more.downloads) & set(more.networks)


def test_a_file_that_may_not_be_read_is_no_weights(tmp_path: Path) -> None:
    (tmp_path / "vgg16.weights.h5").mkdir()
    (tmp_path / "SHA256SUMS").mkdir()
    assert "vgg16" not in stock(str(tmp_path), download=False).networks
