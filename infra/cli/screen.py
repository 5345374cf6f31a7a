"""What a person sees while a job runs: live on a terminal, as lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TransferSpeedColumn
from rich.table import Table

from jobs import wording

Status = Mapping[str, Any]


class Screen:
    """Progress of one job. With `--json` everything goes to stderr, so that stdout holds only the answer."""

    def __init__(self, *, to_stderr: bool = False) -> None:
        self.console = Console(stderr=to_stderr, highlight=False)

    def say(self, text: str) -> None:
        """Lines of text. Strangers' names in it are harmless: no markup, no control characters."""
        for line in text.splitlines():
            self.console.print(wording.clean(line), markup=False, soft_wrap=True)

    def show(self, what: RenderableType) -> None:
        """A table."""
        self.console.print(what)

    @contextmanager
    def uploading(self) -> Iterator[Callable[[int, int], None]]:
        """A bar for an upload; yields what to call with the bytes sent and the bytes in all."""
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        quiet = not self.console.is_terminal
        with Progress(*columns, console=self.console, transient=True, disable=quiet) as progress:
            task = progress.add_task("Uploading", total=None)

            def moved(sent: int, total: int) -> None:
                progress.update(task, completed=sent, total=total)

            yield moved

    def follow(self, statuses: Iterable[Status]) -> dict[str, Any]:
        """Show each status as it comes; returns the last one. Raises ValueError when there was none."""
        last = self._live(statuses) if self.console.is_terminal else self._lines(statuses)
        if last is None:
            raise ValueError("the job has no status")
        return dict(last)

    def _live(self, statuses: Iterable[Status]) -> Status | None:
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
                bar.update(task, completed=last["progress"], description=_where(last), left=_left(last))
                live.update(Group(bar, candidates_table(last["candidates"])) if last["candidates"] else bar)
        return last

    def _lines(self, statuses: Iterable[Status]) -> Status | None:
        last, shown = None, ""
        for last in statuses:
            line = _where(last)
            if line != shown:
                self.say(f"{last['progress']:4.0%}  {line}  {_left(last)}".rstrip())
                shown = line
        return last


def candidates_table(candidates: Iterable[Mapping[str, Any]]) -> Table:
    """The networks that were tried, with their validation accuracy and its 95 % interval."""
    table = Table(box=None, pad_edge=False)
    table.add_column("Candidate")
    for title in ("Validation accuracy", "95 % interval", "Time"):
        table.add_column(title, justify="right")
    table.add_column("")
    for row in candidates:
        accuracy, interval = (
            wording.percent(row["validation_accuracy"], 1),
            wording.interval(row["validation_interval"]),
        )
        state = str(row["state"]).replace("_", " ")
        table.add_row(row["name"], accuracy, interval, wording.seconds(row["seconds"]), state)
    return table


def _where(status: Status) -> str:
    stage = status["stage"] if status["status"] == "running" else status["status"].replace("_", " ")
    message = status["message"]
    return f"{stage}: {message}" if message and status["status"] == "running" else str(stage)


def _left(status: Status) -> str:
    seconds = status["remaining_seconds"]
    return f"about {wording.seconds(round(seconds))} left" if seconds else ""
