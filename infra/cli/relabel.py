"""`modelmail relabel`: move and put away photos of a folder as the marks of a report's page say.

It first only says what it would do. Each photo that it moves is written into an undo file before.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from infra.cli.screen import Screen
from jobs import wording

COLUMNS = ("photo", "folder", "mark", "to")  # of relabel.csv
UNDO_COLUMNS = ("from", "to")
KEEP, MOVE, REMOVE = "keep", "move", "remove"
REMOVED = ".modelmail-removed"  # hidden, so that no upload of the folder holds it
UNDO_NAME = ".modelmail-undo-{moment}.csv"
MOST_BYTES = 10 * 1024**2  # of relabel.csv
DONE, PARTLY, WRONG = 0, 1, 2  # exit statuses
_FORMULA = re.compile(
    r"'*[=+\-@\t\r]"
)  # a spreadsheet would compute such a cell, but for the quote that is put before it
_OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:|\\|\x00")


class BadMarkError(Exception):
    """A line that cannot be followed; the message says why."""


@dataclass(frozen=True)
class Wish:
    """The command line of a relabelling."""

    folder: Path
    marks: Path  # relabel.csv, or an undo file
    apply: bool = False  # false: only say what would be done


@dataclass(frozen=True)
class Move:
    """A photo and its new place, both relative to the folder, with / between their parts."""

    source: str
    target: str


def run(wish: Wish) -> int:
    """Print what would be done, or do it; return the exit status.

    0: each line could be followed; 1: some could not; 2: the command was wrong, and nothing was done.
    """
    screen = Screen()
    try:
        rows = _rows(wish)
    except (OSError, ValueError) as error:
        screen.say(str(error))
        return WRONG
    moves, refused = _moves(wish.folder, rows)
    for reason in refused:
        screen.say(f"Left alone: {reason}")
    if not moves:
        screen.say("Nothing to do.")
    elif wish.apply:
        refused += _followed(wish.folder, moves, screen)
    else:
        for move in moves:
            screen.say(f"{wording.clean(move.source)}  ->  {wording.clean(move.target)}")
        screen.say(f"{wording.plural(len(moves), 'photo')} would be moved. Add --apply to do it.")
    return PARTLY if refused else DONE


def _rows(wish: Wish) -> list[dict[str, str]]:
    """Return the lines of the marks. Raises OSError, and ValueError where the command or the file is wrong."""
    if not wish.folder.is_dir():
        raise ValueError(f"There is no folder {wish.folder}.")
    if not wish.marks.is_file():
        raise ValueError(f"There is no {wish.marks}.")
    if wish.marks.stat().st_size > MOST_BYTES:
        raise ValueError(f"{wish.marks} is too large for a list of marks.")
    try:
        text = wish.marks.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{wish.marks} is not in UTF-8: save it as CSV UTF-8.") from error
    table = csv.DictReader(io.StringIO(text, newline=""))
    columns = tuple(table.fieldnames or ())
    if not (set(COLUMNS) <= set(columns) or set(UNDO_COLUMNS) <= set(columns)):
        raise ValueError(f"{wish.marks} has no columns {', '.join(COLUMNS)}, as the page of a report writes them.")
    return [{str(key): _plain(value) for key, value in row.items() if key} for row in table]


def _plain(cell: object) -> str:
    """Return a cell without the quote that keeps a spreadsheet from reading it as a formula."""
    text = cell if isinstance(cell, str) else ""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _quoted(text: str) -> str:
    """Return the text as `_plain` reads it back."""
    return f"'{text}" if _FORMULA.match(text) else text


def _moves(folder: Path, rows: Sequence[dict[str, str]]) -> tuple[list[Move], list[str]]:
    """Return the moves that the lines ask for, and why others cannot be followed."""
    moves: list[Move] = []
    refused: list[str] = []
    taken: set[str] = set()
    for number, row in enumerate(rows, start=2):
        try:
            move = _move(folder, row)
            if move is not None and move.target.casefold() in taken:
                raise BadMarkError("another line puts a photo there")
        except BadMarkError as error:
            named = wording.clean(row.get("photo") or row.get("from") or "no photo")
            refused.append(f"line {number}, {wording.shortened(named, 80)}: {error}.")
            continue
        if move is not None:
            taken.add(move.target.casefold())
            moves.append(move)
    return moves, refused


def _move(folder: Path, row: dict[str, str]) -> Move | None:
    """Return the move that a line asks for; None for a photo that stays. Raises BadMarkError."""
    if "mark" not in row:  # an undo file, from the end of what was done to its beginning
        return _checked(folder, row["to"], row["from"])
    mark = row["mark"].strip()
    if mark in (KEEP, ""):
        return None
    photo = _inside(folder, row["photo"])
    if mark == REMOVE:
        return _checked(folder, photo, f"{REMOVED}/{photo}")
    if mark != MOVE:
        raise BadMarkError(f"{wording.clean(mark)[:20]} is none of {KEEP}, {MOVE} and {REMOVE}")
    return _checked(folder, photo, _in_class(photo, row["folder"], row["to"]))


def _inside(folder: Path, name: str) -> str:
    """Return the photo's path in the folder: a name in an upload may begin with the folder that was zipped."""
    inner = name.partition("/")[2]
    return inner if inner and not (folder / name).exists() and (folder / inner).exists() else name


