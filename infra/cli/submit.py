"""`modelmail submit`: send photos to a running service and follow the job."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from function.client import ClientError
from infra.cli.journey import Order, download, follow, send
from infra.cli.resume import Memory
from infra.cli.screen import Screen, candidates_table
from jobs.limits import Limits

__all__ = ["Order", "Wish", "run"]

DONE, NOT_DONE, WRONG, BROKEN_OFF = 0, 1, 2, 3  # exit statuses


@dataclass(frozen=True)
class Wish:
    """The command line of a submission."""

    order: Order
    out: Path | None = None  # where the results go
    check: bool = True  # look at the photos first, by the service's own rules
    as_json: bool = False


def run(wish: Wish) -> int:
    """Check, submit, upload, follow, download; returns the exit status."""
    screen = Screen(to_stderr=wish.as_json)
    if not wish.order.path.exists():
        screen.say(f"There is no {wish.order.path}.")
        return WRONG
    status = _refusal(wish, screen) or _journey(wish, screen)
    if wish.as_json:
        sys.stdout.write(json.dumps(status) + "\n")
    _tell(status, screen)
    if status["status"] == "done":
        return DONE
    return BROKEN_OFF if status["error"] and status["error"]["code"] == "unreachable" else NOT_DONE


def _journey(wish: Wish, screen: Screen) -> dict[str, Any]:
    try:
        submission = send(wish.order, screen, Memory.of_user())
        status = follow(wish.order.url, submission, screen)
        if wish.out is not None and status["status"] == "done":
            for path in download(status, wish.out).values():
                screen.say(str(path))
    except ClientError as error:
        return _refused(error.code, error.message)
    except OSError as error:  # the service, or the bucket, stayed out of reach
        return _refused("unreachable", f"{error}. Run the same command again: an upload goes on where it stopped.")
    return status


def _refusal(wish: Wish, screen: Screen) -> dict[str, Any] | None:
    """What the service would say against these photos, before anything is sent."""
    if not wish.check:
        return None
    from vm_worker.tasks.uploads import verdict

    screen.say(f"Checking {wish.order.path}")
    said = verdict(wish.order.path, Limits())
    for warning in said.warnings:
        screen.say(warning)
    if said.skipped:
        screen.say(f"{len(said.skipped)} files will be left out, such as {said.skipped[0].name}")
    return None if said.accepted else _refused(said.code or "not_a_zip", said.message)


def _tell(status: dict[str, Any], screen: Screen) -> None:
    if status["error"]:
        screen.say(f"{status['error']['code']}: {status['error']['message']}")
    if status["status"] == "done":
        screen.show(candidates_table(status["candidates"]))
        for file in status["files"]:
            screen.say(f"{file['name']}  {file['url']}")


def _refused(code: str, message: str) -> dict[str, Any]:
    return {"status": None, "error": {"code": code, "message": message}}
