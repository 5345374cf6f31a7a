#!/usr/bin/env bash
# make deploy PROJECT=... REGION=... SENDER=... ALLOWED='*@example.org'   builds, plans, asks, applies
# make destroy PROJECT=... REGION=...                                     removes all of it
#
# Anything else of infra/gcp/variables.tf is given as TF_VAR_<name>, such as TF_VAR_gpu=L4.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  printf '%s\n' "$*" >&2
  exit 2
}
need() { command -v "$1" >/dev/null || fail "$1 is not installed. $2"; }

[ -n "${PROJECT:-}" ] || fail "Give PROJECT=your-project."
[ -n "${REGION:-}" ] || fail "Give REGION=europe-west4, or another one."
need terraform "It makes the resources."
need gcloud "It keeps the secrets out of Terraform's state. Run 'gcloud auth login' and 'gcloud auth application-default login' once."

BUILD=${BUILD:-build}
PYTHON=${PYTHON:-.venv/bin/python}
TERRAFORM=(terraform "-chdir=infra/gcp")
STATE=("-state=terraform-$PROJECT.tfstate") # one installation for each project

build() {
  rm -rf "$BUILD"
  mkdir -p "$BUILD"
  "$PYTHON" -m infra.package "$BUILD/function.zip"
  "$PYTHON" -m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation --wheel-dir "$BUILD" .
}

variables() {
  local wheel
  wheel=$(find "$BUILD" -name '*.whl' -print -quit)
  printf '%s\n' "-var=project=$PROJECT" "-var=region=$REGION" "-var=sender=${SENDER:-}" \
    "-var=allowed_addresses=[$(quoted "${ALLOWED:-}")]" \
    "-var=function_zip=$(realpath -m "$BUILD/function.zip")" "-var=wheel=$(realpath -m "$wheel")" \
    "-var=constraints=$(realpath infra/gcp/constraints-gpu.txt)"
}

# a@example.org,*@example.com -> "a@example.org","*@example.com"
quoted() {
  [ -z "$1" ] || printf '"%s"' "${1//,/\",\"}"
}

# A value is added once; afterwards it is the project's own business: gcloud secrets versions add.
secret() {
  local name=$1 value=$2 given=${3:-}
  if [ -z "$(gcloud secrets versions list "$name" --project "$PROJECT" --limit 1 --format 'value(name)')" ]; then
    [ -n "$value" ] || fail "Give $given=... for the first deployment."
    printf '%s' "$value" | gcloud secrets versions add "$name" --project "$PROJECT" --data-file -
  fi
}

deploy() {
  [ -n "${SENDER:-}" ] || fail "Give SENDER=models@example.org: the address that the mails are from."
  [ -n "${ALLOWED:-}" ] || fail "Give ALLOWED='you@example.org,*@example.com': who may submit."
  build
  mapfile -t vars < <(variables)
  # Terraform itself asks these; a new project has them switched off.
  gcloud services enable cloudresourcemanager.googleapis.com iam.googleapis.com serviceusage.googleapis.com \
    --project "$PROJECT"
  "${TERRAFORM[@]}" init -input=false
  "${TERRAFORM[@]}" apply "${STATE[@]}" "${vars[@]}" \
    -target=google_secret_manager_secret.secret -target=google_secret_manager_secret.mail
  secret modelmail-secret "$("$PYTHON" -c 'import secrets; print(secrets.token_urlsafe(32), end="")')"
  case ${TF_VAR_mailer:-sendgrid} in
    smtp) secret modelmail-smtp-password "${SMTP_PASSWORD:-}" SMTP_PASSWORD ;;
    *) secret modelmail-sendgrid-key "${SENDGRID_KEY:-}" SENDGRID_KEY ;;
  esac
  "${TERRAFORM[@]}" apply "${STATE[@]}" "${vars[@]}"
  [ -n "${TF_VAR_billing_account:-}" ] ||
    printf '%s\n' "No budget alert was made: TF_VAR_billing_account names the account that pays." >&2
  "${TERRAFORM[@]}" output "${STATE[@]}" -raw url
  printf '\n'
}

destroy() {
  [ -f "$BUILD/function.zip" ] || build
  SENDER=${SENDER:-nobody@example.org} ALLOWED=${ALLOWED:-nobody@example.org}
  mapfile -t vars < <(variables)
  "${TERRAFORM[@]}" init -input=false
  "${TERRAFORM[@]}" destroy "${STATE[@]}" "${vars[@]}"
}

case ${1:-} in
  deploy) deploy ;;
  destroy) destroy ;;
  *) fail "usage: infra/deploy.sh deploy|destroy" ;;
esac