def _in_class(photo: str, label: str, to: str) -> str:
    """Return the photo's path in the folder of another class. Raises BadMarkError."""
    if not to or to in (".", "..") or "/" in to or _OUTSIDE.search(to):
        raise BadMarkError("its new folder is no name of a folder")
    parts = list(PurePosixPath(photo).parts)
    places = [place for place, part in enumerate(parts[:-1]) if part == label]
    if not places:
        raise BadMarkError(f"its path does not show which folder is the class {wording.clean(label)[:40]}")
    parts[places[-1]] = to
    return "/".join(parts)


def _checked(folder: Path, source: str, target: str) -> Move:
    """Return the move where it stays in the folder, goes through no link and writes over nothing.

    Raises BadMarkError.
    """
    for name in (source, target):
        if not name or _OUTSIDE.search(name) or ".." in PurePosixPath(name).parts:
            raise BadMarkError("its path leads out of the folder")
        _refuse_links(folder, name)
    if not (folder / source).is_file():
        raise BadMarkError("there is no such file")
    if os.path.lexists(folder / target):
        raise BadMarkError(f"{wording.clean(target)} is already there")
    return Move(source, target)


def _refuse_links(folder: Path, name: str) -> None:
    """Raise BadMarkError where a part of the path is a link, or where it ends outside the folder."""
    root, path = folder.resolve(), folder
    for part in PurePosixPath(name).parts:
        path = path / part
        if path.is_symlink():
            raise BadMarkError("its path goes through a link")
    if not path.resolve().is_relative_to(root) or path.resolve() == root:
        raise BadMarkError("its path leads out of the folder")


def _followed(folder: Path, moves: Sequence[Move], screen: Screen) -> list[str]:
    """Move the photos; return why some could not be moved. Each is in the undo file before it is moved."""
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    undo, failed, done = folder / UNDO_NAME.format(moment=moment), [], 0
    with undo.open("x", encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        table = csv.writer(file)
        table.writerow(UNDO_COLUMNS)
        for move in moves:
            table.writerow([_quoted(move.source), _quoted(move.target)])
            file.flush()
            os.fsync(file.fileno())
            try:
                _put(folder, move)
                done += 1
            except (BadMarkError, OSError) as error:
                failed.append(f"{wording.clean(move.source)}: {error}")
                screen.say(f"Left alone: {failed[-1]}")
    screen.say(f"{wording.plural(done, 'photo')} moved. To take it back: modelmail relabel {folder} {undo} --apply")
    return failed


def _put(folder: Path, move: Move) -> None:
    """Move one photo; never over another file. Raises BadMarkError, OSError."""
    source, target = folder / move.source, folder / move.target
    target.parent.mkdir(parents=True, exist_ok=True)
    _checked(folder, move.source, move.target)  # again, as the folder may have changed
    try:
        os.link(source, target, follow_symlinks=False)  # fails where something is there; a rename would write over it
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, as most sticks have
        with source.open("rb") as old, target.open("xb") as new:
            shutil.copyfileobj(old, new)
        shutil.copystat(source, target)
    source.unlink()
