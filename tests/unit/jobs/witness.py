"""Who sees every write and every mail of a history, and says which promise it breaks."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from jobs import job as jobs
from jobs.clock import FakeClock
from jobs.job import TRANSITIONS, Job, MailState, PendingMail, Status
from jobs.limits import Limits
from jobs.mail.message import Mail

SKEW = 60.0  # seconds between any two wall clocks, at most
STOP = 0.75  # of the lease, after which an owner that could not renew must have stopped
LATE_POLLS = 3  # looks at its child that a frozen owner may take before it notices


@dataclass
class Witness:
    """Notes what is promised and what happened; `broken` lists what does not fit."""

    time: FakeClock
    lease: float
    limits: Limits
    broken: list[str] = field(default_factory=list)
    last: dict[str, Job] = field(default_factory=dict)
    written: dict[str, float] = field(default_factory=dict)  # when each record was written last
    uploads: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    sent: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # by Message-ID
    kinds: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # by address or job
    renewed: dict[tuple[str, str], float] = field(default_factory=dict)  # (job, owner)
    late: Counter[tuple[str, str]] = field(default_factory=Counter)
    manifests: Counter[str] = field(default_factory=Counter)

    def wrote(self, name: str, data: bytes, writer: str) -> None:
        """A record has a new generation."""
        if not name.startswith("jobs/"):
            return
        after = jobs.from_bytes(data)
        before, now = self.last.get(after.id), self.time.monotonic()
        if before is not None:
            self._check(before, after, writer)
        self.last[after.id], self.written[after.id] = after, now
        if after.status is Status.RUNNING and after.lease:
            self.renewed[after.id[:8], after.lease.owner] = now
            self.late[after.id[:8], after.lease.owner] = 0
        if after.status.terminal:
            self.ended.setdefault(after.id, now)

    def _check(self, before: Job, after: Job, writer: str) -> None:
        moves = TRANSITIONS[before.status] | {before.status}
        self._say(after.status in moves, f"{before.status} -> {after.status}")
        if before.status.terminal and after.status is not Status.DELETED:
            same = (before.status, before.error, before.files) == (after.status, after.error, after.files)
            self._say(same, f"an outcome changed: {before.status} -> {after.status}")
        self._check_lease(before, after, writer)
        self._check_end(before, after, writer)
        for kind, mail in after.mails.items():
            if kind in before.mails:
                was = before.mails[kind].state
                self._say(not was.settled or was is mail.state, f"mail {kind}: {was} -> {mail.state}")
                taken = (was, before.mails[kind].owner) != (mail.state, mail.owner)
                if mail.state is MailState.SENDING and taken:
                    self._taken(before.mails[kind])
        counts = (after.takeovers, after.preemptions, after.crashes)
        most = (self.limits.takeovers_max, self.limits.preemptions_max, self.limits.crashes_max)
        self._say(all(count <= top for count, top in zip(counts, most, strict=True)), f"counters {counts}")

    def _check_lease(self, before: Job, after: Job, writer: str) -> None:
        if after.lease is None or after.lease == before.lease:
            if before.status is Status.RUNNING and after.status is Status.RUNNING:
                self._say(before.lease is not None and before.lease.owner == writer, f"{writer} beat another's lease")
            return
        token = before.lease.token if before.lease else 0
        self._say(after.lease.token == token + 1, f"token {token} -> {after.lease.token}")
        self._say(after.lease.owner == writer, f"{writer} gave the lease to {after.lease.owner}")
        if before.status is Status.RUNNING:
            age = self.time.monotonic() - self.written[after.id]
            self._say(age > self.lease, f"two live leases: taken over after {age:.2f} s")

    def _check_end(self, before: Job, after: Job, writer: str) -> None:
        if after.status is before.status:
            return
        owner = before.lease.owner if before.lease and before.status is Status.RUNNING else None
        if after.status in (Status.DONE, Status.REJECTED, Status.AWAITING_WORKER):
            self._say(owner == writer, f"{writer} ended {owner}'s run with {after.status}")
        if after.status is Status.FAILED:
            self._check_failure(before, after, owner == writer)
        if after.status is Status.EXPIRED:
            age = (self.time.now() - after.created_at).total_seconds()
            self._say(age > self.limits.upload_wait_hours * 3600 - SKEW, f"expired after {age:.0f} s")

    def _check_failure(self, before: Job, after: Job, owned: bool) -> None:
        code = after.error.code if after.error else ""
        now = self.time.monotonic()
        if code == "deadline":
            age = now - self.uploads[after.id]
            self._say(age > self.limits.deadline_hours * 3600 - SKEW, f"overdue after {age:.0f} s")
        elif not owned:
            dead = code == "worker_lost" and before.takeovers >= self.limits.takeovers_max
            self._say(dead and now - self.written[after.id] > self.lease, f"failed with {code} by a stranger")

    def polled(self, short_id: str, owner: str) -> None:
        """An owner looks whether its child has said something: it believes in its lease."""
        key = (short_id, owner)
        if self.time.monotonic() - self.renewed[key] > STOP * self.lease:
            self.late[key] += 1
            self._say(self.late[key] <= LATE_POLLS, f"{owner} goes on with a lease that it could not renew")

    def committed(self, name: str) -> None:
        """Something was written into the models bucket."""
        if "/stages/" in name or "/trials/" in name:
            self.manifests[name] += 1
            self._say(self.manifests[name] == 1, "a manifest was written twice")

    def _taken(self, before: PendingMail) -> None:
        """A sender claims a mail, which another may have in hand.

        A claim counts from when its sender looked at the clock, not from its write: a sender that was frozen between
        them notices that and sends nothing. `mailed` tells when one does not.
        """
        if before.state is MailState.SENDING:
            age = (self.time.now() - before.since).total_seconds() if before.since else 0.0
            self._say(age > self.limits.mail_stale_seconds - SKEW, f"a mail was taken over after {age:.0f} s")

    def mailed(self, mail: Mail, sender: str) -> None:
        """The provider took a mail: again only when its first sender may be dead."""
        now = self.time.monotonic()
        before = self.sent[mail.message_id]
        if before:
            # Sent and not marked: nobody else may send it before the mark is stale.
            early = now - before[-1] <= self.limits.mail_stale_seconds / 2 - SKEW
            self._say(not early, f"{sender} sent the {mail.kind} mail again {now - before[-1]:.0f} s after the first")
        before.append(now)
        # The operator's mails name their job in the subject.
        self.kinds[mail.subject.split()[2] if mail.kind == "operator" else mail.to][mail.kind] += 1

    def _say(self, true: bool, what: str) -> None:
        if not true:
            self.broken.append(what)
