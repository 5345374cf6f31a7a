"""The display of a running job: updated in place on a terminal, as lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TransferSpeedColumn
from rich.table import Table

from function.wire import ErrorShown, StatusAnswer
from jobs import wording
from jobs.codes import CODES, Where
from jobs.shown import ACCURACY, CandidateShown


@contextmanager
def quiet(screen: Screen) -> Iterator[None]:
    """Hide what libraries and child processes write to stderr; the screen's own lines still appear."""
    sys.stderr.flush()
    before, shown = os.dup(2), screen.console.file
    with open(os.devnull, "wb") as nowhere, os.fdopen(os.dup(2), "w", encoding="utf-8") as kept:
        if shown is sys.stderr:
            screen.console.file = kept
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)
            screen.console.file = shown


class Screen:
    """The progress of one job on the screen. With `--json` it goes to stderr, so that stdout holds only the answer."""

    def __init__(self, *, to_stderr: bool = False) -> None:
        self.console = Console(stderr=to_stderr, highlight=False)

    def say(self, text: str) -> None:
        """Show lines of text. Markup and control characters in it have no effect."""
        for line in text.splitlines():
            self.console.print(wording.clean(line), markup=False, soft_wrap=True)

    def show(self, what: RenderableType) -> None:
        """Show a table."""
        self.console.print(what)

    @contextmanager
    def uploading(self) -> Iterator[Callable[[int, int], None]]:
        """Show a bar for an upload; yield a function that takes the bytes sent and the bytes in all."""
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        quiet = not self.console.is_terminal
        with Progress(*columns, console=self.console, transient=True, disable=quiet) as progress:
            task = progress.add_task("Uploading", total=None)

            def moved(sent: int, total: int) -> None:
                progress.update(task, completed=sent, total=total)

            yield moved

    def follow(self, statuses: Iterable[StatusAnswer]) -> StatusAnswer:
        """Show each status as it comes; return the last one. Raises ValueError when there was none."""
        last = self._live(statuses) if self.console.is_terminal else self._lines(statuses)
        if last is None:
            raise ValueError("the job has no status")
        return last

    def _live(self, statuses: Iterable[StatusAnswer]) -> StatusAnswer | None:
        last = None
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[left]}"),
        )
        bar = Progress(*columns, console=self.console)
        task = bar.add_task("Waiting", total=1.0, left="")
        with Live(bar, console=self.console, refresh_per_second=8) as live:
            for last in statuses:
                bar.update(task, completed=last.progress, description=_where(last), left=_left(last))
                live.update(Group(bar, candidates_table(last.candidates)) if last.candidates else bar)
        return last

    def _lines(self, statuses: Iterable[StatusAnswer]) -> StatusAnswer | None:
        last, shown = None, ""
        for last in statuses:
            line = _where(last)
            if line != shown:
                self.say(f"{last.progress or 0:4.0%}  {line}  {_left(last)}".rstrip())
                shown = line
        return last


def candidates_table(candidates: Sequence[CandidateShown]) -> Table:
    """Return a table of the networks that were tried, with their validation score and its 95 % interval."""
    measure = candidates[0].metric if candidates else ACCURACY
    table = Table(box=None, pad_edge=False)
    table.add_column("Candidate")
    for title in (f"Validation {wording.metric(measure)}", "95 % interval", "Time"):
        table.add_column(title, justify="right")
    table.add_column("")
    for row in candidates:
        score, interval = wording.score(row.validation_score, row.metric), wording.interval(row.validation_interval)
        table.add_row(row.name, score, interval, wording.seconds(row.seconds), row.state.replace("_", " "))
    return table


def refusal(error: ErrorShown) -> str:
    """Return the line that says why a job was refused or has failed, and what to do where that is known here.

    A message about a request says both by itself.
    """
    row = CODES.get(error.code)
    advice = "" if row is None or row.where is Where.REQUEST or row.advice in error.message else row.advice
    return " ".join(filter(None, (f"{error.code}:", error.message, advice)))


def _where(status: StatusAnswer) -> str:
    stage = status.stage if status.status == "running" else status.status.replace("_", " ")
    return f"{stage}: {status.message}" if status.message and status.status == "running" else str(stage)


def _left(status: StatusAnswer) -> str:
    seconds = status.remaining_seconds
    return f"{wording.about(seconds)} left" if seconds else ""
