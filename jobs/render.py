"""The templates of every mail, page and report, and the function that fills them.

Values are escaped in HTML, and not in text. In both, each value first loses its control characters and characters that
change the reading direction, so that no class or file name can change how the text around it looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup, escape

from jobs import wording


def render(name: str, **values: Any) -> str:
    """Fill the template `name` (such as `mail/report.html`) with these values.

    Raises jinja2.UndefinedError when a value is missing: an incomplete mail must not be sent.
    """
    return _environment().get_template(name).render(**values)


@cache
def _environment() -> Environment:
    # PackageLoader finds the folder in a checkout, in a wheel and in the function's zip.
    environment = Environment(
        loader=PackageLoader("templates", ""),
        autoescape=_is_markup,  # noqa: S701 - True would put &amp; into text mails
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(_FILTERS)
    return environment


def _is_markup(name: str | None) -> bool:
    """Return whether values are escaped. They are, except in text templates, so that an unknown kind is safe."""
    return name is None or not name.endswith(".txt")


def _shown(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Markup):
        return wording.clean(value)
    return value


def _code(text: str) -> Markup:
    """Escape this project's own program text, and keep its line ends."""
    return escape(text)


@pass_eval_context
def _unbroken(context: EvalContext, text: str) -> str:
    """Return a sentence for a page, whose lines do not break before a percent sign; for a text mail as it is."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%") if context.autoescape else text


@pass_eval_context
def _score(context: EvalContext, value: float | None, metric: str) -> str:
    return _unbroken(context, wording.score(value, metric))


@pass_eval_context
def _percent(context: EvalContext, share: float | None, digits: int = 0) -> str:
    return _unbroken(context, wording.percent(share, digits))


@pass_eval_context
def _interval(context: EvalContext, bounds: Sequence[float] | None) -> str:
    return _unbroken(context, wording.interval(bounds))


_FILTERS = {
    "about": wording.about,
    "code": _code,
    "count": wording.count,
    "day": wording.day,
    "decimals": wording.decimals,
    "plain": wording.plain,
    "interval": _interval,
    "literal": wording.literal,
    "metric": wording.metric,
    "millions": wording.millions,
    "minute": wording.minute,
    "name": wording.name,
    "percent": _percent,
    "score": _score,
    "plural": wording.plural,
    "seconds": wording.seconds,
    "setting": wording.setting,
    "share_of": wording.share_of,
    "size": wording.size,
    "unbroken": _unbroken,
}
