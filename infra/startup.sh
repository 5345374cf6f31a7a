#!/usr/bin/env bash
# Turns a Deep Learning VM into a training machine, at each boot, as root. All it needs to know is in the
# machine's metadata; the secrets come from Secret Manager and never touch the disk.
set -euo pipefail

METADATA=${METADATA:-http://metadata.google.internal}
ROOT=${ROOT:-} # of the file system; a test gives its own
HOME_DIR=$ROOT/opt/modelmail
WORK_DIR=$ROOT/var/lib/modelmail
SECRET_PAUSE=${SECRET_PAUSE:-5} # seconds between two tries to read a secret
RUN_DIR=$ROOT/run/modelmail
UNIT=$ROOT/etc/systemd/system/modelmail-worker.service
AGENT_CONFIG=$ROOT/etc/google-cloud-ops-agent/config.yaml

say() { printf 'modelmail startup: %s\n' "$*"; }

attribute() {
  curl --fail --silent --show-error --retry 5 --retry-connrefused --max-time 20 \
    --header 'Metadata-Flavor: Google' "$METADATA/computeMetadata/v1/instance/attributes/modelmail-$1"
}

# The first Python here that the project runs on.
find_python() {
  local candidate
  for candidate in python3.12 python3.13 python3.11 python3; do
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
      printf '%s' "$candidate"
      return
    fi
  done
  return 1
}

install_python() {
  say "installing Python"
  apt-get update --quiet
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet python3.12 python3.12-venv
}

install_project() {
  local python wheel constraints downloads
  wheel=$(attribute wheel)
  constraints=$(attribute constraints)
  # Both names hold the hash of their content: the same names, nothing to do.
  if [ "$(cat "$HOME_DIR/installed" 2>/dev/null)" = "$wheel $constraints" ]; then
    say "the project is installed"
    return
  fi
  python=$(find_python) || { install_python && python=$(find_python); }
  say "installing the project with $python"
  downloads=$(mktemp --directory)
  gcloud storage cp "$wheel" "$constraints" "$downloads/"
  "$python" -m venv --clear "$HOME_DIR"
  "$HOME_DIR/bin/python" -m pip install --quiet --require-hashes --no-deps --requirement "$downloads/constraints.txt"
  "$HOME_DIR/bin/python" -m pip install --quiet --no-deps "$downloads"/*.whl
  rm --recursive "$downloads"
  printf '%s' "$wheel $constraints" >"$HOME_DIR/installed"
}

make_user() {
  id modelmail >/dev/null 2>&1 || useradd --system --home-dir "$WORK_DIR" --shell /usr/sbin/nologin modelmail
  # A worker that was killed leaves its scratch folder; nobody else works here.
  rm --recursive --force "$WORK_DIR"
  install --directory --owner modelmail --group modelmail --mode 0700 "$WORK_DIR"
}

# A worker without its secrets would train, and then lose its mails; so a secret that cannot be read ends this script.
secret() {
  local value try
  for try in 1 2 3; do
    if value=$(gcloud secrets versions access latest --secret "$1") && [ -n "$value" ] && [[ $value != *$'\n'* ]]; then
      printf '%s' "$value"
      return
    fi
    [ "$try" = 3 ] || sleep "$SECRET_PAUSE"
  done
  return 1
}

# systemd reads it as root before it becomes the worker's user.
write_environment() {
  local secret name value
  install --directory --mode 0700 "$RUN_DIR"
  (
    umask 077
    attribute settings >"$RUN_DIR/env"
    printf '\n' >>"$RUN_DIR/env"
    for secret in $(attribute secrets); do
      case $secret in
        */modelmail-secret) name=MODELMAIL_SECRET ;;
        */modelmail-sendgrid-key) name=MODELMAIL_SENDGRID_KEY ;;
        */modelmail-smtp-password) name=MODELMAIL_SMTP_PASSWORD ;;
        *) say "an unknown secret: $secret" && exit 1 ;;
      esac
      value=$(secret "$secret") ||
        { say "the secret $secret cannot be used: it is not readable, empty, or of several lines" && exit 1; }
      value=${value//\\/\\\\} # systemd reads the quotes and backslashes of a value
      printf '%s="%s"\n' "$name" "${value//\"/\\\"}" >>"$RUN_DIR/env"
    done
  )
}

# Takes the worker's log to Cloud Logging, where it outlives the machine. Nothing that trains depends on it.
install_ops_agent() {
  local sha256
  sha256=$(attribute ops-agent)
  [ -n "$sha256" ] || return 0
  say "installing the Ops Agent"
  if curl --fail --silent --show-error --retry 3 --max-time 60 --output "$RUN_DIR/ops-agent.sh" \
    https://dl.google.com/cloudagents/add-google-cloud-ops-agent-repo.sh &&
    printf '%s  %s\n' "$sha256" "$RUN_DIR/ops-agent.sh" | sha256sum --check --quiet &&
    bash "$RUN_DIR/ops-agent.sh" --also-install && write_agent_config && systemctl restart google-cloud-ops-agent; then
    say "the Ops Agent runs"
  else
    say "the Ops Agent could not be installed; going on without it"
  fi
}

write_agent_config() {
  cat >"$AGENT_CONFIG" <<'YAML'
logging:
  receivers:
    worker:
      type: files
      include_paths: [/var/log/modelmail-worker.log]
  processors:
    json:
      type: parse_json
      time_key: time
      time_format: "%Y-%m-%dT%H:%M:%S.%L%z"
    severity:
      type: modify_fields
      fields:
        severity:
          move_from: jsonPayload.severity
  service:
    pipelines:
      worker:
        receivers: [worker]
        processors: [json, severity]
YAML
}

check_gpu() {
  [ "$(attribute gpu)" = true ] || return 0
  nvidia-smi --query-gpu=name,driver_version --format=csv,noheader || say "no GPU answers; training goes on without one"
}

start_worker() {
  gcloud storage cp "$(attribute unit)" "$UNIT"
  systemctl daemon-reload
  systemctl enable --now modelmail-worker.service
  say "the worker runs"
}

install_project
make_user
write_environment
check_gpu
start_worker
install_ops_agent # last: no job waits for it
