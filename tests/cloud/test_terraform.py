"""The cloud installation, read as plain values: who may do what, what is private, and that names agree."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest

from infra.local.stack import UPLOAD_HEADERS
from jobs import catalogue
from jobs.mail import refusals
from jobs.settings import MAILERS, Settings
from tests.cloud import hcl
from tests.documents import page

RESOURCES = hcl.load()
TEXT = "\n".join(path.read_text() for path in sorted(hcl.FOLDER.glob("*.tf")))
STARTUP = (hcl.FOLDER.parent / "startup.sh").read_text()
DEPLOY = (hcl.FOLDER.parent / "deploy.sh").read_text()
UNIT = (hcl.FOLDER.parent / "modelmail-worker.service").read_text()


def _kind(kind: str) -> dict[str, dict[str, Any]]:
    return {name.partition(".")[2]: body for name, body in RESOURCES.items() if name.startswith(f"{kind}.")}


def _told() -> set[str]:
    """The settings that function and machines are given, anywhere."""
    return set(re.findall(r"MODELMAIL_[A-Z_]+", TEXT + STARTUP))


# principal, where, role: all that anyone is granted, and nothing else.
GRANTS = {
    ("function", "bucket emails", "roles/storage.objectUser"),
    ("function", "bucket datasets", "custom uploads"),
    ("function", "bucket models", "custom remover"),
    ("function", "account function", "custom signer"),
    ("function", "secret secret", "roles/secretmanager.secretAccessor"),
    ("function", "secret mail", "roles/secretmanager.secretAccessor"),
    ("function", "project", "custom machines"),
    ("worker", "bucket emails", "roles/storage.objectUser"),
    ("worker", "bucket datasets", "custom remover"),
    ("worker", "bucket models", "roles/storage.objectUser"),
    ("worker", "bucket code", "roles/storage.objectViewer"),
    ("worker", "secret secret", "roles/secretmanager.secretAccessor"),
    ("worker", "secret mail", "roles/secretmanager.secretAccessor"),
    ("worker", "project", "custom machines"),
    ("worker", "project", "roles/logging.logWriter"),
    ("worker", "project", "roles/monitoring.metricWriter"),
    ("builder", "project", "roles/logging.logWriter"),
    ("builder", "project", "roles/artifactregistry.writer"),
    ("builder", "project", "roles/storage.objectViewer"),
    ("allUsers", "service front", "roles/run.invoker"),
}
CUSTOM = {
    "remover": {"storage.objects.get", "storage.objects.list", "storage.objects.delete"},
    "uploads": {
        "storage.objects.create", "storage.objects.get", "storage.objects.list", "storage.objects.delete",
    },
    "signer": {"iam.serviceAccounts.signBlob"},
    "machines": {"compute.instanceGroupManagers.get", "compute.instanceGroupManagers.update"},
}  # fmt: skip


def _principal(member: str) -> str:
    account = re.fullmatch(r"\$\{google_service_account\.(\w+)\.member\}", member)
    return account[1] if account else member


def _role(role: str) -> str:
    custom = re.fullmatch(r"\$\{google_project_iam_custom_role\.(\w+)\.name\}", role)
    return f"custom {custom[1]}" if custom else role


def _where(kind: str, body: dict[str, Any]) -> str:
    for key, word in (
        ("bucket", "bucket"),
        ("service_account_id", "account"),
        ("secret_id", "secret"),
        ("service", "service"),
    ):
        if key in body:
            return f"{word} {body[key].strip('${}').split('.')[1]}"
    assert kind == "google_project_iam_member", kind
    return "project"


def test_everybody_has_exactly_the_rights_of_the_table() -> None:
    granted = {
        (_principal(body["member"]), _where(name.split(".")[0], body), _role(body["role"]))
        for name, body in RESOURCES.items()
        if "_iam_member." in name
    }
    assert granted == GRANTS
    # No other way of granting is used: a binding or a policy would take rights from others.
    assert not [name for name in RESOURCES if re.search(r"_iam_(binding|policy)\.", name)]


def test_the_builder_reads_the_source_of_functions_and_no_other_bucket() -> None:
    (condition,) = hcl.blocks(_kind("google_project_iam_member")["builder_source"], "condition")
    assert "gcf-v2-sources-" in condition["expression"]


def test_custom_roles_hold_what_the_table_says() -> None:
    roles = {name: set(body["permissions"]) for name, body in _kind("google_project_iam_custom_role").items()}
    assert roles == CUSTOM


def test_no_account_has_a_key_and_nobody_is_owner_or_editor() -> None:
    assert not _kind("google_service_account_key")
    assert not re.search(r"roles/(owner|editor|storage\.admin|compute\.admin)", TEXT)


@pytest.mark.parametrize("name", ["datasets", "models", "emails", "code"])
def test_buckets_are_private_and_forget(name: str) -> None:
    bucket = _kind("google_storage_bucket")[name]
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["public_access_prevention"] == "enforced"
    assert hcl.blocks(bucket, "versioning") == [{"enabled": False}]
    assert hcl.blocks(bucket, "soft_delete_policy") == [{"retention_duration_seconds": 0}]


def _lifecycle(name: str) -> set[tuple[str, int, tuple[str, ...]]]:
    rules = hcl.blocks(_kind("google_storage_bucket")[name], "lifecycle_rule")
    return {
        (rule["action"][0]["type"], rule["condition"][0]["age"], tuple(rule["condition"][0].get("matches_prefix", ())))
        for rule in rules
    }


def test_what_the_sweep_leaves_behind_is_deleted_by_age() -> None:
    limits = Settings().limits
    assert _lifecycle("datasets") == {("Delete", 2, ()), ("AbortIncompleteMultipartUpload", 2, ())}
    assert _lifecycle("models") == {("Delete", limits.model_days + 1, ())}
    assert _lifecycle("emails") == {("Delete", limits.model_days + 2, ("jobs/", "open/")), ("Delete", 2, ("limits/",))}


def test_no_rule_touches_what_must_stay() -> None:
    """Whose mail is refused, and which networks the next machine will have."""
    for _, _, prefixes in _lifecycle("emails"):
        assert prefixes and not any(f"{kept}x".startswith(prefixes) for kept in (refusals.PREFIX, catalogue.PREFIX))


def test_the_page_may_upload_and_fetch_models_and_nothing_else() -> None:
    """The same rules as the local stack's, which the browser tests go through."""
    rules = {name: hcl.blocks(body, "cors") for name, body in _kind("google_storage_bucket").items() if "cors" in body}
    assert rules.keys() == {"datasets", "models"}
    ((upload,), (fetch,)) = rules["datasets"], rules["models"]
    assert upload["origin"] == fetch["origin"] == ["${local.url}"]
    assert (upload["method"], upload["response_header"]) == (["PUT", "POST"], UPLOAD_HEADERS)
    assert (fetch["method"], fetch["response_header"]) == (["GET"], ["content-type"])


