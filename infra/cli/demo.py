"""`modelmail demo`: a whole job on this machine, by the real programs."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from types import FrameType

import requests

from function.client import ClientError, zip_folder
from function.wire import StatusAnswer, SubmissionAnswer
from infra.cli import photos
from infra.cli.journey import Order, download, follow, send, zipped
from infra.cli.outcome import DemoFailed, Outcome, Prediction
from infra.cli.screen import Screen, refusal
from infra.local import demo_photos
from infra.local.environment import keep_proxies_out
from infra.local.processes import StackError
from infra.local.stack import Stack
from jobs import wording
from jobs.errors import ModelmailError
from jobs.limits import Limits
from jobs.options import parse_options

EXPORTS = ("h5", "keras", "tflite")  # the page tries the model by the last
MAIL_SECONDS = 60.0  # the mail is promised when the job ends; sending it takes a second
DELETE_SECONDS = 10.0
PREDICT_SECONDS = 300.0  # time to import TensorFlow from a slow disk, and for one photo
MAIL_NAME = re.compile(r"\d+-.+")  # the names that the mailbox writes; other files in its folder are never removed


@dataclass(frozen=True)
class Wish:
    """The command line of a demo."""

    photos: Path | None  # None: the built-in tiles
    email: str
    minutes: int | None
    data: Path
    as_json: bool
    options: Mapping[str, str] = field(default_factory=dict)  # more options of the job; the service checks them


def run(wish: Wish) -> int:
    """Run the demo; return the exit status: 0 only when every step worked."""
    signal.signal(signal.SIGTERM, _terminated)
    keep_proxies_out()
    screen, outcome = Screen(to_stderr=wish.as_json), Outcome()
    try:
        _journey(wish, screen, outcome)
    except ClientError as error:
        outcome.fail(error.code, error.message)
    except (DemoFailed, ModelmailError, StackError, OSError, subprocess.SubprocessError) as error:
        outcome.fail("demo_failed", str(error))
    if outcome.error:
        screen.say(refusal(outcome.error))
    if wish.as_json:
        sys.stdout.write(json.dumps(outcome.to_json()) + "\n")
    return outcome.exit_status


def _journey(wish: Wish, screen: Screen, outcome: Outcome) -> None:
    with ExitStack() as undo:
        work = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="modelmail-")))
        source = _source(wish, work, screen)
        screen.say("Starting buckets, mailbox, function and worker")
        stack = undo.enter_context(Stack(wish.data))
        _empty(stack.mail)
        order = Order(source, wish.email, stack.function_url, _options(wish, source, stack.settings.limits))
        submission = send(order, screen)
        outcome.job_id = submission.job_id
        status = _follow(submission, stack, screen)
        outcome.take_status(status)
        _collect_mail(stack, outcome, submission.job_id)
        if outcome.status != "done":
            _read_out(outcome, screen)
            if outcome.status == "failed":
                screen.say(f"The reason is in {stack.data / 'logs' / 'worker.log'}.")
            return
        outcome.take_files(download(status, stack.data / "jobs" / submission.job_id))
        asked = parse_options(wish.options, stack.settings.limits)  # the service has taken them
        photo = photos.one_of_the_test_set(source, stack.settings.limits, work, asked)
        outcome.prediction = _predict(outcome.files["model.h5"], photo)
    outcome.tell(screen)
    screen.say(f"The mail's links work while `modelmail up --data {wish.data}` runs.")


def _source(wish: Wish, work: Path, screen: Screen) -> Path:
    if wish.photos is None:
        screen.say("Photos: 3 x 64 tiles of brick, grass and gravel (scikit-image, CC0); an easy task.")
        return zip_folder(demo_photos.make(work / "photos"), work / "photos.zip")
    if not wish.photos.exists():
        raise DemoFailed(f"There is no {wish.photos}.")
    return zipped(wish.photos, work / "photos.zip", screen) if wish.photos.is_dir() else wish.photos


def _options(wish: Wish, source: Path, limits: Limits) -> dict[str, object]:
    """Return the options. The built-in photos are so few that the usual rule gives the minimum, 2 minutes."""
    minutes = photos.default_minutes(source, limits) if wish.minutes is None else wish.minutes
    return {"minutes": minutes, "exports": list(EXPORTS), **wish.options}


def _empty(mail: Path) -> None:
    for path in mail.iterdir():
        if path.is_file() and MAIL_NAME.fullmatch(path.name):
            path.unlink()


def _follow(submission: SubmissionAnswer, stack: Stack, screen: Screen) -> StatusAnswer:
    try:
        return follow(stack.function_url, submission, screen, stack.check)
    except BaseException:
        # After Ctrl-C or an error: the next demo must not first train on this demo's photos.
        with suppress(OSError):
            requests.delete(submission.delete_url, timeout=DELETE_SECONDS)
        raise


def _collect_mail(stack: Stack, outcome: Outcome, job_id: str) -> None:
    deadline = time.monotonic() + MAIL_SECONDS
    while not (found := [path for path in sorted(stack.mail.glob("*.eml")) if job_id in _text(path)]):
        stack.check()
        if time.monotonic() > deadline:
            raise DemoFailed(f"No mail came in {MAIL_SECONDS:.0f} s; the worker's log is in {stack.data / 'logs'}.")
        time.sleep(0.2)
    outcome.mail_eml = found[0]
    outcome.mail_html = found[0].with_suffix(".html")


def _text(mail: Path) -> str:
    body = message_from_bytes(mail.read_bytes(), policy=default).get_body(("plain",))
    return "" if body is None else str(body.get_content())


def _read_out(outcome: Outcome, screen: Screen) -> None:
    """Show the mail's text about a job that ended without a model, and the path of the mail."""
    if outcome.mail_eml is not None:
        screen.say(_text(outcome.mail_eml).strip())
    screen.say(f"Mail: {outcome.mail_eml}")


def _predict(model: Path, photo: photos.TestPhoto) -> Prediction:
    """Ask `modelmail predict` about the photo, in a separate process."""
    command = [sys.executable, "-P", "-m", "infra.cli.main", "predict", str(model), str(photo.copy), "--json"]
    answer = subprocess.run(  # noqa: S603  our own program, no shell
        command, capture_output=True, text=True, timeout=PREDICT_SECONDS
    )
    if answer.returncode != 0:
        raise DemoFailed(f"modelmail predict failed:\n{answer.stderr}")
    said = json.loads(answer.stdout.splitlines()[-1])["predictions"][0]
    if "counts" in said:
        return Prediction(photo.name, wording.plural(said["count"], "object"))
    return Prediction(photo.name, said["class"], said["probability"])


def _terminated(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)  # unwinds, so that the stack's children end in order
