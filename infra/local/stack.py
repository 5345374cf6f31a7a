"""The whole service on this machine: bucket emulator, mailbox, function and worker."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from infra.emulator.signatures.keys import ensure_key
from infra.local.environment import Place, children_env
from infra.local.ports import HOST, Ports, remember, remembered, reserved
from infra.local.processes import Children, StackError
from infra.lock import FolderInUseError, only_one
from jobs.settings import Settings
from jobs.storage import gcs

SERVICE_ACCOUNT = "modelmail@local.iam.gserviceaccount.com"
KEY = "key.json"
# Headers that a page sends with its photos, or reads from the answers.
UPLOAD_HEADERS = ["content-type", "content-range", "x-goog-content-length-range", "x-goog-if-generation-match",
                  "x-goog-resumable", "location", "range"]  # fmt: skip
ANSWER_SECONDS = 2.0  # time limit of one request to a server that starts


@dataclass
class Stack:
    """The service, from `with` to its end.

    >>> with Stack(Path("modelmail-data")) as stack:  # doctest: +SKIP
    ...     requests.post(stack.function_url, json={"email": "ada@example.org"})

    `data` keeps buckets, mails, logs, the secret and the key, so that the next stack with the same folder
    knows every job and link. `ports` are the ones to try first; by default those of the last run. `given`
    stands in for this process's environment. `admin` lets tests order faults of buckets and
    mailbox. Raises StackError when a part does not start.
    """

    data: Path
    ports: Ports | None = None
    given: Mapping[str, str] | None = None
    worker: bool = True
    admin: bool = False
    settings: Settings = field(init=False, repr=False, default_factory=Settings)
    _children: Children = field(init=False, repr=False)
    _exit: contextlib.ExitStack = field(init=False, repr=False, default_factory=contextlib.ExitStack)

    def __post_init__(self) -> None:
        self.data = self.data.resolve()
        self._children = Children(self.data / "logs")

    @property
    def function_url(self) -> str:
        """The address that accepts new jobs."""
        return _url(self._ports().function)

    @property
    def storage_url(self) -> str:
        """The address of the bucket emulator."""
        return _url(self._ports().buckets)

    @property
    def mailbox_url(self) -> str:
        """The address of the mailbox, which accepts mail."""
        return _url(self._ports().mailbox)

    @property
    def mail(self) -> Path:
        """The folder of the mails, `<n>-<kind>.eml` and `.html`."""
        return self.data / "mail"

    def __enter__(self) -> Stack:
        with contextlib.ExitStack() as undo:
            self._make_folders()
            undo.enter_context(_only_one(self.data))
            self.ports = undo.enter_context(reserved(self.ports or remembered(self.data / "ports.json")))
            remember(self.data / "ports.json", self.ports)
            undo.enter_context(self._children)
            self._start()
            self._exit = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def check(self) -> None:
        """Raise StackError when a part has stopped."""
        self._children.check()

    def _ports(self) -> Ports:
        if self.ports is None:
            raise StackError("The stack has not been started.")
        return self.ports

    def _make_folders(self) -> None:
        for name in ("buckets", "mail", "jobs", "logs", "work"):
            (self.data / name).mkdir(parents=True, exist_ok=True)

    def _start(self) -> None:
        key = ensure_key(self.data / KEY, SERVICE_ACCOUNT)
        env = children_env(_place(self.data, self._ports()), self.given)
        try:
            self.settings = Settings.from_env(env)
        except ValueError as error:
            raise StackError(str(error)) from error
        storage = self._children.start("buckets", self._buckets_arguments(key), env)
        mailbox = self._children.start("mailbox", self._mailbox_arguments(), env)
        function = self._children.start("function", self._function_arguments(), env)
        storage.wait_ready(_answers(f"{self.storage_url}/storage/v1/b?project=local"))
        make_buckets(self.settings)
        if self.worker:
            self._children.start("worker", ["infra.cli.main", "worker"], env)
        mailbox.wait_ready(_answers(self.mailbox_url))
        function.wait_ready(_answers(f"{self.function_url}/health", status=200))

    def _buckets_arguments(self, key: Path) -> list[str]:
        where = ["--host", HOST, "--port", str(self._ports().buckets)]
        where += ["--data", str(self.data / "buckets"), "--service-account", str(key)]
        return ["infra.emulator", *where, *self._admin_flag()]

    def _mailbox_arguments(self) -> list[str]:
        where = ["--host", HOST, "--port", str(self._ports().mailbox), "--folder", str(self.mail)]
        return ["infra.local.mailbox", *where, *self._admin_flag()]

    def _admin_flag(self) -> list[str]:
        return ["--admin"] if self.admin else []

    def _function_arguments(self) -> list[str]:
        # The framework imports its source by path, and binds 0.0.0.0 by default.
        spec = find_spec("function.main")
        if spec is None or spec.origin is None:
            raise StackError("The package `function` is not installed.")
        where = ["--host", HOST, "--port", str(self._ports().function)]
        return ["functions_framework", "--target", "handle", "--source", spec.origin, *where]


def running(data: Path) -> Settings | None:
    """Return the settings of the service that runs with this data folder; None where none runs. It starts nothing."""
    if not (data / "ports.json").exists():
        return None
    try:
        with only_one(data):
            return None
    except FolderInUseError:
        return Settings.from_env(children_env(_place(data.resolve(), remembered(data / "ports.json"))))


def _place(data: Path, ports: Ports) -> Place:
    return Place(
        function_url=_url(ports.function),
        storage_url=_url(ports.buckets),
        mailbox_url=_url(ports.mailbox),
        work=data / "work",
        signing_key=data / KEY,
        secret=_kept_secret(data / "secret"),
    )


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"


def make_buckets(settings: Settings) -> None:
    """Make the three buckets where they are missing; allow the function's pages to send photos and fetch models."""
    client: Any = gcs.client(settings.storage_url)
    for name in (settings.emails_bucket, settings.datasets_bucket, settings.models_bucket):
        if client.lookup_bucket(name) is None:
            bucket = client.bucket(name)
            bucket.soft_delete_policy.retention_duration_seconds = 0  # what is deleted is gone, as in the cloud
            bucket.create()
    for name, methods, headers in (
        (settings.datasets_bucket, ["PUT", "POST"], UPLOAD_HEADERS),
        (settings.models_bucket, ["GET"], ["content-type"]),
    ):
        bucket = client.bucket(name)
        origins = [settings.public_url, settings.public_url.replace(HOST, "localhost")]
        bucket.cors = [{"origin": origins, "method": methods, "responseHeader": headers, "maxAgeSeconds": 3600}]
        bucket.patch()


@contextlib.contextmanager
def _only_one(data: Path) -> Iterator[None]:
    """Lock the folder: two stacks would write over each other's data."""
    try:
        with only_one(data):
            yield
    except FolderInUseError as error:
        raise StackError(f"Another modelmail is running with {data}. Stop it, or choose another --data.") from error


def _kept_secret(path: Path) -> str:
    """Return the secret of delete links. It is made once, readable by its owner only."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32), encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()


def _answers(url: str, status: int | None = None) -> Callable[[], bool]:
    def ready() -> bool:
        try:
            answer = requests.get(url, timeout=ANSWER_SECONDS)
        except requests.RequestException:
            return False
        return status is None or answer.status_code == status

    return ready
