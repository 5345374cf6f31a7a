"""`modelmail staged`: run the plan of a staged transfer, show its progress, and tell what it saves."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from infra.cli.screen import Screen, quiet
from infra.local.environment import hush_tensorflow
from infra.lock import FolderInUseError, only_one
from jobs import wording
from jobs.errors import ModelmailError, UserError
from jobs.settings import Settings
from vm_worker.staged import plan as plans
from vm_worker.staged import text
from vm_worker.staged.fields import PlanError
from vm_worker.staged.kept import Kept
from vm_worker.staged.plan import Plan, Stage
from vm_worker.staged.results import Training

if TYPE_CHECKING:  # Keras is loaded once the plan is known to be good
    from vm_worker.staged.experiment import Step

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


@dataclass(frozen=True)
class Wish:
    """What the command line asked for."""

    plan: Path
    out: Path | None
    check: bool
    as_json: bool


def run(wish: Wish) -> int:
    """Run the plan; return the exit status: 1 for photos that cannot be used, 2 for a wrong plan."""
    screen = Screen(to_stderr=wish.as_json)
    folder = wish.out or Path(f"{wish.plan.stem}-results")
    try:
        plan = plans.read(wish.plan)
        hush_tensorflow()
        if wish.check:
            _check(plan, wish, screen)
        else:
            Kept(folder).refuse_foreign()  # before a lock is laid into a folder that is not ours
            with only_one(folder), quiet(screen):
                _run(plan, wish, folder, screen)
    except PlanError as error:
        screen.say(str(error))
        return 2
    except FolderInUseError:
        screen.say(f"Another modelmail writes its results to {folder}. Wait for it, or name another folder with --out.")
        return 2
    except UserError as error:
        screen.say(f"{error} {error.row.advice}")
        return 1
    except ModelmailError as error:
        screen.say(str(error))
        return 1
    except OSError as error:
        screen.say(_refused(error, folder))
        return 1
    except KeyboardInterrupt:
        screen.say("Stopped. The same command goes on from here.")
        return INTERRUPTED
    return 0


def _refused(error: OSError, folder: Path) -> str:
    """Say what the system refused; NumPy tells of a full disk without its number."""
    kept = "What has ended is kept, and the same command goes on from there."
    if error.errno in (ENOSPC, EDQUOT) or error.errno is None:
        reason = "there is no room left on its disk" if error.errno else str(error)
        return f"{folder} cannot be written to: {reason}. Make room. {kept}"
    return f"{error.filename or folder}: {error.strerror}. Mend that, or name another folder with --out. {kept}"


def _check(plan: Plan, wish: Wish, screen: Screen) -> None:
    """Say what each stage would train, and list the layers that a plan can name."""
    from vm_worker.staged.experiment import checked

    outlines, _ = checked(plan, wish.plan, Settings.from_env())
    for number, (stage, outline) in enumerate(zip(plan.stages, outlines, strict=True), start=1):
        limit = f"{stage.minutes:g} minutes" if stage.minutes else f"{stage.epochs} epochs"
        screen.say(f"stage {number}, {stage.name}: {stage.dataset}, {limit} at most")
        screen.say(f"  frozen: {text.frozen(outline.frozen)}; {'a new' if stage.new_head else 'the same'} head")
    screen.say(f"Layers of {plan.network} below the head:")
    for number, (name, parameters) in enumerate(outlines[0].layers, start=1):
        screen.say(f"{number:>5} {name:<36}{wording.count(parameters):>12} parameters")
    if wish.as_json:
        layers = [{"name": name, "parameters": count} for name, count in outlines[0].layers]
        sys.stdout.write(json.dumps({"network": plan.network, "layers": layers}) + "\n")


def _run(plan: Plan, wish: Wish, folder: Path, screen: Screen) -> None:
    from vm_worker.staged import experiment, outcome

    with _progress(screen, plan) as display:
        ready = experiment.prepared(plan, wish.plan, folder, Settings.from_env(), display)
        rows = experiment.run(ready, folder, display, lambda rows: outcome.write(folder, outcome.outcome(ready, rows)))
    result = outcome.outcome(ready, rows)
    outcome.write(folder, result)
    for line in (*text.lines(result), ""):
        screen.say(line or "\n")
    screen.say(f"Written: {', '.join(map(str, outcome.files(folder)))}")
    if wish.as_json:
        sys.stdout.write(json.dumps(result.to_json()) + "\n")


@contextmanager
def _progress(screen: Screen, plan: Plan) -> Iterator[Display]:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    quiet = not screen.console.is_terminal
    with Progress(*columns, console=screen.console, transient=True, disable=quiet) as bars:
        yield Display(screen, bars, plan)


class Display:
    """Two bars, one for all trainings and one for the epochs of this one; a line for each training that has ended."""

    def __init__(self, screen: Screen, bars: Progress, plan: Plan) -> None:
        self._screen, self._bars, self._plan = screen, bars, plan
        self._all: TaskID = bars.add_task("Reading photos", total=None)
        self._one: TaskID = bars.add_task("", total=None, visible=False)
        self._new = False  # whether this training was run now

    def photos(self, stage: Stage, fraction: float, message: str) -> None:
        """Show how far the reading of a stage's photos is."""
        self._bars.update(self._all, description=f"Reading photos of {stage.name}", completed=fraction, total=1.0)

    def begun(self, step: Step, number: int, steps: int) -> None:
        """Show which training begins."""
        self._new = False
        title = f"Repeat {step.repeat} of {self._plan.repeats}, {self._name(step)}"
        self._bars.update(self._all, description=title, completed=number - 1, total=steps)
        self._bars.update(self._one, visible=False, completed=0)

    def epoch(self, epoch: int, most: int, accuracy: float) -> None:
        """Show an epoch of this training."""
        self._new = True
        told = f"  epoch: {wording.percent(accuracy)} of the validation photos right"
        self._bars.update(self._one, description=told, completed=epoch, total=most, visible=True)

    def ended(self, step: Step, row: Training) -> None:
        """Say what a training came to."""
        before = "" if self._new else " (from an earlier run)"
        self._screen.say(f"repeat {step.repeat}, {self._name(step)}: {text.training(row)}{before}")

    def _name(self, step: Step) -> str:
        stage = self._plan.stages[step.stage - 1].name
        return {
            "stage": f"stage {step.stage} {stage}",
            "cached": f"stage {step.stage} with cached outputs",
            "scratch": f"{stage} from scratch",
        }[step.arm]
