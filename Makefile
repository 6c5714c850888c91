# Needs Python 3.11 to 3.13 and make. All the rest is installed below this folder, in .venv,
# node_modules and build, at the versions that the lock files name.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# `make PYTHON=/path/to/python3.12` chooses; a command that exists need not work (pyenv's shims).
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	2>/dev/null && echo $$python && break; done)

BIN := .venv/bin
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --python $(BIN)/python

export PIP_CACHE_DIR := $(CURDIR)/build/cache/pip
export UV_CACHE_DIR := $(CURDIR)/build/cache/uv
export CDK_HOME := $(CURDIR)/build/cache/cdk
export JSII_RUNTIME_PACKAGE_CACHE_ROOT := $(CURDIR)/build/cache/jsii
export CDK_DISABLE_CLI_TELEMETRY := true
# What is temporary stays below this folder too.
export TMPDIR := $(CURDIR)/build/tmp
# Compiled modules are kept when they are first imported; compiling all of them costs more.
unexport PYTHONDONTWRITEBYTECODE
unexport PYTHONPATH
# Nothing here is to depend on the cloud that the shell talks to, as after `bigdata env`.
unexport CDK_APP CDK_OUTPUT $(filter AWS_%,$(.VARIABLES))

.PHONY: help
help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ready ## Start the local cloud and carry 336,776 real flights through it
	@$(BIN)/bigdata demo

.PHONY: up
up: ready ## Start the local cloud
	@$(BIN)/bigdata up

.PHONY: down
down: ## Stop the local cloud
	@test ! -x $(BIN)/bigdata || $(BIN)/bigdata down

.PHONY: test
test: ready .venv/.development ## Run all tests: unit, infrastructure, end to end
	$(BIN)/python -m pytest -m "not e2e and not chaos" -n 2
	$(BIN)/python -m pytest -m e2e

.PHONY: model
model: .venv/.development ## Try 1,000 random schedules; SEED=n replays them
	$(BIN)/python -m pytest -q tests/coordination

.PHONY: fuzz
fuzz: .venv/.development ## Read 150 damaged inputs; SEED=n replays them, INPUTS=n is how many
	$(BIN)/python -m pytest -q tests/inputs/test_fuzz.py

.PHONY: soak
soak: .venv/.development ## Try 10,000 random schedules and 5,000 damaged inputs
	SCHEDULES=$${SCHEDULES:-10000} $(BIN)/python -m pytest -q tests/coordination
	INPUTS=$${INPUTS:-5000} $(BIN)/python -m pytest -q tests/inputs/test_fuzz.py

.PHONY: chaos
chaos: ready .venv/.development ## Kill, double and refuse everything in a local cloud, some 15 minutes
	$(BIN)/python -m pytest -m chaos -s

.PHONY: loadtest
loadtest: ready ## Carry 500 small jobs at once through a local cloud
	@$(BIN)/bigdata up && $(BIN)/bigdata loadtest

.PHONY: check
check: .venv/.development ## Check format, style, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: bench
bench: .venv/.bench ## Race the normalization against pandas, Polars, DuckDB and pyarrow
	@$(BIN)/python -m benchmarks.normalize

.PHONY: bench-quick
bench-quick: .venv/.bench ## The same with 1 million rows, within a minute
	@$(BIN)/python -m benchmarks.normalize --rows 1000000 --lineitem --within 50 \
		--output build/bench/quick

.PHONY: compare-tools
compare-tools: ready .venv/.bench ## What `bigdata compare` adds: Polars, matplotlib

# The CDK's library keeps fingerprints in the home, whatever CDK_HOME is.
.PHONY: synth
synth: tools ## Build what AWS will run and synthesize the stacks to cdk.out
	$(BIN)/python -m stacks.artifacts aws
	HOME="$(CURDIR)/build/cache/home" PATH="$(CURDIR)/$(BIN):$$PATH" \
		node_modules/.bin/cdk synth --quiet --no-notices

.PHONY: clean
clean: ## Stop the local cloud and remove everything that was made here
	-@$(MAKE) down
	rm -rf .venv .local build cdk.out node_modules out *.egg-info
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: lock
lock: .venv/.uv ## Pin the newest versions that pyproject.toml allows
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --no-header \
		--no-emit-index-url --output-file requirements.txt pyproject.toml
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --no-header \
		--no-emit-index-url --extra dev --constraint requirements.txt \
		--output-file requirements-dev.txt pyproject.toml
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --no-header \
		--no-emit-index-url --extra bench --constraint requirements-dev.txt \
		--output-file requirements-bench.txt pyproject.toml

# Two downloads at a time.
.PHONY: ready
ready: .venv/.uv
	@$(MAKE) --jobs=2 tools artifacts

.PHONY: artifacts
artifacts: .venv/.uv
	@$(BIN)/python -m stacks.artifacts local

# Java, Node.js and the CDK: looked for each time, for the machine may have lost or gained them.
.PHONY: tools
tools: .venv/.product
	@$(BIN)/python -m local.toolchain install

build/tmp:
	@mkdir -p $@

.venv/.uv: | build/tmp
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 with venv was found:" \
		"install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "installing into .venv, which takes a minute or two the first time"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		"uv==$$(sed -n 's/^uv==//p' requirements.txt)"
	@touch $@

.venv/.product: .venv/.uv requirements.txt pyproject.toml
	@$(INSTALL) --requirements requirements.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@

.venv/.development: .venv/.product requirements-dev.txt
	@$(INSTALL) --requirements requirements-dev.txt
	@touch $@

.venv/.bench: .venv/.product requirements-bench.txt
	@$(INSTALL) --requirements requirements-bench.txt
	@touch $@
