"""Which networks an installation offers, by what its workers have written."""

from __future__ import annotations

import json

import pytest

from jobs import catalogue
from jobs.catalogue import PREFIX, Stock
from jobs.clock import FakeClock
from jobs.errors import UserError
from jobs.options import CANDIDATES
from jobs.storage.store import Blob, MemoryStore

LITE = ("efficientnet_lite0", "efficientnet_lite1")


def test_all_are_offered_while_no_worker_has_started() -> None:
    assert catalogue.offered(MemoryStore()) == CANDIDATES


def test_one_workers_networks_and_those_that_it_may_download_are_offered() -> None:
    emails = MemoryStore()
    catalogue.tell(emails, "a", Stock(LITE))
    assert catalogue.offered(emails) == LITE
    catalogue.tell(emails, "a", Stock(LITE, ("vgg16",)))
    assert catalogue.offered(emails) == ("vgg16", *LITE)
    assert [stat.name for stat in emails.list()] == [f"{PREFIX}a"]


def test_several_workers_offer_what_any_of_them_has() -> None:
    emails = MemoryStore()
    catalogue.tell(emails, "a", Stock(LITE))
    catalogue.tell(emails, "b", Stock(("xception",)))
    assert catalogue.offered(emails) == ("xception", *LITE)


def test_a_worker_without_any_network_offers_none() -> None:
    emails = MemoryStore()
    catalogue.tell(emails, "a", Stock())
    assert catalogue.offered(emails) == ()


def test_a_worker_that_is_gone_counts_until_a_newer_one_has_written_for_a_day() -> None:
    clock = FakeClock()
    emails = MemoryStore(clock)
    catalogue.tell(emails, "gone", Stock(("xception",)))
    clock.advance(100 * 86400)  # no machine ran meanwhile
    assert catalogue.offered(emails) == ("xception",)
    catalogue.tell(emails, "new", Stock(LITE))
    assert catalogue.offered(emails) == LITE
    assert [stat.name for stat in emails.list()] == [f"{PREFIX}new"]


def test_a_worker_that_wrote_a_day_before_the_newest_counts_no_longer() -> None:
    clock = FakeClock()
    emails = MemoryStore(clock)
    catalogue.tell(emails, "old", Stock(("xception",)))
    clock.advance(23 * 3600)
    catalogue.tell(emails, "new", Stock(LITE))
    assert catalogue.offered(emails) == ("xception", *LITE)
    clock.advance(3600)
    catalogue.tell(emails, "new", Stock(LITE))
    assert catalogue.offered(emails) == LITE


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"networks": 3}', b'{"networks": [["a"]]}', b"\xff", b"null"])
def test_a_broken_object_does_no_harm(data: bytes) -> None:
    emails = MemoryStore()
    emails.put(f"{PREFIX}broken", data)
    assert catalogue.offered(emails) in (CANDIDATES, ())
    catalogue.tell(emails, "a", Stock(LITE))
    assert catalogue.offered(emails) == LITE


def test_a_worker_that_goes_while_it_is_asked_does_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    class Going(MemoryStore):
        """A bucket whose objects go right after they are listed."""

        def get(self, name: str, known: Blob | None = None) -> Blob | None:
            return None

    emails = Going()
    catalogue.tell(emails, "a", Stock(LITE))
    assert catalogue.offered(emails) == CANDIDATES
    assert caplog.messages == []


def test_what_a_newer_worker_writes_is_read() -> None:
    emails = MemoryStore()
    emails.put(f"{PREFIX}a", json.dumps({"networks": [*LITE, "of_next_year"], "colour": "blue"}).encode())
    assert catalogue.offered(emails) == LITE


def test_the_missing_networks_are_named() -> None:
    catalogue.check(LITE, LITE)
    with pytest.raises(UserError, match=r"no weights for vgg16, xception\. It has efficientnet_lite0") as caught:
        catalogue.check(("vgg16", "efficientnet_lite0", "xception"), LITE)
    assert caught.value.code == "bad_option"
    with pytest.raises(UserError, match="It has none"):
        catalogue.check(("vgg16",), ())
