"""A report's mail has the pictures that are there, and no wait for one that is gone."""

from __future__ import annotations

import json

from jobs.clock import FakeClock
from jobs.job import FileEntry
from jobs.limits import Limits
from jobs.mail.message import ListMailer
from jobs.mail.postman import Postman
from jobs.queue import Queue
from jobs.storage.store import Buckets, MemoryStore
from tests.unit.jobs.queues import claimed
from tests.unit.mail.letters import HEAD, PNG
from tests.unit.report import samples
from vm_worker import report


def test_a_report_goes_without_the_picture_that_is_gone() -> None:
    queue = Queue(Buckets(MemoryStore(), MemoryStore(), MemoryStore()), FakeClock(), Limits())
    record = claimed(queue)
    built = {**report.build(samples.facts()), "mail_pictures": ["curves.png", "confusion.png", "unknown.png"]}
    files = {name: FileEntry(f"{record.job.id}/{name}") for name in ("report.json", "curves.png", "confusion.png")}
    queue.buckets.models.put(files["report.json"].object, json.dumps(built).encode())
    queue.buckets.models.put(files["curves.png"].object, PNG)
    mailer = ListMailer()
    Postman(queue, mailer, HEAD, "w1").deliver(queue.finish(record, files).job.id)
    ((picture,),) = (mail.pictures for mail in mailer.sent)
    assert (picture.filename, picture.cid, picture.data) == ("curves.png", "curves", PNG)
