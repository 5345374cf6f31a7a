"""python -m infra.local.emulator --data DIR [--service-account KEY.json ...]"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infra.local.emulator.keys import ensure_key
from infra.local.emulator.server import Config, serve

ACCOUNT = "modelmail@local.iam.gserviceaccount.com"


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="emulator", description="A bucket server that verifies V4 signatures.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000, help="0 = any free one")
    parser.add_argument("--data", type=Path, required=True, help="where buckets are kept")
    parser.add_argument(
        "--service-account", type=Path, action="append", default=[], metavar="KEY.json",
        help="whose signatures count; repeatable; without one a key is made and its path printed",
    )  # fmt: skip
    parser.add_argument("--public-host", action="append", default=[], help="another host that clients may have signed")
    parser.add_argument("--admin", action="store_true", help="serve /_emulator/faults and its kin, for tests")
    given = parser.parse_args(arguments)
    if given.host not in ("127.0.0.1", "::1", "localhost"):
        print("warning: the JSON API asks nobody who they are; bind it to this machine alone", file=sys.stderr)  # noqa: T201
    keys = given.service_account or [_own_key(given.data)]
    try:
        serve(Config(given.data, keys, given.host, given.port, given.public_host, given.admin))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _own_key(data: Path) -> Path:
    path = ensure_key(data / "service-account.json", ACCOUNT)
    print(f"service account key: {path}", flush=True)  # noqa: T201
    return path


if __name__ == "__main__":
    sys.exit(main())
