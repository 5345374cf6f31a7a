# The same commands for people and for CI. Each makes or renews .venv first when it is missing or stale.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help dev demo test emulator emulator-wheel clients check faults mutants bench slow cloud deploy destroy

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUNTIME := templates/runtime/litert_wasm_internal.js

# What holds a job together, and what a task knows of photos: their tests keep to one floor of coverage.
COVERED := jobs/*,vm_worker/intake/*,vm_worker/search/*,vm_worker/tasks/*
COVERED := $(COVERED),vm_worker/worker.py,vm_worker/job_run.py,vm_worker/manifests.py,vm_worker/lease_keeper.py

# The first Python on this machine that the project runs on.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& { echo "$$python"; break; }; done)

help: ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

dev: $(STAMP) $(RUNTIME) ## Make .venv and install everything, pinned by hash.

# Tried again each time where it could not be had; all else works without it.
$(RUNTIME): infra/browser_runtime.py | $(STAMP)
	@$(BIN)/python -m infra.browser_runtime

$(STAMP): constraints.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "modelmail needs Python 3.11, 3.12 or 3.13; none was found." >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo "Making $(VENV) with $(PYTHON)"; \
		$(PYTHON) -m venv --clear $(VENV) || { echo "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; }
	@echo "Installing $$(grep -c '^[^ #].*==' constraints.txt) packages into $(VENV) (the first time takes minutes)"
	@# The list is complete. To resolve it again fails with older pips once an extra's package has a newer release.
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --require-hashes --no-deps -r constraints.txt \
		| sed -u -n 's/^Collecting \([^ ]*\).*/  \1/p; s/^Installing collected.*/  installing all of them/p'
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -m pip check --disable-pip-version-check
	@touch $(STAMP)

demo: dev ## The whole journey on this machine. ZIP=photos.zip EMAIL=me@example.org MINUTES=5 for your own photos.
	@$(BIN)/modelmail demo $(if $(ZIP),"$(ZIP)") $(if $(EMAIL),--email "$(EMAIL)") $(if $(MINUTES),--minutes $(MINUTES))

# Three processes on two cores, as a test waits a quarter of its time: for leases, silent clients, other programs. Threads
# of linear algebra would only wait for one another; and what a program has compiled of Python, the next three hundred
# need not.
test: export OPENBLAS_NUM_THREADS := 1
test: export PYTHONDONTWRITEBYTECODE :=
test: dev ## The fast tests, with branch coverage.
	@$(BIN)/coverage erase
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --durations=25 --cov --cov-report= | tee .coverage-tests.log
	@$(BIN)/coverage report --skip-covered --include='$(COVERED)' --fail-under=95
	@tail -n 1 .coverage-tests.log
	@grep '^Skipped: ' .coverage-tests.log

emulator: dev ## The emulator's tests alone, with its branch coverage.
	@$(BIN)/coverage erase --rcfile=infra/emulator/pyproject.toml
	$(BIN)/coverage run --rcfile=infra/emulator/pyproject.toml -m pytest tests/emulator
	@$(BIN)/coverage combine --quiet --rcfile=infra/emulator/pyproject.toml
	@$(BIN)/coverage report --skip-covered --rcfile=infra/emulator/pyproject.toml

emulator-wheel: dev ## The emulator as a package of its own, in dist/.
	@$(BIN)/python -m infra.emulator_wheel dist

# Heavy clients, in an environment of their own that has the package and nothing else of this project.
clients: emulator-wheel ## The emulator's package with clients of eighteen other projects.
	@test .venv-clients/.installed -nt tests/clients/requirements.txt || { $(PYTHON) -m venv .venv-clients \
		&& .venv-clients/bin/python -m pip install --disable-pip-version-check --quiet -r tests/clients/requirements.txt \
		&& touch .venv-clients/.installed; }
	@.venv-clients/bin/python -m pip install --disable-pip-version-check --quiet dist/modelmail_emulator-*.whl
	@.venv-clients/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --force-reinstall \
		dist/modelmail_emulator-*.whl  # the version is the same, the code may not be
	@cd tests/clients && ../../.venv-clients/bin/python -m pytest -q -c /dev/null --rootdir ../.. --confcutdir . \
		-p no:cacheprovider --timeout 120 -o python_files='with_*.py' .

check: dev ## Lint, format, types and import rules.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

faults: export OPENBLAS_NUM_THREADS := 1
faults: export PYTHONDONTWRITEBYTECODE :=
faults: dev ## Kills and corruption. ORDER=reversed, or a number that shuffles them.
	$(BIN)/pytest -m faults -n 3 --dist load --maxschedchunk=1 $(if $(ORDER),--order=$(ORDER))

slow: dev ## The tests that take minutes.
	$(BIN)/pytest -m slow

mutants: dev ## Whether tests see small faults: 160 of them, drawn by SEED=, and some by hand, in 20 minutes at most.
	$(BIN)/python -m tests.mutants $(if $(SEED),--seed $(SEED))

bench: dev ## Measure; prints tables.
	$(BIN)/pytest tests/benchmarks -o python_files='*.py' -m "" -s --timeout 7200

cloud: dev ## The cloud files against the provider's own schema, and by checkov.
	@test -x .venv-cloud/bin/pytest || { $(PYTHON) -m venv .venv-cloud && .venv-cloud/bin/python -m pip install \
		--disable-pip-version-check --quiet cdktf-cdktf-provider-google pytest python-hcl2; }
	@test -x .venv-checkov/bin/checkov || { $(PYTHON) -m venv .venv-checkov && .venv-checkov/bin/python -m pip install \
		--disable-pip-version-check --quiet checkov; }  # its own hcl2 would replace the other's
	.venv-cloud/bin/python -m pytest -c /dev/null --rootdir . --noconftest -p no:cacheprovider tests/cloud/test_schema.py
	.venv-checkov/bin/checkov --directory infra/gcp --framework terraform --quiet --compact --skip-download

deploy: dev ## Everything to your Google Cloud project: PROJECT= REGION= SENDER= ALLOWED= SENDGRID_KEY=|SMTP_PASSWORD=
	@PROJECT="$(PROJECT)" REGION="$(REGION)" SENDER="$(SENDER)" ALLOWED="$(ALLOWED)" PYTHON=$(BIN)/python infra/deploy.sh deploy

destroy: dev ## Remove all of it: PROJECT= REGION=
	@PROJECT="$(PROJECT)" REGION="$(REGION)" PYTHON=$(BIN)/python infra/deploy.sh destroy
