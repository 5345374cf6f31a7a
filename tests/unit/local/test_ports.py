"""Ports: the usual ones, or the next that are free, the same at the next start."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from infra.local.ports import EPHEMERAL, HOST, Ports, remember, remembered, reserved


def test_a_taken_port_moves_on_to_the_next_free_one() -> None:
    with socket.create_server((HOST, 0)) as server:
        taken = server.getsockname()[1]
        with reserved(Ports(taken, 0, 0)) as found:
            assert taken < found.function < taken + 100


def test_the_same_wish_gives_three_ports() -> None:
    with reserved(EPHEMERAL) as one:
        start = one.function
    with reserved(Ports(start, start, start)) as found:
        assert len({found.function, found.buckets, found.mailbox}) == 3


def test_another_stacks_ports_are_taken_although_its_servers_still_start() -> None:
    with reserved(EPHEMERAL) as first, reserved(first) as second:
        assert not {first.function, first.buckets, first.mailbox} & {second.function, second.buckets, second.mailbox}
    with reserved(first) as again:
        assert again == first


def test_no_free_port_is_an_error() -> None:
    with socket.create_server((HOST, 0)) as server, pytest.raises(OSError, match="is free"):
        with reserved(Ports(server.getsockname()[1], 0, 0), tries=1):
            pass


def test_the_last_ports_are_remembered(tmp_path: Path) -> None:
    assert remembered(tmp_path / "ports.json") == Ports(8080, 9000, 8025)
    remember(tmp_path / "ports.json", Ports(1, 2, 3))
    assert remembered(tmp_path / "ports.json") == Ports(1, 2, 3)


@pytest.mark.parametrize("text", ["", "[]", '{"function": 1, "extra": 2}'])
def test_a_spoilt_memory_is_forgotten(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text)
    assert remembered(tmp_path / "ports.json") == Ports()
