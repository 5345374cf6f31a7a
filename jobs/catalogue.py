"""The networks that the workers of an installation have weights for: only these are offered to users.

Each worker writes an object `catalogue/<worker>` into the emails bucket when it starts, and again each hour. No
lifecycle rule touches this prefix: while no machine runs, the last worker's object says what the next one will have.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from jobs.errors import UserError
from jobs.flat import Flat
from jobs.options import CANDIDATES
from jobs.storage.store import Stat, Store

PREFIX = "catalogue/"
# An object counts unless it is so much older than the newest one: its worker is gone. A worker writes each hour, or
# after its job, which takes at most a few hours.
STALE = timedelta(days=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stock(Flat):
    """The networks that one worker can train."""

    networks: tuple[str, ...] = ()  # keys of networks whose weights are on its machine
    downloads: tuple[str, ...] = ()  # keys of networks whose weights it may download


def tell(emails: Store, worker: str, stock: Stock) -> None:
    """Write what a worker has, and delete the objects of workers that are gone. Raises Transient."""
    data = json.dumps(stock.to_json()).encode()
    emails.put(f"{PREFIX}{worker}", data, content_type="application/json")
    told = list(emails.list(PREFIX))
    for stat in set(told) - set(_current(told)):
        emails.delete(stat.name)


def offered(emails: Store) -> tuple[str, ...]:
    """Return the networks that at least one worker has or may download, in the usual order.

    All networks while no worker has written anything. Raises Transient.
    """
    stocks = list(_stocks(emails))
    known = {key for stock in stocks for key in stock}
    return tuple(key for key in CANDIDATES if key in known or not stocks)


def check(asked: tuple[str, ...], offered: tuple[str, ...]) -> None:
    """Check the option `candidates`. Raises UserError `bad_option` with the networks that are not offered."""
    missing = [key for key in asked if key not in offered]
    if missing:
        has = f"It has {', '.join(offered)}." if offered else "It has none: leave this option away."
        raise UserError("bad_option", f"This installation has no weights for {', '.join(missing)}. {has}")


def _stocks(emails: Store) -> Iterator[set[str]]:
    """Yield the keys of each worker's networks."""
    for stat in _current(list(emails.list(PREFIX))):
        blob = emails.get(stat.name)
        if blob is None:
            continue
        try:
            stock = Stock.from_json(json.loads(blob.data))
            yield {*stock.networks, *stock.downloads}
        except (AttributeError, TypeError, ValueError):  # a broken object must not stop all submissions
            log.error("%s cannot be read", stat.name)


def _current(told: list[Stat]) -> list[Stat]:
    if not told:
        return []
    newest = max(stat.created for stat in told)
    return [stat for stat in told if newest - stat.created < STALE]
