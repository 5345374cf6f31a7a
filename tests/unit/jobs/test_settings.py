"""The environment, read once."""

from __future__ import annotations

from dataclasses import fields

import pytest

from jobs.limits import Limits, rows
from jobs.settings import Settings


def test_an_empty_environment_is_the_cloud_without_secrets() -> None:
    settings = Settings.from_env({})
    assert settings.storage_url == ""
    assert settings.secret == ""
    assert settings.limits == Limits()


def test_every_setting_can_be_given() -> None:
    env = {
        "MODELMAIL_PUBLIC_URL": "http://127.0.0.1:8080/",
        "MODELMAIL_ALLOWED_ADDRESSES": " *@Example.org, ada@x.org ,",
        "MODELMAIL_DOWNLOAD_WEIGHTS": "1",
        "MODELMAIL_POLL_SECONDS": "0.5",
        "MODELMAIL_LIMIT_OPEN_JOBS": "3",
    }
    settings = Settings.from_env(env)
    assert settings.public_url == "http://127.0.0.1:8080"
    assert settings.allowed_addresses == ("*@example.org", "ada@x.org")
    assert settings.download_weights
    assert settings.poll_seconds == 0.5
    assert settings.limits.open_jobs == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POLL_SECONDS", "soon"),
        ("LEASE_SECONDS", "-1"),
        ("HOURLY_PRICE", ""),
        ("RAY_CPUS", "nan"),
        ("MACHINES_MOST", "inf"),
        ("LIMIT_ZIP_BYTES", "2GiB"),
        ("LIMIT_OPEN_JOBS", "\u00b2"),
        ("TELEMETRY_URL", "collector:4318"),
        ("MAILER", "post"),
    ],
)
def test_a_bad_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"MODELMAIL_{name}"):
        Settings.from_env({f"MODELMAIL_{name}": value})


def test_a_long_value_is_told_by_its_beginning() -> None:
    for name in ("MAILER", "TELEMETRY_URL"):
        with pytest.raises(ValueError, match=f"not '{'x' * 40}'$"):
            Settings.from_env({f"MODELMAIL_{name}": "x" * 41})


def test_what_is_required_is_told_by_its_variable() -> None:
    settings = Settings(sender="m@example.org", secret=" ", poll_seconds=0.0)
    settings.require("sender", "lease_seconds")
    for name in ("secret", "operator", "poll_seconds", "allowed_addresses"):
        with pytest.raises(ValueError, match=f"^MODELMAIL_{name.upper()} must be set$"):
            settings.require("sender", name)


def test_every_limit_has_a_unit_and_a_reason() -> None:
    assert len(rows()) == len(fields(Limits))
    for row in rows():
        assert row.metadata["unit"]
        assert len(row.metadata["because"]) > 10


def test_secrets_are_not_printed() -> None:
    settings = Settings.from_env({"MODELMAIL_SECRET": "hush, and again hush", "MODELMAIL_SENDGRID_KEY": "SG.hush"})
    assert "hush" not in repr(settings)
    assert (settings.secret, settings.sendgrid_key) == ("hush, and again hush", "SG.hush")


def test_a_secret_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="MODELMAIL_SECRET must have at least 16 characters"):
        Settings.from_env({"MODELMAIL_SECRET": "x" * 15})
    assert Settings.from_env({"MODELMAIL_SECRET": "x" * 16}).secret == "x" * 16
