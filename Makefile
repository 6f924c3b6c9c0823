# What is done daily, each with all of its own set-up: only Python 3.11 (or newer) and make are expected to be there.
# The environment is made once and again when a lock file changes.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
# The first one that is new enough; `make PYTHON=/path/to/python` takes another.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 python3.14 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

# Only what the locks name is installed: hashes are checked, and the project itself is built without an environment of its own.
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check --no-deps
LOCKED = $(PIP_INSTALL) --require-hashes -r
PROJECT = $(PIP_INSTALL) --no-build-isolation --editable .

RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev
DOCS := $(VENV)/.installed-docs
BENCH_VENV := .venv-bench
BENCH := $(BENCH_VENV)/.installed

# Arguments for pytest: make test ARGS="-k ledger"
ARGS ?=

# DRIVER=kafka make demo: over a real Kafka (SERVERS=host:port,…) instead of the embedded one.
DRIVER ?= memory
SERVERS ?= 127.0.0.1:9092
ifeq ($(DRIVER),memory)
DEMO_ARGS ?=
else ifeq ($(DRIVER),kafka)
DEMO_ARGS ?= --driver aiokafka --servers $(SERVERS)
else
DEMO_ARGS ?= --driver $(DRIVER) --servers $(SERVERS)
endif

# NAMES=kafka make brokers: only these.
NAMES ?= kafka
ENGINE = $(shell docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1 && echo docker)

.PHONY: help demo test unit integration check lint types imports budgets format bench brokers brokers-stop docs lock clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUN) ## an application to watch, over embedded brokers; DRIVER=kafka for a real one
	@$(PY) -m containers.demo $(DEMO_ARGS)

test: $(DEV) ## every test that can run here, with the real brokers that are reachable
	@$(PY) -m pytest $(ARGS)

unit: $(DEV) ## the tests without network
	@$(PY) -m pytest tests/unit $(ARGS)

integration: $(DEV) ## the tests of every transport, and of the real brokers that are reachable
	@$(PY) -m pytest tests/integration $(ARGS)

check: lint types imports budgets ## format, lint, types, imports and budgets

lint: $(DEV)
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/ruff check

types: $(DEV)
	$(VENV)/bin/mypy
	$(VENV)/bin/pyright

imports: $(DEV)
	$(VENV)/bin/lint-imports

budgets: $(DEV)
	$(PY) -m pytest --quiet tests/unit/test_budgets.py

format: $(DEV) ## let ruff format and mend what it can
	$(VENV)/bin/ruff format
	$(VENV)/bin/ruff check --fix

bench: $(BENCH) ## speed, beside the raw client and another framework
	@$(BENCH_VENV)/bin/python -m benchmarks $(ARGS)

brokers: ## start real brokers on loopback; NAMES="kafka redis rabbit nats"
	@if [ "$(ENGINE)" = docker ]; then docker compose up --wait $(NAMES); else scripts/brokers.sh start $(NAMES); fi

brokers-stop: ## stop them
	@if [ "$(ENGINE)" = docker ]; then docker compose stop $(NAMES); else scripts/brokers.sh stop; fi

docs: $(DOCS) ## the site, into site/
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

lock: ## resolve the dependencies anew (needs uv)
	scripts/lock.sh

clean: ## forget everything that was made here, but not the data of brokers that run
	rm -rf $(VENV) $(BENCH_VENV) build dist site .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './.brokers/*' -prune -exec rm -rf {} +

$(VENV)/.made $(BENCH_VENV)/.made:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed (on Debian and Ubuntu: apt-get install python3 python3-venv)." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		v=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "$(PYTHON) cannot make a virtual environment: the system package python$$v-venv is missing (on Debian and Ubuntu: apt-get install python$$v-venv)." >&2; \
		exit 1; }
	@echo "making $(@D)"
	@$(PYTHON) -m venv $(@D)
	@touch $@

$(RUN): $(VENV)/.made requirements/run.txt pyproject.toml
	@echo "installing what the library needs"
	@$(PY) $(LOCKED) requirements/run.txt
	@$(PY) $(PROJECT)
	@touch $@

$(DEV): $(RUN) requirements/dev.txt
	@echo "installing what its development needs"
	@$(PY) $(LOCKED) requirements/dev.txt
	@touch $@

$(DOCS): $(DEV) requirements/docs.txt
	@echo "installing what the site needs"
	@$(PY) $(LOCKED) requirements/docs.txt
	@touch $@

$(BENCH): $(BENCH_VENV)/.made requirements/run.txt requirements/bench.txt pyproject.toml
	@echo "installing what the benchmarks need"
	@$(BENCH_VENV)/bin/python $(LOCKED) requirements/run.txt
	@$(BENCH_VENV)/bin/python $(LOCKED) requirements/bench.txt
	@$(BENCH_VENV)/bin/python $(PROJECT)
	@touch $@
