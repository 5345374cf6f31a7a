"""Clients that all send a request at the same moment, each over its own open connection."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Ask:
    """One request of the JSON API."""

    method: str
    path: str
    body: bytes = b""


@dataclass(frozen=True)
class Racers:
    """`with racers(url, 50) as field: field.race([...])`."""

    connections: Sequence[http.client.HTTPConnection]
    pool: ThreadPoolExecutor

    def race(self, asks: Sequence[Ask]) -> list[int]:
        """The statuses, in the order of the requests. Raises OSError for any broken connection."""
        start = threading.Barrier(len(asks))

        def run(connection: http.client.HTTPConnection, ask: Ask) -> int:
            start.wait(20)
            headers = {"content-type": "application/json"}
            connection.request(ask.method, ask.path, ask.body, headers)
            with connection.getresponse() as answer:
                answer.read()
                return answer.status

        return list(self.pool.map(run, self.connections, asks))


@contextmanager
def racers(url: str, count: int) -> Iterator[Racers]:
    """So many clients of one server."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(count))
        place = urlsplit(url).netloc
        yield Racers([stack.enter_context(closing(http.client.HTTPConnection(place, timeout=60)))
                      for _ in range(count)], pool)  # fmt: skip
