"""The shell scripts with the cloud's commands replaced by recorders, and under shellcheck."""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.cloud.machine import INFRA, Machine

METADATA = {
    "wheel": "gs://code/abc/modelmail-0.1.0-py3-none-any.whl",
    "constraints": "gs://code/def/constraints.txt",
    "unit": "gs://code/123/modelmail-worker.service",
    "settings": "MODELMAIL_EMAILS_BUCKET=emails\nMODELMAIL_SENDER=models@example.org",
    "secrets": "projects/p/secrets/modelmail-secret projects/p/secrets/modelmail-sendgrid-key",
    "ops-agent": "",
    "gpu": "true",
}


@pytest.fixture
def vm(tmp_path: Path) -> Machine:
    """A fresh Deep Learning VM."""
    machine = Machine(tmp_path / "vm")
    attributes = "\n".join(f"  */modelmail-{name}) printf '%s' '{value}' ;;" for name, value in METADATA.items())
    machine.program("curl", f'case "${{@: -1}}" in\n{attributes}\n  *) exit 22 ;;\nesac')
    machine.program(
        "gcloud",
        'case "$*" in\n'
        '  "secrets versions access"*sendgrid-key) printf sendgrid-value ;;\n'
        '  "secrets versions access"*) printf secret-value ;;\n'
        '  "storage cp"*.service*) touch "${@: -1}" ;;\n'
        '  "storage cp"*) touch "${@: -1}/constraints.txt" "${@: -1}/modelmail-0.1.0-py3-none-any.whl" ;;\n'
        "esac",
    )
    venv = machine.root / "opt/modelmail/bin"
    for name in ("python3.12", "python3.13", "python3.11", "python3"):
        made = f'if [ "$2" = venv ]; then mkdir -p "{venv}"; cp "$0" "{venv}/python"; fi'
        machine.program(name, made)
    for name in ("systemctl", "useradd", "nvidia-smi", "apt-get"):
        machine.program(name)
    machine.program("id", "exit 1")
    machine.program("install", 'mkdir -p "${@: -1}"')  # its owner is a user that this machine does not have
    return machine


def test_startup_makes_a_worker_of_a_fresh_machine(vm: Machine) -> None:
    ended = vm.run("startup.sh")
    assert ended.returncode == 0, ended.stderr
    calls = vm.called()
    order = [
        next(place for place, call in enumerate(calls) if wanted in call)
        for wanted in (
            "gcloud storage cp gs://code/abc",
            "-m venv --clear",
            "-m pip install --quiet --require-hashes --no-deps",
            "-m pip install --quiet --no-deps",
            "useradd --system",
            "gcloud secrets versions access latest --secret projects/p/secrets/modelmail-secret",
            "nvidia-smi",
            "systemctl daemon-reload",
            "systemctl enable --now modelmail-worker.service",
        )
    ]
    assert order == sorted(order)
    assert not [call for call in calls if call.startswith("apt-get")]


def test_startup_gives_the_worker_its_settings_and_secrets_and_nobody_else(vm: Machine) -> None:
    ended = vm.run("startup.sh")
    env = vm.root / "run/modelmail/env"
    assert env.read_text().splitlines() == [
        "MODELMAIL_EMAILS_BUCKET=emails",
        "MODELMAIL_SENDER=models@example.org",
        'MODELMAIL_SECRET="secret-value"',
        'MODELMAIL_SENDGRID_KEY="sendgrid-value"',
    ]
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    assert "secret-value" not in ended.stdout + ended.stderr + vm.calls.read_text()


UNREADABLE = {
    "refused": "echo PERMISSION_DENIED >&2; exit 1",
    "empty": "true",
    "of two lines": "printf 'a\\nMODELMAIL_SENDER=eve'",
}


def _with_secrets(vm: Machine, case: str) -> subprocess.CompletedProcess[str]:
    """A boot of a machine whose `gcloud` answers the given `case` first."""
    usual = vm.bin / "gcloud"
    vm.bin.joinpath("gcloud-as-usual").write_text(usual.read_text())
    vm.bin.joinpath("gcloud-as-usual").chmod(0o755)
    vm.program("gcloud", f'case "$*" in {case} ;; *) exec gcloud-as-usual "$@" ;; esac')
    return vm.run("startup.sh", SECRET_PAUSE="0")


