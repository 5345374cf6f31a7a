"""The life of jobs as a model: any order of submissions, deaths, faults and frozen workers keeps every promise.

The workers, the queue, the mails and the sweep are the real ones; buckets, clocks and training are stubs. What
must hold is in `witness`, written down apart from the code that it judges.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobs.errors import Transient
from jobs.job import Job, Status
from jobs.options import Options
from jobs.sweep import retire, sweep
from tests.unit.jobs.life import LIMITS, World
from tests.unit.report import samples
from vm_worker import report

KINDS = ("good", "good", "slow", "slow", "slow", "refuses", "breaks", "dies", "hangs")
MAILS = {Status.DONE: {"report"}, Status.REJECTED: {"rejected"}, Status.FAILED: {"failed"}}
ADDRESSES = 3
WORKERS = 3
JOBS = 6  # in one history; more do not make it stranger
END_STEPS = 1500  # of the last worker, each followed by up to an hour
PATIENCE = 1800.0  # seconds of true time beyond the deadline: polls, sweeps and waits between tries

steps_taken = 0


@cache
def finished_report() -> bytes:
    """What a finished job's mail is made of."""
    return json.dumps({**report.build(samples.facts()), "mail_pictures": []}).encode()


class Life(RuleBasedStateMachine):
    """One history."""

    @initialize(
        offsets=st.tuples(*[st.floats(0, 60)] * WORKERS),
        low=st.booleans(),
        survivor=st.integers(0, WORKERS - 1),
        kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
    )
    def begin(self, offsets: tuple[float, ...], low: bool, survivor: int, kinds: list[str]) -> None:
        self.folder = tempfile.TemporaryDirectory()
        # Off by up to a minute from each other; the front door's clock is one of them.
        self.world = World(Path(self.folder.name), finished_report(), tuple(-x if low else x for x in offsets))
        self.world.begin()
        self.survivor = survivor
        self.jobs: list[Job] = []
        for number, kind in enumerate(kinds):
            self.submit(number % ADDRESSES, kind, True)

    @precondition(lambda self: len(self.jobs) < JOBS)
    @rule(address=st.integers(0, ADDRESSES - 1), kind=st.sampled_from(KINDS), uploaded=st.booleans())
    def submit(self, address: int, kind: str, uploaded: bool) -> None:
        number = len(self.jobs)
        job_id = f"{number:08d}{'x' * 14}"
        self.world.kinds[job_id[:8]] = kind
        email = f"user{address}+{number}@example.org"
        self.jobs.append(self.world.front.submit(job_id, email, str(address) * 64, Options(minutes=2)))
        if uploaded:
            self.upload(number)

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, JOBS - 1))
    def upload(self, number: int) -> None:
        job = self.jobs[number % len(self.jobs)]
        if job.id not in self.world.witness.uploads:
            self.world.time.advance(1)
            self.world.witness.uploads[job.id] = self.world.time.monotonic()
            self.world.buckets.datasets.put(f"{job.id}.zip", b"PK", if_generation=0)

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, JOBS - 1))
    def delete(self, number: int) -> None:
        self.world.front.delete(self.jobs[number % len(self.jobs)].id)

    @rule(number=st.integers(0, WORKERS - 1), steps=st.integers(1, 40) | st.just(200))
    def work(self, number: int, steps: int) -> None:
        self.world.revive(number)
        self.world.machines[number].baton.run(steps)

    @rule(order=st.permutations(range(WORKERS)), steps=st.sampled_from([3, 40, 150, 400]))
    def work_together(self, order: list[int], steps: int) -> None:
        for number in order:
            self.work(number, steps)

    @rule(number=st.integers(0, WORKERS - 1), seconds=st.sampled_from([25, 40, 50, 58, 70, 400, 650]))
    def freeze_one(self, number: int, seconds: int) -> None:
        """One stands still while the others go on."""
        end = self.world.time.monotonic() + seconds
        while self.world.time.monotonic() < end:
            for other in range(WORKERS):
                if other != number:
                    self.work(other, 20)

    @rule(seconds=st.sampled_from([1, 10, 30, 44, 46, 61, 61, 130, 130, 700, 4000]))
    def wait(self, seconds: int) -> None:
        """Nobody runs: whoever is in the middle of something is frozen."""
        self.world.time.advance(seconds)

    @rule(number=st.integers(0, WORKERS - 1))
    def kill(self, number: int) -> None:
        self.world.machines[number].baton.kill()

    @rule(number=st.integers(0, WORKERS - 1))
    def ask_to_stop(self, number: int) -> None:
        self.world.machines[number].stopping = True

    @rule(faults=st.lists(st.sampled_from(["refuse", "lose", ""]), min_size=1, max_size=6))
    def storage_stumbles(self, faults: list[str]) -> None:
        self.world.faults = faults

    @rule(outage=st.booleans())
    def storage_goes(self, outage: bool) -> None:
        self.world.outage = outage

    @rule(number=st.integers(0, WORKERS - 1), more=st.integers(0, 4))
    def work_up_to_a_mail(self, number: int, more: int) -> None:
        """The moments between taking a mail, sending it and marking it are few: stop in them."""
        for _ in range(200):
            self.work(number, 1)
            if self.world.is_mailing(number):
                self.work(number, more + 1)
                return

    @rule(down=st.booleans())
    def provider(self, down: bool) -> None:
        self.world.provider_down = down

    @rule()
    def scheduler(self) -> None:
        """The function's sweep."""
        sweep(self.world.front, self._deliver)
        retire(self.world.front)

    def _deliver(self, job_id: str) -> None:
        try:
            self.world.front_postman.deliver(job_id)
        except Transient:
            return  # the next sweep

    @invariant()
    def no_promise_is_broken(self) -> None:
        global steps_taken
        steps_taken += 1
        if hasattr(self, "world"):
            assert self.world.witness.broken == []
            assert self.world.crashes == []

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self._one_lives_on()
            self.no_promise_is_broken()
            for job in self.jobs:
                self._has_ended(job)
            assert [stat.name for stat in self.world.buckets.datasets.list()] == []
            assert [stat.name for stat in self.world.buckets.emails.list("open/")] == []
        finally:
            self.world.end()
            self.folder.cleanup()

    def _one_lives_on(self) -> None:
        """All but one are killed, the storage and the provider are well again; a day goes by."""
        world = self.world
        world.faults, world.outage, world.provider_down = [], False, False
        for number, machine in enumerate(world.machines):
            if number != self.survivor and machine.baton.alive:
                machine.baton.kill()
        self.began = world.time.monotonic()
        for _ in range(END_STEPS):
            if not any(world.buckets.emails.list("open/")) and not any(world.buckets.datasets.list()):
                return
            world.revive(self.survivor)
            world.machines[self.survivor].baton.run(30)
        raise AssertionError(f"the last worker does not come to an end: {list(world.witness.last.values())}")

    def _has_ended(self, job: Job) -> None:
        witness = self.world.witness
        last = witness.last[job.id]
        assert last.status.terminal
        assert last.email is None
        if job.id in witness.uploads:
            # A worker that has one job in hand ends the others that are overdue after it.
            due = max(*witness.uploads.values(), self.began - LIMITS.deadline_hours * 3600)
            late = witness.ended[job.id] - due - LIMITS.deadline_hours * 3600
            assert late < PATIENCE, f"{job.id} ended {late:.0f} s after its deadline"
        if last.status in MAILS:
            email = job.email or ""
            assert set(witness.kinds[email]) == MAILS[last.status], last
            assert bool(witness.kinds[job.short_id]["operator"]) == (last.status is Status.FAILED)


