"""The words of an architecture: one layer each, as the string `CONV:3X3:1X1:SAME:64:BN`.

The words are those of Ma (2018), figure 4, with more: numbers of filters, batch normalization, separable and depthwise
convolutions. Case, blanks, line breaks and underscores inside a word do not matter.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

Size = tuple[int, int]  # rows and columns

CONVOLUTIONS = ("CONV", "SEP_CONV", "DEPTHWISE_CONV")
POOLINGS = ("MAX_POOLING", "AVERAGE_POOLING")
PLAIN = (
    "LocalRespNorm",
    "BatchNorm",
    "GLOBAL_AVERAGE_POOLING",
    "FLATTEN",
    "RELU",
    "IDENTITY",
    "SOFTMAX",
)
JOINTS = ("DepthConcat", "Add")
PADDINGS = ("SAME", "VALID")
ACTIVATIONS = ("RELU", "LINEAR", "TANH")
FORMS = {
    "CONV": "CONV:3X3:1X1:SAME",
    "SEP_CONV": "SEP_CONV:3X3:1X1:SAME",
    "DEPTHWISE_CONV": "DEPTHWISE_CONV:3X3:1X1:SAME",
    "MAX_POOLING": "MAX_POOLING:2X2:2X2:SAME",
    "AVERAGE_POOLING": "AVERAGE_POOLING:2X2:2X2:SAME",
}  # an example of each word that needs two sizes and a padding
MOST_SIDE = 99  # of a kernel, a window, a step
MOST_FILTERS = 4096  # and units
SYNONYMS = {
    "GAP": "GLOBAL_AVERAGE_POOLING",
    "DENSE": "FC",
    "FULLYCONNECTED": "FC",
    "BN": "BatchNorm",
    "LRN": "LocalRespNorm",
    "SUM": "Add",
    "CONCATENATE": "DepthConcat",
}  # what others call a word, and no likeness of letters finds
SHOWN = 48  # characters of a word that a message repeats
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")


class ArchitectureError(ValueError):
    """An architecture that cannot be read or built. Its text says where, what is wrong, and what to write."""


@dataclass(frozen=True)
class Convolution:
    """A convolution with its normalization and its activation."""

    kind: str  # one of CONVOLUTIONS
    kernel: Size
    step: Size
    padding: str
    filters: int | None = None  # None: by the rule of widths; a depthwise convolution has none of its own
    normalized: bool = False  # batch normalization follows, and the convolution has no bias
    activation: str = "RELU"

    def __str__(self) -> str:
        options = [str(self.filters)] if self.filters else []
        options += ["BN"] if self.normalized else []
        options += [self.activation] if self.activation != "RELU" else []
        return ":".join([self.kind, _sides(self.kernel), _sides(self.step), self.padding, *options])


@dataclass(frozen=True)
class Pooling:
    """The largest value, or the mean, of each window."""

    kind: str  # one of POOLINGS
    window: Size
    step: Size
    padding: str

    def __str__(self) -> str:
        return ":".join([self.kind, _sides(self.window), _sides(self.step), self.padding])


@dataclass(frozen=True)
class Dense:
    """A fully connected layer."""

    activation: str = "RELU"
    units: int | None = None  # None: as many as there are features, within a bound

    def __str__(self) -> str:
        return f"FC:{self.activation}" + (f":{self.units}" if self.units else "")


@dataclass(frozen=True)
class Dropout:
    """Dropout of a share of the values, above 0 and below 1."""

    share: float

    def __str__(self) -> str:
        return f"DROPOUT:{self.share!r}"


@dataclass(frozen=True)
class Plain:
    """A word without settings, one of PLAIN."""

    kind: str

    def __str__(self) -> str:
        return self.kind


@dataclass(frozen=True)
class Reference:
    """The output of a named step, in place of the output of the step before."""

    name: str

    def __str__(self) -> str:
        return f"@{self.name}"


Word = Convolution | Pooling | Dense | Dropout | Plain | Reference


def word(text: str) -> Word:
    """Read one word. Raises ArchitectureError, whose text does not say where the word stands."""
    if text.strip().startswith("@"):
        return Reference(name(text.strip()[1:].strip()))
    first, *rest = [_bare(part) for part in text.split(":")]
    kind = _known(first, (*CONVOLUTIONS, *POOLINGS, "FC", "DROPOUT", *PLAIN, *JOINTS), "layer")
    if kind in JOINTS:
        raise ArchitectureError(f"{kind} joins branches; write [[branch, branch], {quoted(kind)}]")
    if kind == "FC":
        return _dense(rest)
    if kind == "DROPOUT":
        return _dropout(rest)
    return _plain(kind, rest) if kind in PLAIN else _sliding(kind, rest)


def joint(text: str) -> str:
    """Read how branches are joined. Raises ArchitectureError."""
    found = _among(_bare(text), JOINTS)
    if found is None:
        raise ArchitectureError(f"branches are joined by {quoted(text)}; {_advice(_bare(text), JOINTS)}")
    return found


def is_joint(text: str) -> bool:
    """Return whether a text says how branches are joined."""
    return _among(_bare(text), JOINTS) is not None


def name(text: str) -> str:
    """Check a name of a step. Raises ArchitectureError."""
    if not NAME.fullmatch(text):
        raise ArchitectureError(
            f"{quoted(text)} is no name; a name is a letter, then letters, digits and _ (32 at most)"
        )
    return text


def share(text: str) -> float:
    """Read a share of dropout. Raises ArchitectureError."""
    text = text.strip()
    try:
        number = float(text) if len(text) <= 24 and text.isascii() else 0.0
    except ValueError:
        number = 0.0
    if not 0 < number < 1:
        raise ArchitectureError(f"{quoted(text)} is no share; write a number between 0 and 1, as in 0.5")
    return number


def quoted(text: str) -> str:
    """Return a text as a message repeats it: in quotes, printable, and not too long."""
    shown = "".join(one if one.isprintable() else " " for one in text[: SHOWN + 1])
    return f'"{shown[:SHOWN]}{"..." if len(shown) > SHOWN else ""}"'


def suggestion(text: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like a text, where one is like it."""
    by_bare = {_bare(one): one for one in known}
    if SYNONYMS.get(_bare(text)) in by_bare.values():
        return SYNONYMS[_bare(text)]
    close = difflib.get_close_matches(_bare(text)[:SHOWN], list(by_bare), 1, 0.6)
    return by_bare[close[0]] if close else None


