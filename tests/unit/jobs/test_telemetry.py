"""What is counted of a job's life: each change once, by whoever made it, and in words that name nobody."""

from __future__ import annotations

import re
import sys
from datetime import timedelta

import pytest

from jobs import operator
from jobs.clock import FakeClock
from jobs.errors import LeaseLost, UserError
from jobs.installation import open_queue
from jobs.job import Progress
from jobs.limits import Limits
from jobs.mail.letters import Letterhead
from jobs.mail.message import ListMailer
from jobs.mail.postman import Postman
from jobs.queue import Queue, Release
from jobs.settings import Settings
from jobs.storage.store import Buckets, MemoryStore
from jobs.telemetry import METRICS, WAITING, Silent, Tally, opened
from tests.documents import page
from tests.servers import EmulatorUnderTest
from tests.unit.jobs.queues import FlakyStore, claimed, submit, upload

HEAD = Letterhead("modelmail@example.org", "operator@example.org", "http://here", "secret")
CRASH = Release("crashes", "crashed", "it died")


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def counted(clock: FakeClock, emails: FlakyStore, tally: Tally) -> Queue:
    return Queue(Buckets(emails, MemoryStore(clock), MemoryStore(clock)), clock, Limits(), tally)


def test_a_life_is_counted_step_by_step(counted: Queue, tally: Tally, clock: FakeClock) -> None:
    record = counted.let_go(claimed(counted), CRASH)
    clock.advance(3600)
    (waiting,) = counted.waiting()
    again = counted.claim(waiting, "w2")
    assert again is not None
    again = counted.beat(again, Progress(fraction=0.5))
    counted.reject(again, UserError("one_class", "Only cats."))
    Postman(counted, ListMailer(), HEAD, "w2").deliver(record.job.id)
    assert tally.counts == {
        "modelmail.jobs submitted": 1,
        "modelmail.jobs claimed": 2,
        "modelmail.jobs handed_back": 1,
        "modelmail.jobs rejected": 1,
        "modelmail.mails rejected sent": 1,
    }
    assert tally.seconds == {"modelmail.job.duration rejected": [3600.0]}


def test_a_takeover_is_a_claim_and_the_loser_counts_nothing(counted: Queue, tally: Tally) -> None:
    lost = claimed(counted)
    (waiting,) = counted.waiting()
    assert counted.claim(waiting, "w2") is not None
    with pytest.raises(LeaseLost):
        counted.finish(lost, {})
    assert counted.claim(waiting, "w3") is None
    assert tally.counts == {"modelmail.jobs submitted": 1, "modelmail.jobs claimed": 2}


@pytest.mark.parametrize("fault", ["lose", "refuse"])
def test_a_write_whose_answer_was_lost_is_counted_once(
    counted: Queue, tally: Tally, emails: FlakyStore, fault: str
) -> None:
    record = claimed(counted)
    emails.faults = [fault]
    counted.reject(record, UserError("one_class", "Only cats."))
    emails.faults = ["", fault]  # of the mail's two writes the one that marks it
    Postman(counted, ListMailer(), HEAD, "w").deliver(record.job.id)
    assert tally.counts["modelmail.jobs rejected"] == 1
    assert sum(count for words, count in tally.counts.items() if words.startswith("modelmail.mails")) == 1


def test_a_claim_whose_answer_was_lost_is_counted_once(counted: Queue, tally: Tally, emails: FlakyStore) -> None:
    waiting = upload(counted, submit(counted))
    emails.faults = ["lose"]
    assert counted.claim(waiting, "w1") is not None
    assert tally.counts["modelmail.jobs claimed"] == 1


def test_ends_without_a_worker_are_counted_too(counted: Queue, tally: Tally) -> None:
    forgotten, late, gone = (submit(counted) for _ in range(3))
    record = counted.read(forgotten.id)
    assert record is not None and counted.expire(record) is not None
    upload(counted, late)
    operator.cancel(counted, late.id)
    counted.delete(gone.id)
    counted.delete(gone.id)
    assert tally.counts == {
        "modelmail.jobs submitted": 3,
        "modelmail.jobs expired": 1,
        "modelmail.jobs failed": 1,
        "modelmail.jobs deleted": 1,
    }


def test_who_opens_a_queue_is_asked_for_the_longest_wait(tally: Tally, emulator: EmulatorUnderTest) -> None:
    datasets = emulator.bucket().name
    queue = open_queue(Settings(storage_url=emulator.url, datasets_bucket=datasets), tally)
    assert tally.observed[WAITING.name]() == 0.0
    queue.buckets.datasets.put("of nobody.zip", b"PK")
    assert tally.observed[WAITING.name]() == 0.0


def test_words_are_of_fixed_lists(counted: Queue, tally: Tally, clock: FakeClock) -> None:
    record = claimed(counted)
    counted.fail(record, "internal", f"error in {record.job.id} of ada@example.org")
    clock.advance(timedelta(minutes=1).total_seconds())
    Postman(counted, ListMailer(), HEAD, "w").deliver(record.job.id)
    names = {metric.name for metric in METRICS}
    for words in (*tally.counts, *tally.seconds):
        name, *rest = words.split(" ")
        assert name in names and all(re.fullmatch(r"[a-z_]{4,13}", word) for word in rest), words


def test_without_a_receiver_there_is_silence() -> None:
    assert isinstance(opened("", "modelmail-worker"), Silent)


def test_a_receiver_without_the_package_is_an_error_in_the_log_and_no_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "jobs.otlp", None)
    assert isinstance(opened("http://127.0.0.1:1", "modelmail-worker"), Silent)
    assert "modelmail[telemetry]" in caplog.text


def test_the_page_for_operators_has_the_table() -> None:
    table = page("cloud").table_after("| metric |")
    assert table == [f"| `{metric.name}` | {metric.unit.strip('{}')} | {metric.told} |" for metric in METRICS]
