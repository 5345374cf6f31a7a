"""What the stack's children are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import requests

from infra.local.environment import Place, children_env, keep_proxies_out
from jobs.settings import Settings

PLACE = Place("http://f", "http://b", "http://m", Path("work"), Path("key.json"), "the secret of this place")


def test_the_stack_decides_where_its_parts_are() -> None:
    given = {"MODELMAIL_STORAGE_URL": "https://elsewhere", "MODELMAIL_SECRET": "another"}
    settings = Settings.from_env(children_env(PLACE, given))
    assert (settings.public_url, settings.storage_url, settings.sendgrid_url) == ("http://f", "http://b", "http://m")
    assert (settings.secret, settings.signing_key) == (PLACE.secret, "key.json")


def test_the_user_decides_the_rest() -> None:
    given = {
        "MODELMAIL_WEIGHTS": "weights",
        "MODELMAIL_DOWNLOAD_WEIGHTS": "1",
        "MODELMAIL_LIMIT_JOBS_PER_CLIENT_PER_DAY": "7",
        "PATH": "bin",
    }
    env = children_env(PLACE, given)
    settings = Settings.from_env(env)
    assert (settings.weights, settings.download_weights) == ("weights", True)
    assert settings.limits.jobs_per_client_per_day == 7
    assert env["PATH"] == "bin"


def test_local_defaults_let_a_developer_work() -> None:
    settings = Settings.from_env(children_env(PLACE, {}))
    assert settings.allowed_addresses == ("*",)
    assert settings.poll_seconds == 1
    assert settings.download_weights is False
    assert settings.limits == replace(Settings().limits, jobs_per_address_per_day=1000, jobs_per_client_per_day=1000)


def test_by_default_children_inherit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELMAIL_WEIGHTS", "mine")
    assert children_env(PLACE)["MODELMAIL_WEIGHTS"] == "mine"


def test_talks_with_this_machine_pass_by_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert requests.utils.get_environ_proxies("http://127.0.0.1:9000") != {}
    keep_proxies_out()
    assert requests.utils.get_environ_proxies("http://127.0.0.1:9000") == {}
    assert requests.utils.get_environ_proxies("http://example.org") == {}
