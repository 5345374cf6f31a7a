"""A sender that is frozen in the few steps around a mail, which the histories of `test_life_machine` seldom hit."""

from __future__ import annotations

from functools import cache

import pytest

from tests.unit.jobs.test_life_machine import Life, nothing_is_logged

__all__ = ["nothing_is_logged"]  # a fixture


@pytest.mark.parametrize("down", [False, True], ids=["provider up", "provider down"])
def test_a_sender_frozen_at_any_step_is_no_second_sender(down: bool) -> None:
    for more in range(1, 12):
        life = Life()
        life.begin(offsets=(0.0, 0.0, 0.0), low=False, survivor=1, kinds=["refuses"])
        try:
            life.provider(down)
            while not life.world.is_mailing(0):
                life.work(0, 1)
            life.work(0, more)
            life.provider(False)
            life.freeze_one(0, 700)  # another takes the mail over, not long before this one goes on
            life.work(0, 60)
            life.no_promise_is_broken()
        finally:
            life.teardown()


def test_a_claim_that_is_written_late_sends_nothing() -> None:
    """A sender that is frozen in the steps before its claim is written claims a mail that is already stale."""
    for fewer in range(1, 6):
        life = Life()
        life.begin(offsets=(0.0, 0.0, 0.0), low=False, survivor=1, kinds=["refuses"])
        try:
            life.work(0, steps_to_a_mail() - fewer)
            life.wait(700)
            while not life.world.is_mailing(0):
                life.work(0, 1)
            life.freeze_one(0, 70)  # another sweeps
            life.work(0, 60)
            life.no_promise_is_broken()
        finally:
            life.teardown()
        assert life.world.witness.kinds["user0+0@example.org"] == {"rejected": 1}


@cache
def steps_to_a_mail() -> int:
    """How many steps the first worker takes until it has claimed the first mail."""
    life = Life()
    life.begin(offsets=(0.0, 0.0, 0.0), low=False, survivor=1, kinds=["refuses"])
    try:
        taken = 0
        while not life.world.is_mailing(0):
            life.work(0, 1)
            taken += 1
        return taken
    finally:
        life.teardown()
