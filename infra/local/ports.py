"""The ports of the local stack: the usual ones, or the next free ones."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

HOST = "127.0.0.1"
TRIES = 100  # ports that are tried, from the usual one on
ANY = range(20_000, 30_000)  # ports below those that systems use for outgoing connections


@dataclass(frozen=True)
class Ports:
    """The port of each server. 0 = any free one."""

    function: int = 8080
    buckets: int = 9000
    mailbox: int = 8025


EPHEMERAL = Ports(0, 0, 0)


@contextlib.contextmanager
def reserved(wanted: Ports, tries: int = TRIES) -> Iterator[Ports]:
    """Reserve the wanted ports, or the next free ones, until the end of the block.

    A server binds its port only after its start: until then another stack would find it free. So each port is marked by
    a UDP socket of the same number, which no other program here uses and which ends with a crash. Raises OSError when
    none of `tries` ports, from the wanted one on, is free.
    """
    with contextlib.ExitStack() as marks:
        yield Ports(*[_reserve(port, tries, marks) for port in asdict(wanted).values()])


def remembered(path: Path) -> Ports:
    """Return the ports of the last run with this data, so that links in its mails work; else the usual ones."""
    try:
        return Ports(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Ports()


def remember(path: Path, ports: Ports) -> None:
    """Store the ports for the next run."""
    path.write_text(json.dumps(asdict(ports)) + "\n", encoding="utf-8")


def _reserve(port: int, tries: int, marks: contextlib.ExitStack) -> int:
    for candidate in _candidates(port, tries):
        if (mark := _bound(candidate, socket.SOCK_DGRAM)) is None:
            continue
        if (probe := _bound(candidate, socket.SOCK_STREAM)) is None:
            mark.close()
            continue
        probe.close()
        marks.enter_context(mark)
        return candidate
    raise OSError(f"none of the ports {port} to {port + tries - 1} is free" if port else "no port is free")


def _candidates(port: int, tries: int) -> list[int]:
    return list(range(port, port + tries)) if port else secrets.SystemRandom().sample(ANY, tries)


def _bound(port: int, kind: socket.SocketKind) -> socket.socket | None:
    probe = socket.socket(type=kind)
    if kind is socket.SOCK_STREAM:
        # Without this option, a port of an earlier run in the state TIME_WAIT would count as used.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((HOST, port))
    except OSError:
        probe.close()
        return None
    return probe
