"""The command line of the emulator: python -m infra.emulator --data DIR [--service-account KEY.json ...]"""

from __future__ import annotations

import argparse
import errno
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from infra.emulator.protocol.hosts import without_port
from infra.emulator.server import ANONYMOUS, Config, serve
from infra.emulator.signatures.keys import ensure_key
from infra.emulator.tls import Certificate, ensure_certificate
from infra.lock import FolderInUseError

ACCOUNT = "modelmail@local.iam.gserviceaccount.com"
LOCAL_HOSTS = ("127.0.0.1", "::1", "localhost")


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments and serve until a signal ends it; return the exit status."""
    given = _parser().parse_args(arguments)
    return run(Config(
        given.data, given.service_account, given.host, given.port, tuple(given.public_host), given.admin,
        given.anonymous, certificate_for(given.data, given.host, given.public_host) if given.tls else None,
    ))  # fmt: skip


def certificate_for(data: Path, host: str, public_hosts: Sequence[str]) -> Certificate:
    """Find or make the certificate of a data folder, and print its path. Raises OSError."""
    names = [text.partition("=")[0] for text in public_hosts]
    found = ensure_certificate(data / "tls", [without_port(name) for name in (host, *names)])
    print(f"certificate: {found.certificate}", flush=True)  # noqa: T201
    return found


def run(config: Config) -> int:
    """Serve until a signal ends it. Without a key file, one is made in the data folder.

    Returns the exit status: 0, or 2 with a message on stderr if it could not start.
    """
    if config.host not in LOCAL_HOSTS:
        _say("warning: the JSON API asks nobody who they are; let no stranger reach this address")
    try:
        serve(config if config.keys else _with_own_key(config))
    except FolderInUseError:
        _say(f"Another emulator is running with {config.data}. Stop it, or choose another --data.")
    except sqlite3.Error as error:
        _say(f"The index in {config.data} cannot be used: {error}")
    except (OSError, ValueError) as error:
        _say(_reason(config, error))
    else:
        return 0
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.emulator", description="Google Cloud Storage on this machine; verifies signed requests."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000, help="0 = any free port")
    parser.add_argument("--data", type=Path, required=True, help="folder in which buckets are kept")
    parser.add_argument(
        "--service-account", type=Path, action="append", default=[], metavar="KEY.json",
        help="accept signatures of this key; repeatable; without one a key is made and its path printed",
    )  # fmt: skip
    parser.add_argument(
        "--public-host",
        action="append",
        default=[],
        help="another host that clients may sign; HOST=BUCKET binds it to a bucket; repeatable",
    )
    parser.add_argument("--admin", action="store_true", help="serve /_emulator/faults and the other routes for tests")
    parser.add_argument(
        "--anonymous", choices=ANONYMOUS, default="public",
        help="what a caller without credentials may do in the XML API: everything, or read what is open to allUsers",
    )  # fmt: skip
    parser.add_argument("--tls", action="store_true", help="serve HTTPS with a certificate made in the data folder")
    return parser


def _with_own_key(config: Config) -> Config:
    path = ensure_key(config.data / "service-account.json", ACCOUNT)
    print(f"service account key: {path}", flush=True)  # noqa: T201
    return replace(config, keys=[path])


def _reason(config: Config, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"Port {config.port} of {config.host} is in use. Choose another --port; 0 takes any free one."
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