def test_settings_of_the_cloud_are_settings_of_the_code_and_of_the_page() -> None:
    known = {f"MODELMAIL_{name.upper()}" for name in Settings.__dataclass_fields__}
    assert _told() <= known
    assert _told() <= set(page("limits").first_cells("| variable |"))
    # What has no default that works on the cloud must be told.
    needed = {"PUBLIC_URL", "SENDER", "OPERATOR", "SECRET", "SENDGRID_KEY", "ALLOWED_ADDRESSES", "SCHEDULER"}
    needed |= {"MACHINES", "METADATA_URL", "IDLE_MINUTES", "EMAILS_BUCKET", "DATASETS_BUCKET", "MODELS_BUCKET"}
    assert {f"MODELMAIL_{name}" for name in needed} <= _told()


def test_variables_are_declared_described_and_used() -> None:
    variables = hcl.section("variable")
    assert all(body["description"] for body in variables.values())
    assert {name for name in variables if not re.search(rf"\bvar\.{name}\b", TEXT)} == set()
    assert set(re.findall(r"\bvar\.(\w+)", TEXT)) == set(variables)


def test_who_may_submit_must_be_said() -> None:
    assert "default" not in hcl.section("variable")["allowed_addresses"]
    (function,) = _kind("google_cloudfunctions2_function").values()
    guard, mail = function["lifecycle"][0]["precondition"]
    assert "smtp_url" in mail["condition"] and "smtp_user" in mail["condition"]
    assert "allow_everyone" in guard["condition"] and '"*"' in guard["condition"]


