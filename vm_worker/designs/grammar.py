"""Read an architecture from its text, and write it.

    architecture   = steps | "{" , pair , { "," , pair } , "}" ;                 (* JSON *)
    pair           = '"ops":' , steps | '"op":' , step                           (* "op" may be repeated, in order *)
                   | '"regularization":' , ( '"Dropout"' | '{"Dropout":' , share , "}" )
                   | '"coefficient":' , ( share | '"' , share , '"' ) ;
    steps          = "[" , step , { "," , step } , "]" ;
    step           = '"' , word , '"' | join | named ;
    join           = "[" , "[" , branch , "," , branch , { "," , branch } , "]" , "," , '"' , joint , '"' , "]" ;
    joint          = "DepthConcat" | "Add" ;
    branch         = step | steps ;
    named          = '{"name":' , '"' , name , '"' , ',"op":' , step , "}" ;      (* its output may be used again *)

`words.word` has the words; `@name` stands for the output of a named step. The form with "op" is that of Ma (2018),
figure 4. The text is data from outside: it is bounded, read as JSON and never executed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vm_worker.designs import words
from vm_worker.designs.json_text import Pairs, loaded, shown, written
from vm_worker.designs.words import ArchitectureError, Plain, Word, quoted

KEYS = ("ops", "op", "regularization", "coefficient")
DROPOUT = 0.5  # the share where a text asks for dropout without one
SOFTMAX = Plain("SOFTMAX")


@dataclass(frozen=True)
class Join:
    """Branches that begin at the same output, and how theirs become one: DepthConcat or Add."""

    branches: tuple[Branch, ...]
    how: str


@dataclass(frozen=True)
class Named:
    """A step whose output has a name."""

    name: str
    step: Word | Join


Step = Word | Join | Named
Branch = tuple[Step, ...]


@dataclass(frozen=True)
class Architecture:
    """A network as steps, each from the output of the one before. The last step is SOFTMAX."""

    steps: Branch
    dropout: float | None = None  # the share before each FC; without an FC, before SOFTMAX

    def __str__(self) -> str:
        return json.dumps(self.as_json())

    def as_json(self) -> object:
        """Return the architecture in the form that is written: an object with `ops`."""
        plain: dict[str, object] = {"ops": [_plain(step) for step in self.steps]}
        return plain if self.dropout is None else plain | {"regularization": {"Dropout": self.dropout}}


@dataclass(frozen=True)
class TextLimits:
    """How large a text may be."""

    bytes: int = 20_000
    levels: int = 4  # of branches in branches
    layers: int = 200  # words, joins and references


def parse(text: str, limits: TextLimits | None = None) -> Architecture:
    """Read an architecture. Raises ArchitectureError, which says where and what to write instead."""
    limits = limits or TextLimits()
    if len(text.encode("utf-8", "replace")) > limits.bytes:
        raise ArchitectureError(f"an architecture has at most {limits.bytes:,} bytes")
    reader = _Reader(limits)
    return _checked(reader.architecture(loaded(text)), reader.ends)


def words_of(steps: Sequence[Step]) -> Iterator[Word]:
    """Yield each word of these steps and their branches, in the order of the text."""
    for step in steps:
        inner = step.step if isinstance(step, Named) else step
        if isinstance(inner, Join):
            for branch in inner.branches:
                yield from words_of(branch)
        else:
            yield inner


class _Reader:
    """A reader of one architecture that counts its layers. `ends` has where each SOFTMAX stands."""

    def __init__(self, limits: TextLimits) -> None:
        self.ends: list[str] = []
        self._limits = limits
        self._layers = 0

    def architecture(self, found: object) -> Architecture:
        if isinstance(found, list):
            return Architecture(self._steps(found, "", 0))
        if not isinstance(found, Pairs):
            raise ArchitectureError('an architecture is a list of layers, as in ["CONV:3X3:1X1:SAME", "SOFTMAX"]')
        steps: list[Step] = []
        once: dict[str, object] = {}
        for key, value in found.pairs:
            match _key(key):
                case "ops":
                    if not isinstance(value, list):
                        raise ArchitectureError('the value of "ops" is a list of layers')
                    steps += self._steps(value, "", 0, len(steps))
                case "op":
                    steps.append(self._step(value, f"step {len(steps) + 1}", 0))
                case other if other in once:
                    raise ArchitectureError(f'the key "{other}" comes twice; write it once')
                case other:
                    once[other] = value
        return Architecture(tuple(steps), _dropout(once.get("regularization"), once.get("coefficient")))

    def _steps(self, found: Sequence[object], where: str, level: int, before: int = 0) -> Branch:
        inside = f"{where}, " if where else ""
        return tuple(
            self._step(one, f"{inside}step {number}", level) for number, one in enumerate(found, start=before + 1)
        )

    def _step(self, found: object, where: str, level: int) -> Step:
        if isinstance(found, Pairs):
            return self._named(found, where, level)
        if isinstance(found, list):
            return self._join(found, where, level)
        if not isinstance(found, str):
            raise ArchitectureError(f"{where}: {shown(found)} is no layer; a layer is a text")
        try:
            read = words.word(found)
        except ArchitectureError as error:
            raise ArchitectureError(f"{where}, {quoted(found)}: {error}") from None
        self._count(where, 1)
        self.ends += [where] if read == SOFTMAX else []
        return read

    def _join(self, found: Sequence[object], where: str, level: int) -> Join:
        if len(found) != 2 or not isinstance(found[0], list) or not isinstance(found[1], str):
            raise ArchitectureError(f'{where}: a list is branches and how they are joined: [[branch, branch], "Add"]')
        try:
            how = words.joint(found[1])
        except ArchitectureError as error:
            raise ArchitectureError(f"{where}: {error}") from None
        if len(found[0]) < 2:
            raise ArchitectureError(f"{where}: {how} joins at least two branches, each a layer or a list of layers")
        if level >= self._limits.levels:
            raise ArchitectureError(f"{where}: branches may lie at most {self._limits.levels} deep in each other")
        self._count(where, 1)
        branches = (
            self._branch(one, f"{where}, branch {number}", level + 1) for number, one in enumerate(found[0], start=1)
        )
        return Join(tuple(branches), how)

    def _branch(self, found: object, where: str, level: int) -> Branch:
        if not isinstance(found, list) or _is_join(found):
            return (self._step(found, where, level),)
        if not found:
            raise ArchitectureError(f"{where}: a branch has at least one layer; IDENTITY is one that does nothing")
        return self._steps(found, where, level)

    def _named(self, found: Pairs, where: str, level: int) -> Named:
        keys = [key.strip().lower() for key, _ in found.pairs]
        if sorted(keys) != ["name", "op"]:
            raise ArchitectureError(f'{where}: a named step is {{"name": "a", "op": "CONV:3X3:1X1:SAME"}}')
        values = dict(zip(keys, (value for _, value in found.pairs), strict=True))
        given = values["name"]
        if not isinstance(given, str):
            raise ArchitectureError(f'{where}: {shown(given)} is no name; a name is a text, as in "a"')
        try:
            name = words.name(given.strip())
        except ArchitectureError as error:
            raise ArchitectureError(f"{where}: {error}") from None
        step = self._step(values["op"], where, level)
        if isinstance(step, Named):
            raise ArchitectureError(f"{where}: a step has one name")
        return Named(name, step)

    def _count(self, where: str, more: int) -> None:
        self._layers += more
        if self._layers > self._limits.layers:
            raise ArchitectureError(f"{where}: a network has at most {self._limits.layers} layers and references")


def _is_join(found: Sequence[object]) -> bool:
    return len(found) == 2 and isinstance(found[0], list) and isinstance(found[1], str) and words.is_joint(found[1])


def _key(text: str) -> str:
    key = text.strip().lower()
    if key not in KEYS:
        like = words.suggestion(key, KEYS)
        hint = f"did you mean {like}?" if like else f"known are {', '.join(KEYS)}"
        raise ArchitectureError(f"the key {quoted(text)} is unknown; {hint}")
    return key


def _dropout(regularization: object, coefficient: object) -> float | None:
    given: object = DROPOUT if coefficient is None else coefficient
    if isinstance(regularization, Pairs) and len(regularization.pairs) == 1:
        regularization, given = regularization.pairs[0]
        if coefficient is not None:
            raise ArchitectureError("the share of dropout is given twice; leave out the coefficient")
    if regularization is None:
        if coefficient is not None:
            raise ArchitectureError('the coefficient belongs to "regularization": "Dropout", which is missing')
        return None
    if not isinstance(regularization, str) or regularization.strip().lower() != "dropout":
        unknown = quoted(regularization) if isinstance(regularization, str) else shown(regularization)
        raise ArchitectureError(f'the regularization {unknown} is unknown; write "Dropout" or {{"Dropout": 0.5}}')
    return words.share(given if isinstance(given, str) else written(given))


def _checked(architecture: Architecture, ends: Sequence[str]) -> Architecture:
    """Check where SOFTMAX stands; `ends` are the places of all. Raises ArchitectureError."""
    steps = architecture.steps
    if not steps:
        raise ArchitectureError("a network has at least one layer, and SOFTMAX as its last")
    last = f"step {len(steps)}"
    early = next((where for where in ends if where != last), None)
    if early is not None:
        raise ArchitectureError(f"{early}: SOFTMAX ends the network; it may be its last step only")
    if steps[-1] != SOFTMAX:
        advice = "leave out its name" if ends else 'write "SOFTMAX" after this one'
        raise ArchitectureError(f"{last}: the last step must be SOFTMAX; {advice}")
    return architecture


def _plain(step: Step) -> object:
    if isinstance(step, Join):
        return [[_branch(branch) for branch in step.branches], step.how]
    if isinstance(step, Named):
        return {"name": step.name, "op": _plain(step.step)}
    return str(step)


def _branch(branch: Branch) -> object:
    return _plain(branch[0]) if len(branch) == 1 else [_plain(step) for step in branch]
