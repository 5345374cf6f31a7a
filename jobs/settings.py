"""The settings of an installation: the one place where environment variables are read."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jobs.limits import Limits

MAILERS = ("sendgrid", "smtp")
SECRET_LEAST = 16  # characters; the documents advise 32 random bytes


@dataclass(frozen=True)
class Settings:
    """The settings of an installation, read once when a program starts."""

    emails_bucket: str = "modelmail-emails"
    datasets_bucket: str = "modelmail-datasets"
    models_bucket: str = "modelmail-models"
    public_url: str = ""  # absolute links start with it; no slash at its end
    storage_url: str = ""  # address of the emulator; empty = Google
    signing_key: str = ""  # key file of a service account; empty = IAM signs
    iam_url: str = "https://iamcredentials.googleapis.com"
    mailer: str = "sendgrid"  # sendgrid, or smtp
    smtp_url: str = ""  # smtp://host:port or smtps://host:port
    smtp_user: str = ""  # empty: no login
    smtp_password: str = field(default="", repr=False)
    sendgrid_key: str = field(default="", repr=False)
    sendgrid_url: str = "https://api.sendgrid.com"
    sender: str = ""
    operator: str = ""
    scheduler: str = ""  # the account that may call /tasks/sweep; empty = none
    certs_url: str = "https://www.googleapis.com/oauth2/v1/certs"  # certificates of the scheduler's tokens
    allowed_addresses: tuple[str, ...] = ()  # glob patterns of addresses that may submit
    secret: str = field(default="", repr=False)
    weights: str = ""  # a folder of <key>.weights.h5
    download_weights: bool = False
    machines: str = ""  # group of the workers, projects/<p>/zones/<z>/instanceGroupManagers/<name>; empty = none
    machines_most: int = 1
    compute_url: str = "https://compute.googleapis.com/compute/v1"  # the API that starts and stops machines
    idle_minutes: float = 0.0  # minutes without work before a cloud machine removes itself; 0 = never
    metadata_url: str = ""  # address of a cloud machine's metadata server; empty = none
    work: Path = Path("work")
    poll_seconds: float = 30.0
    lease_seconds: float = 60.0
    hourly_price: float = 0.0
    # Host:port of a Ray cluster for candidates and trials; empty = none, "local" = one on this machine.
    ray_address: str = ""
    ray_workers: int = 0  # tasks of the cluster at the same time; 0 = as many as it has room for
    ray_cpus: float = 1.0  # processors for a task
    ray_gpus: float = 0.0  # GPUs for a task
    log_format: str = "text"  # text, or json for Cloud Logging
    project: str = ""  # the cloud project, whose id is a part of the traces in logs
    telemetry_url: str = ""  # an OTLP/HTTP receiver of metrics; empty = none are sent
    limits: Limits = field(default_factory=Limits)

    def require(self, *names: str) -> None:
        """Check that these settings are given. Raises ValueError that names the first variable without a value."""
        for name in names:
            value = getattr(self, name)
            if not (value.strip() if isinstance(value, str) else value):
                raise ValueError(f"MODELMAIL_{name.upper()} must be set")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the texts that no log may hold; some may be empty."""
        return self.secret, self.sendgrid_key, self.smtp_password

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read `MODELMAIL_*`. Raises ValueError that names the wrong variable."""
        env = os.environ if env is None else env
        return cls(
            **{name: _text(env, name) for name in _TEXTS},
            secret=_secret(env),
            mailer=_mailer(env),
            allowed_addresses=_globs(env.get("MODELMAIL_ALLOWED_ADDRESSES", "")),
            download_weights=env.get("MODELMAIL_DOWNLOAD_WEIGHTS", "0") == "1",
            telemetry_url=_web_address(env, "TELEMETRY_URL"),
            work=Path(env.get("MODELMAIL_WORK", Settings.work)),
            poll_seconds=_number(env, "poll_seconds"),
            lease_seconds=_number(env, "lease_seconds"),
            machines_most=int(_number(env, "machines_most")),
            idle_minutes=_number(env, "idle_minutes"),
            hourly_price=_number(env, "hourly_price"),
            ray_workers=int(_number(env, "ray_workers")),
            ray_cpus=_number(env, "ray_cpus"),
            ray_gpus=_number(env, "ray_gpus"),
            limits=Limits.from_env(env),
        )


_TEXTS = (
    "emails_bucket", "datasets_bucket", "models_bucket", "public_url", "storage_url", "signing_key", "iam_url",
    "smtp_url", "smtp_user", "smtp_password", "sendgrid_key", "sendgrid_url", "sender", "operator", "scheduler",
    "certs_url", "log_format", "project", "machines", "compute_url", "weights", "metadata_url", "ray_address",
)  # fmt: skip


def _text(env: Mapping[str, str], name: str) -> str:
    value: str = env.get(f"MODELMAIL_{name.upper()}", getattr(Settings, name))
    return value.rstrip("/") if name.endswith("_url") else value


def _secret(env: Mapping[str, str]) -> str:
    value = env.get("MODELMAIL_SECRET", "")
    if 0 < len(value) < SECRET_LEAST:
        raise ValueError(f"MODELMAIL_SECRET must have at least {SECRET_LEAST} characters: who guesses it deletes jobs")
    return value


def _mailer(env: Mapping[str, str]) -> str:
    value = env.get("MODELMAIL_MAILER", Settings.mailer)
    if value not in MAILERS:
        raise ValueError(f"MODELMAIL_MAILER must be one of {', '.join(MAILERS)}, not {value[:40]!r}")
    return value


def _web_address(env: Mapping[str, str], name: str) -> str:
    value = env.get(f"MODELMAIL_{name}", "").rstrip("/")
    if value and not value.startswith(("http://", "https://")):
        raise ValueError(f"MODELMAIL_{name} must begin with http:// or https://, not {value[:40]!r}")
    return value


def _globs(text: str) -> tuple[str, ...]:
    return tuple(glob.strip().lower() for glob in text.split(",") if glob.strip())


def _number(env: Mapping[str, str], name: str) -> float:
    text = env.get(f"MODELMAIL_{name.upper()}")
    if text is None:
        default: float = getattr(Settings, name)
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ValueError(f"MODELMAIL_{name.upper()} must be a number of at least 0, not {text!r}")
    return value