def _plain(kind: str, rest: list[str]) -> Plain:
    if rest:
        raise ArchitectureError(f"{kind} takes no settings; write {kind} alone")
    return Plain(kind)


def _sliding(kind: str, rest: list[str]) -> Convolution | Pooling:
    """Read a convolution or a pooling from what comes after its kind."""
    if len(rest) < 3:
        raise ArchitectureError(f"a {kind} needs size, step and padding, as in {FORMS[kind]}")
    kernel, step, padding = _size(rest[0]), _size(rest[1]), _known(rest[2], PADDINGS, "padding")
    if kind in CONVOLUTIONS:
        return _convolution(Convolution(kind, kernel, step, padding), rest[3:])
    if rest[3:]:
        raise ArchitectureError(f"a {kind} has size, step and padding only; leave out {quoted(rest[3])}")
    return Pooling(kind, kernel, step, padding)


def _convolution(plain: Convolution, options: list[str]) -> Convolution:
    if plain.kind != "CONV" and plain.step[0] != plain.step[1]:
        raise ArchitectureError(f"the steps of a {plain.kind} must be equal; write {plain.step[0]}X{plain.step[0]}")
    filters, normalized, activation = None, False, None
    for option in options:
        if option.isascii() and option.isdigit() and filters is None:
            filters = _count(option, "filters")
        elif option == "BN" and not normalized:
            normalized = True
        elif option in ACTIVATIONS and activation is None:
            activation = option
        elif option in ("BN", *ACTIVATIONS) or (option.isascii() and option.isdigit()):
            raise ArchitectureError(f"{quoted(option)} is one too many; filters, BN and activation come once each")
        else:
            hint = _advice(option, ("BN", *ACTIVATIONS), f"a number of filters from 1 to {MOST_FILTERS}")
            raise ArchitectureError(f"the setting {quoted(option)} is unknown; {hint}")
    if plain.kind == "DEPTHWISE_CONV" and filters is not None:
        raise ArchitectureError(f"a DEPTHWISE_CONV keeps the number of maps; leave out {filters}")
    return Convolution(plain.kind, plain.kernel, plain.step, plain.padding, filters, normalized, activation or "RELU")


def _dense(options: list[str]) -> Dense:
    units, activation = None, None
    for option in options:
        if option.isascii() and option.isdigit() and units is None:
            units = _count(option, "units")
        elif activation is None and units is None:
            activation = _known(option, ACTIVATIONS, "setting", f"a number of units from 1 to {MOST_FILTERS}")
        else:
            raise ArchitectureError(f"{quoted(option)} is one too many; write it like FC:RELU:128")
    return Dense(activation or "RELU", units)


def _dropout(options: list[str]) -> Dropout:
    if len(options) != 1:
        raise ArchitectureError("a DROPOUT needs its share, as in DROPOUT:0.5")
    return Dropout(share(options[0]))


def _size(text: str) -> Size:
    found = re.fullmatch(r"([1-9][0-9]?)X([1-9][0-9]?)", text)
    if not found:
        raise ArchitectureError(f"{quoted(text)} is no size; write it like 3X3, with sides of 1 to {MOST_SIDE}")
    return int(found[1]), int(found[2])


def _count(text: str, what: str) -> int:
    number = int(text) if len(text) <= 6 else MOST_FILTERS + 1
    if not 1 <= number <= MOST_FILTERS:
        raise ArchitectureError(f"{quoted(text)} {what} cannot be; write a number from 1 to {MOST_FILTERS}")
    return number


def _bare(text: str) -> str:
    return re.sub(r"[\s_]", "", text).upper()


def _among(bare: str, known: Iterable[str]) -> str | None:
    return next((one for one in known if _bare(one) == bare), None)


def _known(bare: str, known: tuple[str, ...], what: str, or_else: str = "") -> str:
    found = _among(bare, known)
    if found is None:
        raise ArchitectureError(f"the {what} {quoted(bare)} is unknown; {_advice(bare, known, or_else)}")
    return found


def _advice(bare: str, known: tuple[str, ...], or_else: str = "") -> str:
    like = suggestion(bare, known)
    more = f", and {or_else}" if or_else else ""
    return f"did you mean {like}?" if like else f"known are {', '.join(known)}{more}"


def _sides(size: Size) -> str:
    return f"{size[0]}X{size[1]}"
