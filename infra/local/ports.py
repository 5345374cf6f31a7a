"""Which ports the stack listens on: the usual ones, or the next that are free."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

HOST = "127.0.0.1"
TRIES = 100  # ports looked at, from the usual one on


@dataclass(frozen=True)
class Ports:
    """One port for each server. 0 = any free one."""

    function: int = 8080
    buckets: int = 9000
    mailbox: int = 8025


EPHEMERAL = Ports(0, 0, 0)


def chosen(wanted: Ports) -> Ports:
    """The wanted ports, each moved on to the next free one. Raises OSError when none of 100 is free."""
    taken: list[int] = []
    for port in asdict(wanted).values():
        taken.append(_free(port, taken))
    return Ports(*taken)


def remembered(path: Path) -> Ports:
    """The ports of the last run with this data, so that the links in its mails work again; else the usual ones."""
    try:
        return Ports(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Ports()


def remember(path: Path, ports: Ports) -> None:
    """Keep the ports for the next run."""
    path.write_text(json.dumps(asdict(ports)) + "\n", encoding="utf-8")


def _free(port: int, taken: list[int]) -> int:
    for candidate in range(port, port + TRIES) if port else (0,) * TRIES:
        if candidate not in taken and (bound := _bound(candidate)) is not None and bound not in taken:
            return bound
    raise OSError(f"none of the ports {port} to {port + TRIES - 1} is free")


def _bound(port: int) -> int | None:
    with socket.socket() as probe:
        # Without this a port in TIME_WAIT, from the run before, would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return None
        return int(probe.getsockname()[1])
