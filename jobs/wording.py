"""Numbers, times and names in words, in the one form that mails, pages and reports use."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from datetime import datetime

ELLIPSIS = "..."
ERRORS = ("_error", "_rmse")  # how metrics end whose scores are no shares
FEW = 30  # photos; of fewer, a share in percent promises more than it can hold
_KIB = 1024
_MINUTE = 60  # seconds
_HOUR = 3600  # seconds
# Format characters that change the reading direction: "photo<RLO>gpj.exe" would look like "photoexe.jpg".
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
# Half of a surrogate pair is no character: names in broken zips hold them, and UTF-8 cannot encode them.
_REPLACEMENT = "\ufffd"


def clean(text: str) -> str:
    """Return one line without control characters, direction changes and half characters; safe in a text mail."""
    if text.isascii() and text.isprintable():  # a report's pictures are texts of a million such characters
        return text
    return "".join(_harmless(character) for character in text)


def name(text: str, most: int = 48) -> str:
    """Return a user's name of a class or file: at most `most` characters, cut in the middle, never a working link.

    Anybody can have a mail sent to another person's address, and mail programs make links of all texts that look like
    one.
    """
    text = clean(text).strip().replace("://", ": //").replace("www.", "www ").replace("WWW.", "WWW ")
    if not text:
        return "(no name)"
    return shortened(text, most)


def literal(text: str) -> str:
    """Return a user's name in Markdown, as code: nothing in it is a link, a tag or the end of a table's cell."""
    return "`" + name(text).replace("`", "'").replace("|", "/") + "`"


def shortened(text: str, most: int) -> str:
    """Return at most `most` characters. The middle is cut, as both ends of a name help to recognise it."""
    if len(text) <= most:
        return text
    kept = most - len(ELLIPSIS)
    tail = kept // 3
    return text[: kept - tail] + ELLIPSIS + text[len(text) - tail :]


def percent(share: float | None, digits: int = 0) -> str:
    """Write 0.914 as "91 %". A share that is not exactly 1 or 0 is never rounded to 100 % or 0 %."""
    if share is None:
        return "-"
    shown = f"{share * 100:.{digits}f}"
    if (share < 1 and float(shown) >= 100) or (share > 0 and float(shown) <= 0):
        return percent(share, digits + 1) if digits < 3 else f"{share * 100:.3g} %"
    return f"{shown} %"


def share_of(part: int, number: int) -> str:
    """Write how many of the photos: "5 of 8", or "91 % of 325" where there are many."""
    return f"{count(part)} of {number}" if number < FEW else f"{percent(part / number)} of {count(number)}"


def interval(bounds: Sequence[float] | None) -> str:
    """Write [0.871, 0.942] as "87-94 %"."""
    if bounds is None:
        return "-"
    low, high = (f"{bound * 100:.0f}" for bound in bounds)
    return f"{low} %" if low == high else f"{low}-{high} %"


def count(number: float | None) -> str:
    """Write 3520000 as "3,520,000"."""
    return "-" if number is None else f"{number:,.0f}"


def millions(number: float | None) -> str:
    """Write 3413024 as "3.4 M"; for columns that must be narrow."""
    return "-" if number is None else f"{number / 1e6:.1f} M"


def plural(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun: "1 photo", "2 photos", "2 classes"."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def decimals(number: float | None, digits: int = 3) -> str:
    """Write a loss or a learning rate: fixed digits, or an exponent where those would show only zeros."""
    if number is None:
        return "-"
    if number and abs(number) < 10**-digits:
        return f"{number:.0e}".replace("e-0", "e-")
    return f"{number:.{digits}f}"


def plain(number: float | None, digits: int = 1) -> str:
    """Write milliseconds or a price: fixed digits, or as many as it takes to show one that is not zero: 0.09."""
    if number is None:
        return "-"
    places = digits if abs(number) >= 10**-digits or not number else -math.floor(math.log10(abs(number)))
    return f"{number:.{places}f}"


def setting(value: object) -> str:
    """Write a trial's parameter: 0.00031622776 as "0.000316", True as "yes", the rest as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def metric(key: str) -> str:
    """Write the name of a score in words: "accuracy" as it is, "mean_precision" as "mean precision"."""
    return name(key.replace("_", " "))


def score(value: float | None, key: str) -> str:
    """Write the score of a metric: an error, such as "count_error", as 1.34, any other one, a share, as "91.4 %"."""
    return decimals(value, 2) if key.endswith(ERRORS) else percent(value, 1)


def seconds(duration: float | None) -> str:
    """Write 4.2 as "4.2 s", 95 as "1 min 35 s", 4000 as "1 h 7 min"."""
    if duration is None:
        return "-"
    if duration < 9.95:  # else it would be shown as 10.0
        return f"{duration:.1f} s"
    whole = round(duration)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _two(*divmod(whole, _MINUTE), "min", "s")
    return _two(*divmod(round(duration / _MINUTE), _MINUTE), "h", "min")


def about(duration: float) -> str:
    """Write an estimate, as coarse as it is: 20 as "less than a minute", 95 as "about 2 minutes"."""
    minutes = round(duration / _MINUTE)
    if minutes == 0:
        return "less than a minute"
    if minutes < _HOUR / _MINUTE:
        return f"about {plural(minutes, 'minute')}"
    return f"about {_two(*divmod(10 * round(minutes / 10), 60), 'h', 'min')}"


def size(number: int | None) -> str:
    """Write bytes as "5.4 MB" (of 1,024 x 1,024, as file managers of phones and desktops say)."""
    if number is None:
        return "-"
    if number < _KIB:
        return plural(number, "byte")
    value = float(number)
    for unit in ("KB", "MB", "GB"):
        value /= _KIB
        if value < _KIB or unit == "GB":
            break
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}"


def day(moment: datetime | str | None) -> str:
    """Write a moment (or its ISO text) as "3 March 2026", with the month in letters, as 03/04 has two meanings."""
    if moment is None:
        return "-"
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return f"{moment.day} {moment:%B %Y}"


def minute(moment: datetime | str | None) -> str:
    """Write a moment as "3 March 2026, 14:05 UTC"."""
    if moment is None:
        return "-"
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return f"{day(moment)}, {moment:%H:%M} UTC"


def _harmless(character: str) -> str:
    if character in _BIDI:
        return ""
    category = unicodedata.category(character)
    if category == "Cs":
        return _REPLACEMENT
    return " " if category in ("Cc", "Zl", "Zp") else character


def _two(large: int, small: int, large_unit: str, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"