ENDS = {
    "good": (Status.DONE, 0), "slow": (Status.DONE, 0), "refuses": (Status.REJECTED, 0),
    "breaks": (Status.FAILED, 0), "dies": (Status.FAILED, 2), "hangs": (Status.FAILED, None),
}  # fmt: skip


def test_nothing_is_lost_where_nothing_goes_wrong() -> None:
    """Each kind of training ends as it should, in its first run unless it dies or hangs."""
    life = Life()
    life.begin(offsets=(0.0, 30.0, 60.0), low=False, survivor=0, kinds=[])
    try:
        for number, kind in enumerate(ENDS):
            life.world.kinds[f"{number:08d}"] = kind
            job_id = f"{number:08d}{'x' * 14}"
            life.jobs.append(
                life.world.front.submit(job_id, f"user{number}@example.org", f"{number}" * 64, Options(minutes=2))
            )
            life.upload(number)
        for _ in range(3000):
            life.work(0, 100)
            if all(life.world.witness.last[job.id].settled for job in life.jobs):
                break
        assert life.world.witness.broken == []
        for job, (status, crashes) in zip(life.jobs, ENDS.values(), strict=True):
            last = life.world.witness.last[job.id]
            assert (last.status, last.takeovers) == (status, 0), last
            assert crashes is None or last.crashes == crashes
    finally:
        life.teardown()


@pytest.fixture(autouse=True)
def nothing_is_logged() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def run_histories(count: int, length: int, phases: tuple[Phase, ...] = tuple(Phase)) -> int:
    """How many steps were taken in so many histories."""
    global steps_taken
    steps_taken = 0
    plan = settings(
        max_examples=count,
        stateful_step_count=length,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Life, settings=plan)
    return steps_taken


@pytest.mark.parametrize(("count", "least"), [(8, 150), pytest.param(30, 600, marks=pytest.mark.slow)])
def test_hundreds_of_steps_break_no_promise(count: int, least: int) -> None:
    # Not made shorter when one fails: that takes longer than all other fast tests. `make faults` does it.
    # How long the histories are is left to chance: 25 of them had 766 to 1215 steps.
    assert run_histories(count, 50, (Phase.generate,)) >= least


@pytest.mark.faults
@pytest.mark.timeout(1200)
def test_ten_thousand_steps_break_no_promise() -> None:
    assert run_histories(150, 100) >= 10_000
