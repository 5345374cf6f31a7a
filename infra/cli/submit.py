"""`modelmail submit`: send photos to a running service and follow the job."""

from __future__ import annotations

import json
import sys
from typing import Any

from function.client import ClientError
from infra.cli.journey import Order, follow, send
from infra.cli.screen import Screen, candidates_table

__all__ = ["Order", "run"]


def run(order: Order, as_json: bool) -> int:
    """Submit, upload, follow; returns the exit status: 0 only for a job that is done."""
    screen = Screen(to_stderr=as_json)
    if not order.path.exists():
        screen.say(f"There is no {order.path}.")
        return 2
    try:
        submission = send(order, screen)
        status = follow(order.url, submission, screen)
    except ClientError as error:
        status = _refused(error.code, error.message)
    except OSError as error:  # the service, or the bucket, stayed out of reach
        status = _refused("unreachable", str(error))
    if as_json:
        sys.stdout.write(json.dumps(status) + "\n")
    _tell(status, screen)
    return 0 if status["status"] == "done" else 1


def _tell(status: dict[str, Any], screen: Screen) -> None:
    if status["error"]:
        screen.say(f"{status['error']['code']}: {status['error']['message']}")
    if status["status"] == "done":
        screen.show(candidates_table(status["candidates"]))
        for file in status["files"]:
            screen.say(f"{file['name']}  {file['url']}")


def _refused(code: str, message: str) -> dict[str, Any]:
    return {"status": None, "error": {"code": code, "message": message}}
