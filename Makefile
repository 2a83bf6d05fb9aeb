# Kindstore: `make help` lists the recipes. Needs Python 3.11 or newer and make, nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# How much `make soak` does: 1 is ten times what `make test` does, 2 twenty times.
SOAK ?= 1
# Where `make app` listens
PORT ?= 5000

STAMP := $(VENV)/.set-up
BENCH_STAMP := $(VENV)/.set-up-bench
TESTS ?= tests
WORKERS ?= 2
SOAKED ?= tests/trust tests/conformance tests/gql tests/engine tests/values tests/ndb/differential tests/ndb/test_projection_laws.py \
    tests/flask/forms/test_round_trip.py tests/flask/test_cache_machine.py tests/flask/security/conformance/test_copying.py

ACCOUNTS = $(BIN)/python -m flask --app examples.flask_accounts

LOCK_FLAGS = --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
    --custom-compile-command "make lock"
# Of the group `sdist` in pyproject.toml
SOURCES := flask-principal

# Nothing from the caller's shell may change what a recipe does.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Wheels only: no setup script runs, so everything that set-up executes is in the lock files.
PIP_INSTALL = $(BIN)/python -m pip install --quiet --no-input
PIP_LOCKED = $(PIP_INSTALL) --require-hashes --no-deps --only-binary :all:
# The few packages that have no wheel are built here, by the setuptools that was just installed.
PIP_LOCKED_SOURCES = $(PIP_INSTALL) --require-hashes --no-deps --no-build-isolation --use-pep517

.DEFAULT_GOAL := help
.PHONY: help setup demo app test lint types format bench lock soak clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv from the lock file; nothing to do when it is up to date

$(STAMP): requirements-dev.lock requirements-sdist.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "Kindstore needs Python 3.11 or newer; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)."; \
	    echo "Name another one: make PYTHON=python3.12 $(or $(MAKECMDGOALS),setup)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "'$(PYTHON)' lacks venv or ensurepip. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Setting up $(VENV) (once)"
	@rm -f $(STAMP) $(BENCH_STAMP)
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_LOCKED) -r requirements-dev.lock
	@$(PIP_LOCKED_SOURCES) -r requirements-sdist.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup ## The main job on real data
	@$(BIN)/kindstore demo

app: setup ## The application with accounts of examples/flask_accounts, at http://127.0.0.1:5000, or at PORT=…
	@$(ACCOUNTS) seed
	@echo "Open http://localhost:$(PORT) and see what there is to try. Mail is printed here. Ctrl-C ends it."
	@$(ACCOUNTS) run --host 127.0.0.1 --port $(PORT)

test: setup lint types ## Everything that must pass: lint, types, tests
	$(BIN)/python -m pytest -n $(WORKERS) $(TESTS)

lint: setup ## ruff, rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## mypy and pyright, both strict
	$(BIN)/mypy
	$(BIN)/basedpyright

$(BENCH_STAMP): $(STAMP) requirements-bench.lock
	@$(PIP_LOCKED) -r requirements-bench.lock
	@touch $(BENCH_STAMP)

bench: $(BENCH_STAMP) ## Compare with other mappers, raw apsw and google-cloud-ndb; writes docs/performance.md
	$(BIN)/python -m bench.ndb_cost --write docs/performance.md
	$(BIN)/python -m bench.query_cost --write docs/performance.md
	$(BIN)/python -m bench.flask_accounts --write docs/performance.md
	$(BIN)/python -m bench --growth 1000,10000,100000,1000000 --write docs/performance.md

soak: setup ## What takes numbers, with large ones: kills, faults, power loss, races, random queries and texts (long)
	KINDSTORE_SOAK=$(SOAK) $(BIN)/python -m pytest -n $(WORKERS) $(SOAKED)

# uv is needed for this alone: pip install uv
lock: ## Renew the lock files (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv"; exit 1; }
	uv pip compile --quiet --upgrade $(LOCK_FLAGS) --extra cli --extra demo --extra test --extra lint \
	    --extra flask --extra accounts --extra admin --extra test-flask --group build \
	    --no-emit-package $(SOURCES) pyproject.toml --output-file requirements-dev.lock
	uv pip compile --quiet --upgrade $(LOCK_FLAGS) --extra bench --extra flask --extra accounts \
	    --no-emit-package $(SOURCES) --constraint requirements-dev.lock pyproject.toml \
	    --output-file requirements-bench.lock
	uv pip compile --quiet --upgrade $(LOCK_FLAGS) --no-deps --group sdist --output-file requirements-sdist.lock

clean: ## Remove .venv and everything that tools have made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
