"""`modelmail up`: the whole service on this machine until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from types import FrameType

import typer

from infra.local.environment import keep_proxies_out
from infra.local.processes import StackError
from infra.local.stack import Stack

WATCH_SECONDS = 0.5  # seconds between two checks whether a part has stopped


def run(data: Path) -> int:
    """Start everything, print the addresses, and wait. Return the exit status: 0 after Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, _interrupt)
    keep_proxies_out()
    try:
        with Stack(data) as stack:
            typer.echo(welcome(stack))
            sys.stdout.flush()
            while True:
                stack.check()
                time.sleep(WATCH_SECONDS)
    except KeyboardInterrupt:
        typer.echo("Stopped.")
        return 0
    except (StackError, OSError) as error:
        typer.echo(str(error), err=True)
        return 1


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def welcome(stack: Stack) -> str:
    """Return the words of the start: the addresses, and how to send photos."""
    most = stack.settings.limits.zip_bytes
    return f"""\
modelmail is running. Ctrl-C ends it.

  Open this address in a browser and drop photos there:  {stack.function_url}

  function  {stack.function_url}
  buckets   {stack.storage_url}
  mailbox   {stack.mailbox_url}
  mail      {stack.mail}
  logs      {stack.data / "logs"}

Or from a terminal:

  curl -X POST {stack.function_url}/ -H 'Content-Type: application/json' -d '{{"email": "you@example.org"}}'

  curl -T photos.zip -H 'content-type: application/zip' -H 'x-goog-content-length-range: 1,{most}' \\
       -H 'x-goog-if-generation-match: 0' 'UPLOAD_URL'

  curl STATUS_URL

UPLOAD_URL is upload.url of the first answer, STATUS_URL its status_url; upload.headers names the headers.
Or all of it in one: modelmail submit photos.zip --email you@example.org --url {stack.function_url}
"""