@pytest.mark.parametrize("how", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("secret", ["modelmail-secret", "modelmail-sendgrid-key"])
def test_a_secret_that_cannot_be_read_starts_no_worker(vm: Machine, secret: str, how: str) -> None:
    ended = _with_secrets(vm, f"*{secret}) {how}")
    assert ended.returncode != 0
    assert f"the secret projects/p/secrets/{secret} cannot be used" in ended.stdout
    assert not [call for call in vm.called() if call.startswith("systemctl")]


def test_a_password_of_any_characters_reaches_the_worker_as_it_is(vm: Machine) -> None:
    vm.program("curl", vm.bin.joinpath("curl").read_text().replace("modelmail-sendgrid-key", "modelmail-smtp-password"))
    password = r"""a"b\c\\d$e #'`%s;f"""
    (vm.root / "password").write_text(password)
    assert _with_secrets(vm, f"*modelmail-smtp-password) cat {vm.root}/password").returncode == 0
    (line,) = [line for line in (vm.root / "run/modelmail/env").read_text().splitlines() if "SMTP_PASSWORD" in line]
    # As systemd.exec(5) reads it: in double quotes, a backslash keeps the next of these characters as it is.
    name, quote, value = line.partition('="')
    assert (name, quote, line[-1]) == ("MODELMAIL_SMTP_PASSWORD", '="', '"')
    assert re.sub(r"""\\(["\\`$])""", r"\1", value[:-1]) == password


def test_a_secret_is_asked_for_again_before_the_machine_gives_up(vm: Machine) -> None:
    asked = vm.root / "asked"
    busy = f'*modelmail-secret) [ -e {asked} ] || {{ touch {asked}; exit 1; }}; exec gcloud-as-usual "$@"'
    assert _with_secrets(vm, busy).returncode == 0
    assert 'MODELMAIL_SECRET="secret-value"' in (vm.root / "run/modelmail/env").read_text().splitlines()


AGENT = "add-google-cloud-ops-agent-repo.sh"


def _with_agent(vm: Machine, installer: str, sha256: str = "") -> subprocess.CompletedProcess[str]:
    """A boot of a machine whose log is to be kept; `installer` stands for Google's script."""
    vm.program(
        "curl",
        'case "${@: -1}" in\n'
        f"""  *{AGENT}) shift $(($# - 2)); printf '%s' '{installer}' >"$1" ;;\n"""
        + "\n".join(
            f"  */modelmail-{name}) printf '%s' '{value}' ;;"
            for name, value in (
                METADATA | {"ops-agent": sha256 or hashlib.sha256(installer.encode()).hexdigest()}
            ).items()
        )
        + "\n  *) exit 22 ;;\nesac",
    )
    return vm.run("startup.sh")


def test_the_workers_log_outlives_the_machine(vm: Machine) -> None:
    ended = _with_agent(vm, f"mkdir -p {vm.root}/etc/google-cloud-ops-agent; echo agent $* >>{vm.calls}")
    assert ended.returncode == 0, ended.stderr
    calls = vm.called()
    started, installed, restarted = (
        next(place for place, call in enumerate(calls) if wanted in call)
        for wanted in ("enable --now modelmail-worker", "agent --also-install", "restart google-cloud-ops-agent")
    )
    assert started < installed < restarted  # no job waits for it
    config = (vm.root / "etc/google-cloud-ops-agent/config.yaml").read_text()
    (taken,) = re.findall(r"include_paths: \[(.+)\]", config)
    assert f"StandardError=append:{taken}\n" in (INFRA / "modelmail-worker.service").read_text()


def test_a_script_of_another_hash_is_not_run(vm: Machine) -> None:
    ended = _with_agent(vm, f"echo agent $* >>{vm.calls}", "0" * 64)
    assert ended.returncode == 0 and "could not be installed" in ended.stdout
    assert not [call for call in vm.called() if "also-install" in call]
    assert "systemctl enable --now modelmail-worker.service" in vm.called()


def test_a_machine_without_the_agent_works_all_the_same(vm: Machine) -> None:
    ended = _with_agent(vm, "exit 1")
    assert ended.returncode == 0 and "could not be installed" in ended.stdout
    assert "systemctl enable --now modelmail-worker.service" in vm.called()


def test_a_second_boot_installs_nothing_again(vm: Machine) -> None:
    assert vm.run("startup.sh").returncode == 0
    vm.calls.write_text("")
    assert vm.run("startup.sh").returncode == 0
    assert not [call for call in vm.called() if "pip install" in call]
    assert "systemctl enable --now modelmail-worker.service" in vm.called()


def test_without_a_python_that_fits_one_is_installed(vm: Machine) -> None:
    for name in ("python3.12", "python3.13", "python3.11", "python3"):
        (vm.bin / name).unlink()
        vm.program(name, "exit 1")
    ended = vm.run("startup.sh")
    assert ended.returncode != 0  # the recorder of apt-get brings none
    assert [call for call in vm.called() if call.startswith("apt-get install")] == [
        "apt-get install --yes --quiet python3.12 python3.12-venv"
    ]


def test_a_boot_without_metadata_starts_no_worker(vm: Machine) -> None:
    vm.program("curl", "exit 22")
    assert vm.run("startup.sh").returncode != 0
    assert not [call for call in vm.called() if call.startswith("systemctl")]


@pytest.mark.parametrize("script", ["startup.sh", "deploy.sh", "../.ci/run"])
def test_scripts_are_clean(script: str) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck is installed; on Debian: apt install shellcheck")
    ended = subprocess.run(["shellcheck", str(INFRA / script)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout


def test_the_unit_is_one(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze is installed")
    text = (INFRA / "modelmail-worker.service").read_text()
    # The interpreter is on the training machine alone.
    unit = tmp_path / "modelmail-worker.service"
    unit.write_text(text.replace("/opt/modelmail/bin/python", shutil.which("sh") or "/bin/sh"))
    ended = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert "modelmail-worker" not in ended.stderr, ended.stderr
