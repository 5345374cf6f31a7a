"""`modelmail doctor` tells what is there and what is not."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from infra.cli import doctor
from infra.cli.doctor import NEEDS, Needs
from infra.local.ports import Ports


def _findings(data: Path, capsys: pytest.CaptureFixture[str], needs: Needs = NEEDS) -> dict[str, dict[str, str]]:
    assert doctor.run(data, True, needs) == 0
    found = json.loads(capsys.readouterr().out)["findings"]
    return {one["what"]: one for one in found}


def test_the_installed_networks_are_named_and_training_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _findings(tmp_path / "not" / "there", capsys)
    assert "efficientnet_lite0" in found["Pretrained networks"]["found"]
    assert all(one["state"] in ("good", "poor") for one in found.values())
    assert all(one["advice"] for one in found.values() if one["state"] == "poor" and one["what"] != "Processor cores")


def test_a_taken_port_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert _findings(tmp_path, capsys, Needs(ports=Ports(port, 1, 1)))["Ports"]["found"] == f"in use: {port}"


def test_without_an_extra_it_says_what_is_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs = Needs(extras={"fast": ("no_such_module", "everything is quick")})
    assert _findings(tmp_path, capsys, needs)["Extra `fast`"]["advice"] == "With it everything is quick."


def test_without_any_weights_training_does_not_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.run(tmp_path, as_json=False, needs=Needs(networks=("vgg16",))) == 1
    assert "MODELMAIL_WEIGHTS" in capsys.readouterr().out.replace("\n", "")


def test_a_broken_setting_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELMAIL_LIMIT_ZIP_BYTES", "many")
    assert doctor.run(tmp_path, as_json=False) == 1
    assert "MODELMAIL_LIMIT_ZIP_BYTES must be a whole number" in capsys.readouterr().out
