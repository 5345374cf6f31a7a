"""`make deploy` and `make destroy`, with Terraform and gcloud replaced by recorders."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cloud.machine import Machine


@pytest.fixture
def desk(tmp_path: Path) -> Machine:
    """Where somebody deploys from."""
    machine = Machine(tmp_path / "desk")
    machine.program("terraform", 'case "$*" in *output*) printf https://front.example ;; esac')
    machine.program("gcloud", 'case "$*" in *"versions add"*) cat >/dev/null ;; esac')
    machine.program(
        "python",
        f'case "$*" in\n  *infra.package*) touch "{machine.root}/build/function.zip" ;;\n'
        f'  *wheel*) touch "{machine.root}/build/modelmail-0.1.0-py3-none-any.whl" ;;\n  *) printf made-up ;;\nesac',
    )
    return machine


WISH = {"PROJECT": "p", "REGION": "europe-west4", "SENDER": "models@example.org", "ALLOWED": "a@b.org,*@c.org"}


def _desk(desk: Machine, what: str, **env: str) -> subprocess.CompletedProcess[str]:
    own = {"BUILD": str(desk.root / "build"), "PYTHON": str(desk.bin / "python")}
    return desk.run("deploy.sh", what, **own, **env)


def test_deploy_builds_makes_the_secrets_first_and_prints_the_address(desk: Machine) -> None:
    ended = _desk(desk, "deploy", **WISH, SENDGRID_KEY="key")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "https://front.example"
    applies = [call for call in desk.called() if call.startswith("terraform") and " apply " in call]
    assert "-target=google_secret_manager_secret.secret" in applies[0] and "-target" not in applies[1]
    assert '-var=allowed_addresses=["a@b.org","*@c.org"]' in applies[1]
    assert "-auto-approve" not in "".join(applies)  # a person looks at the plan
    assert "No budget alert" in ended.stderr
    added = [call for call in desk.called() if "versions add" in call]
    assert len(added) == 2 and "key" not in " ".join(call.split("--data-file")[1] for call in added)


def test_secrets_that_are_there_are_left_alone(desk: Machine) -> None:
    desk.program("gcloud", 'case "$*" in *"versions list"*) echo 1 ;; esac')
    assert _desk(desk, "deploy", **WISH, SENDGRID_KEY="key").returncode == 0
    assert not [call for call in desk.called() if "versions add" in call]


def test_the_mail_providers_key_is_asked_for_once(desk: Machine) -> None:
    ended = _desk(desk, "deploy", **WISH)
    assert ended.returncode == 2 and "Give SENDGRID_KEY=" in ended.stderr
    desk.program("gcloud", 'case "$*" in *"versions list"*) echo 1 ;; esac')
    assert _desk(desk, "deploy", **WISH).returncode == 0


def test_with_a_mail_server_its_password_is_asked_for(desk: Machine) -> None:
    ended = _desk(desk, "deploy", **WISH, TF_VAR_mailer="smtp")
    assert ended.returncode == 2 and "Give SMTP_PASSWORD=" in ended.stderr
    assert _desk(desk, "deploy", **WISH, TF_VAR_mailer="smtp", SMTP_PASSWORD="hush").returncode == 0
    added = [call for call in desk.called() if "versions add" in call]
    assert "modelmail-smtp-password" in added[-1] and "hush" not in "".join(desk.called())


@pytest.mark.parametrize("missing", list(WISH))
def test_what_is_missing_is_asked_for_by_name(desk: Machine, missing: str) -> None:
    given = {name: value for name, value in WISH.items() if name != missing}
    ended = _desk(desk, "deploy", **given, SENDGRID_KEY="key")
    assert ended.returncode == 2 and f"Give {missing}=" in ended.stderr
    assert not [call for call in desk.called() if call.startswith("terraform")]


def test_destroy_removes_what_deploy_made(desk: Machine) -> None:
    assert _desk(desk, "destroy", PROJECT="p", REGION="europe-west4").returncode == 0
    (call,) = [call for call in desk.called() if " destroy " in call]
    assert "-state=terraform-p.tfstate" in call
