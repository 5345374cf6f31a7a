"""What a log may hold, whoever writes it."""

from __future__ import annotations

import logging
import time

import pytest

from jobs.job import new_id
from jobs.logs import cleaned, keep_out
from jobs.tokens import address_hmac, delete_token, refusal_token

ID = "Qm3xT9aZ_0123456789abc"
TOKEN = delete_token("secret", ID)
PSEUDONYM = address_hmac("secret", "ada@example.org")
SIGNED = "http://127.0.0.1:9000/modelmail-datasets/x.zip?X-Goog-Algorithm=GOOG4&X-Goog-Signature=00ff&x-goog-date=1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"404 GET http://h/b/e/o/jobs%2F{ID}.json: No", "404 GET http://h/b/e/o/jobs%2FQm3xT9aZ....json: No"),
        (f"{ID}.zip and {ID}/stages/intake.json", "Qm3xT9aZ....zip and Qm3xT9aZ.../stages/intake.json"),
        ("efficientnet_lite0_288: 480 photos", "efficientnet_lite0_288: 480 photos"),
        (f"'/jobs/{ID}/delete?token={TOKEN}'", "'/jobs/Qm3xT9aZ.../delete?token=(secret)'"),
        (f"PUT {SIGNED} failed", "PUT http://127.0.0.1:9000/modelmail-datasets/x.zip?(signature) failed"),
        ("to ada.l+x@mail.example.org now", "to (address) now"),
        ("?email=ada%40example.org&x=1", "?email=(address)&x=1"),
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer (secret)"),
        ("key SG.abc-1.def_2 is wrong", "key (key) is wrong"),
        (f"refused/{PSEUDONYM}", f"refused/{PSEUDONYM[:4]}..."),
        (f"/refuse/{refusal_token('s', 'ab' * 32)}", "/refuse/" + refusal_token("s", "ab" * 32)[:4] + "..."),
        # What an operator needs stays.
        ("job Qm3xT9aZ: claimed", "job Qm3xT9aZ: claimed"),
        ('File "/app/vm_worker/job_run.py", line 12, in run', 'File "/app/vm_worker/job_run.py", line 12, in run'),
        ("2026-11-22 07:00:00,123 INFO polling every 30 s", "2026-11-22 07:00:00,123 INFO polling every 30 s"),
        ("the_record_of_the_jobs", "the_record_of_the_jobs"),
        ("a trial 0123456789abcdef0123456789abcdef01234567", "a trial 0123456789abcdef0123456789abcdef01234567"),
    ],
)  # fmt: skip
def test_a_text_is_cleaned(text: str, shown: str) -> None:
    assert cleaned(text) == shown


def test_no_id_of_any_shape_gets_through() -> None:
    for _ in range(3000):
        job_id = new_id()
        for text in (f"{job_id}", f"/jobs/{job_id}?x", f"o/jobs%2F{job_id}.json", f"'{job_id}/artifacts/1'"):
            assert job_id not in cleaned(text)


PIECES = ("?", "?x=1&", "a", "a.", "A", "%2F", "%40", "a%40", "@", "Bearer ", "token", "-", "SG.", "a@b.")


@pytest.mark.parametrize("piece", PIECES)
def test_a_long_line_costs_time_in_proportion(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    began = time.process_time()
    cleaned(text)
    assert time.process_time() - began < 2


def test_known_secrets_go_wherever_they_stand() -> None:
    assert cleaned("the secret is hunter2-and-more", ("hunter2",)) == "the secret is (secret)-and-more"


@pytest.fixture
def guarded() -> logging.Logger:
    keep_out("old secret")
    keep_out("hunter2", "")
    return logging.getLogger("somebody.elses")


def test_records_of_any_library_are_cleaned(guarded: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    guarded.warning("failed: %s by %s with %s", f"/jobs/{ID}", "ada@example.org", "hunter2")
    try:
        raise OSError(f"403 GET {SIGNED} for ada@example.org with {TOKEN}") from ValueError(f"/jobs/{ID}")
    except OSError:
        guarded.exception("it broke")
    guarded.warning("%d wrong arguments")
    guarded.warning("%d", "no number")
    for part in (ID, "ada@example.org", "hunter2", "X-Goog-Signature", TOKEN):
        assert part not in caplog.text
    assert "OSError: 403 GET" in caplog.text
    assert "The above exception was the direct cause" in caplog.text
    assert f"/jobs/{ID[:8]}..." in caplog.text
