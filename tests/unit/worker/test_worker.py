"""Which job a worker takes, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.catalogue import Stock, offered
from jobs.errors import Transient
from jobs.job import Progress, Status
from jobs.mail.message import ListMailer
from jobs.queue import Release, Waiting
from jobs.records import Record
from tests.unit.worker.house import LEASE, House, Refuser
from vm_worker.spec import Spec


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_the_oldest_upload_goes_first_and_each_gets_one_mail(house: House) -> None:
    first, second = house.submit("a" * 64), house.submit("b" * 64)
    worker = house.worker("w")
    assert [worker.step(), worker.step(), worker.step()] == [True, True, False]
    assert house.launched == [first[:8], second[:8]]
    assert [mail.kind for mail in house.mailer.sent] == ["rejected", "rejected"]
    assert list(house.queue.buckets.datasets.list()) == []
    assert list(house.folder.rglob("*.json")) == []  # nothing of the job stays on the disk


def test_the_address_leaves_the_record_with_its_last_mail(house: House) -> None:
    job_id = house.submit()
    house.worker("w").step()
    record = house.queue.read(job_id)
    assert record is not None
    assert (record.job.email, record.job.email_hmac) == (None, "a" * 64)


def test_a_live_job_is_left_alone_and_a_dead_one_taken_over(house: House) -> None:
    job_id = house.submit()
    record = house.claim_elsewhere(job_id)
    worker = house.worker("w")
    for _ in range(8):  # it beats: alive, however long it takes
        assert not worker.step()
        house.clock.advance(LEASE / 4)
        record = house.queue.beat(record, Progress())
    assert not worker.step()
    house.clock.advance(LEASE)
    assert not worker.step()
    house.clock.advance(0.01)
    assert worker.step()
    assert house.status(job_id) is Status.REJECTED


def test_a_new_worker_waits_a_whole_lease_whatever_the_record_says(house: House) -> None:
    house.claim_elsewhere(house.submit())
    house.clock.advance(10 * LEASE)
    worker = house.worker("late")
    assert not worker.step()
    house.clock.advance(LEASE + 1)
    assert worker.step()


def test_one_address_has_one_running_job(house: House) -> None:
    running, second, other = house.submit("a" * 64), house.submit("a" * 64), house.submit("b" * 64)
    record = house.claim_elsewhere(running)
    worker = house.worker("w")
    assert [worker.step(), worker.step()] == [True, False]
    assert house.launched == [other[:8]]
    house.queue.finish(record, {})
    assert worker.step()
    assert house.launched[-1] == second[:8]


def test_a_job_waits_for_an_older_one_that_another_worker_has_just_claimed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.submit("a" * 64), house.submit("a" * 64)
    claim = house.queue.claim

    def beaten(waiting: Waiting, owner: str) -> Record | None:
        monkeypatch.setattr(house.queue, "claim", claim)
        assert claim(waiting, "quicker") is not None
        return claim(waiting, owner)

    monkeypatch.setattr(house.queue, "claim", beaten)
    assert not house.worker("w").step()
    assert house.launched == []


def test_a_job_that_comes_back_has_another_folder(house: House) -> None:
    homes: list[Path] = []

    def launch(spec: Spec, home: Path) -> Refuser:
        homes.append(home)
        return Refuser()

    house.launch = launch
    house.queue.let_go(house.claim_elsewhere(house.submit()), Release("preemptions", "worker_lost", "taken back"))
    house.submit("b" * 64)
    worker = house.worker("w")
    assert [worker.step(), worker.step()] == [True, True]
    assert [home.name.rpartition("-")[2] for home in homes] == ["2", "1"]


def test_a_crashed_job_waits_for_its_time(house: House) -> None:
    record = house.claim_elsewhere(house.submit())
    house.queue.let_go(record, Release("crashes", "crashed", "it died"))
    worker = house.worker("w")
    assert not worker.step()
    house.clock.advance(60)
    assert worker.step()


def test_an_overdue_job_fails_with_a_mail_and_the_operator_hears_of_it(house: House) -> None:
    job_id = house.submit()
    house.clock.advance(25 * 3600)
    house.worker("w").step()
    assert house.status(job_id) is Status.FAILED
    assert sorted(mail.kind for mail in house.mailer.sent) == ["failed", "operator"]
    assert {mail.to for mail in house.mailer.sent} == {"ada@example.org", "operator@example.org"}


def test_an_idle_worker_sends_what_another_left_pending(house: House) -> None:
    record = house.claim_elsewhere(house.submit())
    house.queue.fail(record, "internal", "m")
    house.worker("w").step()
    assert sorted(mail.kind for mail in house.mailer.sent) == ["failed", "operator"]
    assert list(house.queue.buckets.emails.list("open/")) == []


def test_a_provider_that_is_down_is_tried_again_later(house: House) -> None:
    class Down(ListMailer):
        down = True

        def send(self, mail: Any) -> None:
            if self.down:
                raise Transient("503")
            super().send(mail)

    house.mailer = Down()
    house.submit()
    worker = house.worker("w")
    worker.step()
    assert house.mailer.sent == []
    Down.down = False
    house.clock.advance(61)
    worker.step()
    house.clock.advance(61)
    worker.step()
    assert [mail.kind for mail in house.mailer.sent] == ["rejected"]


def test_a_sender_that_died_is_taken_over_with_the_same_message_id(house: House) -> None:
    class Dies(ListMailer):
        def send(self, mail: Any) -> None:
            super().send(mail)
            if len(self.sent) == 1:
                raise KeyboardInterrupt  # after the provider's yes, before the mark

    house.mailer = Dies()
    house.submit()
    with pytest.raises(KeyboardInterrupt):
        house.worker("w").step()
    other = house.worker("other")
    other.step()
    assert len(house.mailer.sent) == 1  # within ten minutes the first may still be at it
    house.clock.advance(601)
    other.step()
    assert len(house.mailer.sent) == 2
    assert len({mail.message_id for mail in house.mailer.sent}) == 1
    house.clock.advance(601)
    other.step()
    assert len(house.mailer.sent) == 2


def test_a_worker_tells_at_its_start_and_each_hour_which_networks_it_has(house: House) -> None:
    emails, worker = house.queue.buckets.emails, house.worker("w", Stock(("vgg16",)))
    worker.step()
    first = emails.stat("catalogue/host-of-w")
    assert first is not None and offered(emails) == ("vgg16",)
    worker.step()
    assert emails.stat("catalogue/host-of-w") == first
    house.clock.advance(3601)
    worker.step()
    again = emails.stat("catalogue/host-of-w")
    assert again is not None and again.generation > first.generation


def test_what_a_worker_has_is_told_although_the_storage_was_down_at_its_start(house: House) -> None:
    emails, worker = house.queue.buckets.emails, house.worker("w", Stock(("vgg16",)))
    put = emails.put
    emails.put = down  # type: ignore[method-assign]
    with pytest.raises(Transient):
        worker.step()
    emails.put = put  # type: ignore[method-assign]
    worker.step()
    assert offered(emails) == ("vgg16",)


def down(*given: object, **more: object) -> int:
    raise Transient("down")
