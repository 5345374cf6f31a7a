"""`modelmail submit`: send photos to a running service and follow the job."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from function.client import Client, ClientError
from function.wire import ErrorShown, StatusAnswer
from infra.cli.journey import Order, download, follow, send
from infra.cli.photos import default_minutes
from infra.cli.resume import Memory
from infra.cli.screen import Screen, candidates_table, refusal
from jobs import wording
from jobs.errors import UserError
from jobs.json_values import JsonObject
from jobs.limits import Limits
from jobs.options import Options, parse_options

__all__ = ["Order", "Wish", "bases", "run"]

BOUNDED = ("minutes", "epochs")  # options whose bounds the service sets
DONE, NOT_DONE, WRONG, BROKEN_OFF = 0, 1, 2, 3  # exit statuses


@dataclass(frozen=True)
class Wish:
    """The command line of a submission."""

    order: Order
    out: Path | None = None  # folder for the results
    check: bool = True  # true: check the photos first, by the service's own rules
    as_json: bool = False


@dataclass(frozen=True)
class Refused:
    """A submission that made no job, or whose job cannot be reached."""

    error: ErrorShown
    status: None = None

    def to_json(self) -> JsonObject:
        """Return the object that `--json` prints instead of a job's status."""
        return {"status": None, "error": self.error.to_json()}


def bases(links: Sequence[str] | None) -> str | list[str] | None:
    """Return the continue link, or a list of several; "-" reads one from stdin, as other users can see a command line.

    Exits with status 2 for an empty one, such as that of a variable that is not set, as the job would not continue.
    """
    found = list(map(_link, links or ()))
    return found if len(found) > 1 else next(iter(found), None)


def _link(given: str) -> str:
    if given == "-" and sys.stdin.isatty():
        Screen(to_stderr=True).say("Paste the continue link:")
    found = (sys.stdin.readline() if given == "-" else given).strip()
    if not found:
        Screen().say("--base: no link was given. It stands in the mail and on the page of the earlier job.")
        raise SystemExit(WRONG)
    return found


def text_of(given: str | None) -> str | None:
    """Return the text of a network, which may be that of a file. Exits with status 2 for one that cannot be built."""
    from infra.cli.draw import given_text
    from vm_worker.designs.words import ArchitectureError
    from vm_worker.learn.design.own_network import check_unseen

    if given is None:
        return None
    try:
        text = given_text(given)
        check_unseen(text)
    except (ArchitectureError, OSError, UserError) as error:
        Screen().say(f"--architecture: {error}")
        raise SystemExit(WRONG) from None
    return text


def run(wish: Wish) -> int:
    """Check, submit, upload, follow, download; return the exit status."""
    screen = Screen(to_stderr=wish.as_json)
    if not wish.order.path.exists():
        screen.say(f"There is no {wish.order.path}.")
        return WRONG
    if not wish.order.url.startswith(("http://", "https://")):
        screen.say(f"--url must begin with http:// or https://, such as http://{wish.order.url.lstrip('/')}")
        return WRONG
    status = _refusal(wish, screen) or _journey(wish, screen)
    if wish.as_json:
        sys.stdout.write(json.dumps(status.to_json()) + "\n")
    _tell(status, screen)
    if status.status == "done":
        return DONE
    return BROKEN_OFF if status.error and status.error.code == "unreachable" else NOT_DONE


def _journey(wish: Wish, screen: Screen) -> StatusAnswer | Refused:
    try:
        submission = send(_timed(wish.order, screen), screen, Memory.of_user())
        status = follow(wish.order.url, submission, screen)
        if wish.out is not None and status.status == "done":
            for path in download(status, wish.out).values():
                screen.say(str(path))
    except ClientError as error:
        return Refused(ErrorShown(error.code, error.message))
    except OSError as error:  # the service, or the bucket, could not be reached
        message = f"{error}. Run the same command again: an upload goes on where it stopped."
        return Refused(ErrorShown("unreachable", message))
    return status


def _options(order: Order) -> Options:
    """Return the options, but those that only the service can judge. Raises UserError `bad_option`."""
    return parse_options({name: value for name, value in order.options.items() if name not in BOUNDED}, Limits())


def _timed(order: Order, screen: Screen) -> Order:
    """Return the order with a time by its number of photos, unless it sets one. Raises ClientError, OSError."""
    if "minutes" in order.options:
        return order
    with Client(order.url) as client:
        allowed = client.minutes()
    if allowed is None:
        return order
    limits = replace(Limits(), minutes_min=allowed[0], minutes_max=allowed[1])
    if order.options.get("add"):  # then they may be of one class alone
        limits = replace(limits, classes_min=1, class_images_min=1)
    try:
        minutes = default_minutes(order.path, limits, _options(order))
    except UserError:  # a wrong option, which the service names
        return order
    screen.say(f"The training takes about {wording.plural(minutes, 'minute')}; set another time with --minutes.")
    return replace(order, options={**order.options, "minutes": minutes})


def _refusal(wish: Wish, screen: Screen) -> Refused | None:
    """Return the reasons for which the service would reject these photos, before anything is sent; else None."""
    if not wish.check or wish.order.options.get("add"):  # only the service has the other photos
        return None
    from vm_worker.tasks.uploads import verdict

    screen.say(f"Checking {wish.order.path}")
    limits = Limits()
    try:
        options = _options(wish.order)
    except UserError as error:
        return Refused(ErrorShown(error.code, error.message))
    said = verdict(wish.order.path, limits, options=options)
    for warning in said.warnings:
        screen.say(warning)
    if said.skipped:
        screen.say(f"{len(said.skipped)} files will be left out, such as {said.skipped[0].name}")
    return None if said.accepted else Refused(ErrorShown(said.code or "not_a_zip", said.message))


def _tell(status: StatusAnswer | Refused, screen: Screen) -> None:
    if status.error:
        screen.say(refusal(status.error))
    if isinstance(status, StatusAnswer) and status.status == "done":
        screen.show(candidates_table(status.candidates))
        for file in status.files:
            screen.say(f"{file.name}  {file.url}")
        if status.continue_url:
            screen.say(f"With more photos, a later job can continue from this model: --base {status.continue_url}")