def test_the_function_is_bounded_and_has_an_account_of_its_own() -> None:
    (function,) = _kind("google_cloudfunctions2_function").values()
    (service,) = function["service_config"]
    assert service["max_instance_count"] == 5 and service["max_instance_request_concurrency"] == "${local.concurrency}"
    # As many threads: a request that waits for a thread would wait for whoever holds one.
    assert hcl.section("locals")["concurrency"] > 1
    assert re.search(r"THREADS\W+tostring\(local\.concurrency\)", TEXT)
    assert service["service_account_email"] == "${google_service_account.function.email}"
    assert function["build_config"][0]["entry_point"] == "handle"
    secrets = {block["key"] for block in service["secret_environment_variables"]}
    assert secrets == {"MODELMAIL_SECRET", "${local.mail.setting}"}
    assert not secrets & set(re.findall(r"MODELMAIL_\w+", str(service["environment_variables"])))


def test_each_mailer_has_its_secret_which_machines_know_too() -> None:
    mailers = hcl.section("locals")["mailers"]
    assert {name: row["setting"] for name, row in mailers.items()} == {
        "sendgrid": "MODELMAIL_SENDGRID_KEY",
        "smtp": "MODELMAIL_SMTP_PASSWORD",
    }
    assert set(mailers) == set(MAILERS)
    for row in mailers.values():
        assert f"*/{row['secret']}) name={row['setting']} ;;" in STARTUP
        assert f"secret {row['secret']} " in DEPLOY


def test_the_sweep_is_called_each_minute_by_an_account_that_can_do_nothing_else() -> None:
    (job,) = _kind("google_cloud_scheduler_job").values()
    (target,) = job["http_target"]
    assert job["schedule"] == "* * * * *" and target["uri"].endswith("/tasks/sweep")
    (token,) = target["oidc_token"]
    assert token["service_account_email"] == "${google_service_account.scheduler.email}"
    assert token["audience"] == "${local.url}"
    assert not [grant for grant in GRANTS if grant[0] == "scheduler"]


def test_machines_are_none_unless_needed_unreachable_and_their_own_masters() -> None:
    (group,) = _kind("google_compute_instance_group_manager").values()
    assert group["target_size"] == 0
    assert group["lifecycle"][0]["ignore_changes"] == ["${target_size}"] or "target_size" in str(group["lifecycle"])
    (template,) = _kind("google_compute_instance_template").values()
    assert all("access_config" not in interface for interface in template["network_interface"])
    (shield,) = template["shielded_instance_config"]
    assert shield["enable_vtpm"] is True and shield["enable_integrity_monitoring"] is True
    assert template["service_account"][0]["email"] == "${google_service_account.worker.email}"
    name = hcl.section("locals")["group"]
    assert name.endswith("instanceGroupManagers/${local.name}-worker") and group["name"] == "${local.name}-worker"


def test_the_startup_script_asks_for_metadata_that_is_there() -> None:
    (template,) = _kind("google_compute_instance_template").values()
    given = {name.removeprefix("modelmail-") for name in template["metadata"] if name.startswith("modelmail-")}
    assert set(re.findall(r"attribute ([a-z-]+)", STARTUP)) == given
    assert "EnvironmentFile=/run/modelmail/env" in UNIT and "RUN_DIR=$ROOT/run/modelmail" in STARTUP


@pytest.mark.parametrize(
    ("url", "kept_out"),
    [
        ("https://front.example/jobs/AAAAAAAAAAAAAAAAAAAAAA", True),
        ("https://front.example/jobs/AAAAAAAAAAAAAAAAAAAAAA/files/model.h5", True),
        ("https://front.example/jobs/AAAAAAAAAAAAAAAAAAAAAA?token=secret", True),
        ("https://front.example/refuse/secret", True),
        ("https://front.example/?email=ada@example.org", True),  # a documented way to submit
        ("https://front.example/", False),
        ("https://front.example/health", False),
    ],
)
def test_request_logs_that_hold_an_id_or_an_address_are_excluded(url: str, kept_out: bool) -> None:
    (exclusion,) = _kind("google_logging_project_exclusion").values()
    pattern = re.search(r'httpRequest\.requestUrl=~"(.+)"', exclusion["filter"])
    assert pattern and bool(re.search(pattern[1], url)) is kept_out


def test_files_are_formatted() -> None:
    if shutil.which("terraform") is None:
        pytest.skip("no terraform is installed")
    ended = subprocess.run(["terraform", "fmt", "-check", "-diff", str(hcl.FOLDER)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
