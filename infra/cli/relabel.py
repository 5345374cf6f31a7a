"""`modelmail relabel`: move and put away photos of a folder as the marks of a report's page say.

It first only says what it would do. Each photo that it moves is written into an undo file before.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import shlex
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from infra.cli import on_disk
from infra.cli.screen import Screen
from jobs import wording

COLUMNS = ("photo", "folder", "mark", "to")  # of relabel.csv
UNDO_COLUMNS = ("from", "to")
KEEP, MOVE, REMOVE = "keep", "move", "remove"
REMOVED = ".modelmail-removed"  # hidden, so that no upload of the folder holds it
UNDO_NAME = ".modelmail-undo-{moment}.csv"
UNDO_START = b"from,to\r\n"
SEPARATORS = ",;\t"  # a spreadsheet may save a table with another one than it read
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
        done = _followed(wish.folder, moves, screen)
        if done is None:
            return WRONG
        return PARTLY if refused or done < len(moves) else DONE
    else:
        for move in moves:
            screen.say(f"{wording.clean(move.source)}  ->  {wording.clean(move.target)}")
        screen.say(f"{wording.plural(len(moves), 'photo')} would be moved. Add --apply to do it.")
    return PARTLY if refused else DONE


def _rows(wish: Wish) -> list[dict[str, str]]:
    """Return the lines of the marks. Raises OSError, and ValueError where the command or the file is wrong."""
    if not wish.folder.is_dir():
        raise ValueError(on_disk.absent(wish.folder))
    if not wish.marks.is_file():
        raise ValueError(f"There is no file {wish.marks}.")
    if wish.marks.stat().st_size > MOST_BYTES:
        raise ValueError(f"{wish.marks} is too large for a list of marks.")
    text = _text(wish.marks)
    head = text.partition("\n")[0]
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(SEPARATORS, key=head.count), strict=True)
    try:
        columns = set(table.fieldnames or ())
        rows = [{str(key): _plain(value) for key, value in row.items() if key} for row in table]
    except csv.Error as error:
        raise ValueError(f"{wish.marks} is no table of marks: {error}.") from error
    if not (columns >= set(COLUMNS) or columns == set(UNDO_COLUMNS)):
        raise ValueError(f"{wish.marks} has no columns {', '.join(COLUMNS)}, as the page of a report writes them.")
    return rows


def _text(path: Path) -> str:
    """Return the text of a file of marks. Raises OSError, and ValueError where it is not in UTF-8."""
    data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        # In an undo file names stand as they are on the disk, which may hold bytes that are no UTF-8.
        return data.decode("utf-8", "surrogateescape" if data.startswith(UNDO_START) else "strict")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not in UTF-8: save it as CSV UTF-8.") from error


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
    sources: set[str] = set()
    taken: set[str] = set()
    for number, row in enumerate(rows, start=2):
        try:
            move = _move(folder, row)
            if move is not None and move.source in sources:
                raise BadMarkError("another line moves it")
            if move is not None and move.target.casefold() in taken:
                raise BadMarkError("another line puts a photo there")
        except (BadMarkError, OSError) as error:
            named = wording.clean(row["photo"] if "mark" in row else row["to"]) or "no photo"
            refused.append(f"line {number}, {wording.shortened(named, 80)}: {_reason(error)}.")
            continue
        if move is not None:
            sources.add(move.source)
            taken.add(move.target.casefold())
            moves.append(move)
    return moves, refused


def _reason(error: Exception) -> str:
    """Return why a photo cannot be moved, as the end of a sentence."""
    return str((isinstance(error, OSError) and error.strerror) or error)


def _move(folder: Path, row: dict[str, str]) -> Move | None:
    """Return the move that a line asks for; None for a photo that stays. Raises BadMarkError, OSError."""
    if "mark" not in row:  # an undo file
        return _checked(folder, row["to"], row["from"])
    mark = row["mark"].strip()
    if mark in (KEEP, ""):
        return None
    photo = on_disk.photo(folder, row["photo"])
    if mark == REMOVE:
        return _checked(folder, photo, f"{REMOVED}/{photo}")
    if mark != MOVE:
        raise BadMarkError(f"{wording.clean(mark)[:20]} is none of {KEEP}, {MOVE} and {REMOVE}")
    return _checked(folder, photo, _in_class(folder, photo, row["folder"], row["to"]))


def _in_class(folder: Path, photo: str, label: str, to: str) -> str:
    """Return the photo's path in the folder of another class. Raises BadMarkError, OSError."""
    if not to or to.startswith(".") or "/" in to or _OUTSIDE.search(to):
        raise BadMarkError("its new folder is no name of a class")
    path = on_disk.in_class(folder, PurePosixPath(photo).parts, label, to)
    if path is None:
        raise BadMarkError(f"its path does not show which folder is the class {wording.clean(label)[:40]}")
    return path


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
    for parent in PurePosixPath(target).parents:
        if os.path.lexists(folder / parent) and not (folder / parent).is_dir():
            raise BadMarkError(f"{wording.clean(str(parent))} is no folder")
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


def _followed(folder: Path, moves: Sequence[Move], screen: Screen) -> int | None:
    """Move the photos; return how many were moved. Each is in the undo file before it is moved.

    None: the undo file could not be written, and nothing was moved.
    """
    moment, done = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f"), 0
    undo = folder / UNDO_NAME.format(moment=moment)
    try:
        with undo.open("xb") as file:
            file.write(codecs.BOM_UTF8 + _line(UNDO_COLUMNS))
            for move in moves:
                file.write(_line((_quoted(move.source), _quoted(move.target))))
                file.flush()
                os.fsync(file.fileno())
                done += _tried(folder, move, screen)
    except OSError as error:
        screen.say(f"{undo} cannot be written, and what is not in it is not moved: {_reason(error)}.")
        if not done:
            return None
    if done:
        command = f"modelmail relabel {shlex.quote(str(folder))} {shlex.quote(str(undo))} --apply"
        screen.say(f"{wording.plural(done, 'photo')} moved. To take it back: {command}")
    else:
        undo.unlink(missing_ok=True)
        screen.say("No photo was moved.")
    return done


def _line(cells: Sequence[str]) -> bytes:
    """Return a line of the undo file, which names files by their bytes."""
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode("utf-8", "surrogateescape")


def _tried(folder: Path, move: Move, screen: Screen) -> bool:
    """Move one photo; tell why where it cannot be, and return whether it was."""
    try:
        _put(folder, move)
    except (BadMarkError, OSError) as error:
        screen.say(f"Left alone: {wording.clean(move.source)}: {_reason(error)}.")
        return False
    return True


def _put(folder: Path, move: Move) -> None:
    """Move one photo; never over another file, and never so that it is in both places. Raises BadMarkError, OSError."""
    source, target = folder / move.source, folder / move.target
    target.parent.mkdir(parents=True, exist_ok=True)
    _checked(folder, move.source, move.target)  # again, as the folder may have changed
    try:
        os.link(source, target, follow_symlinks=False)  # fails where something is there; a rename would write over it
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, as most sticks have
        _copy(source, target)
    try:
        source.unlink()
    except OSError:  # from a folder that must not be changed
        target.unlink()
        raise


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as old, target.open("xb") as new:
        try:
            shutil.copyfileobj(old, new)
        except OSError:  # a full disk
            target.unlink()
            raise
    with suppress(OSError):
        shutil.copystat(source, target)
