# Countersign. `make help` lists the targets. They share one environment in .venv.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
DEMO_DIR ?= .demo
# Keep bytecode: without it, every process that a test or the demo starts compiles everything again.
unexport PYTHONDONTWRITEBYTECODE
# More workers than cores, because many tests wait for a server or a browser. Each file runs on one worker, which starts
# its servers once; the longest files run first.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 4 ? 2 * n : n)))
SPREAD := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo demo-check demo-reset test test-slow test-outage test-all lint format types contracts check lock clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/ready ## build the demo, start everything, print one address (Ctrl-C stops it)
	@exec $(BIN)/python -m demo run --directory $(DEMO_DIR)

demo-reset: $(VENV)/ready ## delete the demo's data; the next `make demo` starts over
	@$(BIN)/python -m demo reset --directory $(DEMO_DIR)

demo-check: $(VENV)/ready ## run the main user journey in a headless browser, on free ports
	@exec $(BIN)/python -m demo check

test: $(VENV)/ready ## run the test suite (without the few long tests)
	@exec $(BIN)/python -m pytest -m "not slow and not outage" $(SPREAD)

test-slow: $(VENV)/ready ## run the few long tests
	@$(BIN)/python -m pytest -m slow $(SPREAD) -q || test $$? = 5  # 5: no test has the mark

test-outage: $(VENV)/ready ## kill and stall the servers for 15 minutes and check the pages
	@exec $(BIN)/python -m pytest -m outage $(SPREAD) -n 2 -q

test-all: $(VENV)/ready ## run every test
	@exec $(BIN)/python -m pytest $(SPREAD)

lint: $(VENV)/ready ## ruff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: $(VENV)/ready ## format, and fix what ruff can fix
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

types: $(VENV)/ready ## mypy, strict
	@$(BIN)/mypy

contracts: $(VENV)/ready ## check the import contracts
	@$(BIN)/lint-imports

check: lint types contracts test ## lint, types, contracts and tests

lock: $(VENV)/ready ## pin the requirements again from requirements*.in
	@$(BIN)/uv pip compile -q --upgrade --python-version 3.11 --no-emit-index-url --exclude-newer "$$(date -d '-7 days' +%F)" requirements.in -o requirements.txt
	@$(BIN)/uv pip compile -q --upgrade --python-version 3.11 --no-emit-index-url --exclude-newer "$$(date -d '-7 days' +%F)" requirements-dev.in -o requirements-dev.txt

clean: ## remove the environment and caches (not the demo's data)
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build dist *.egg-info

# Uses uv if installed, otherwise venv and pip, both with bytecode; `ready` is touched only once everything is installed.
$(VENV)/ready: requirements.txt requirements-dev.txt requirements-demo.txt pyproject.toml
	@echo "Creating the environment in $(VENV) (once; takes a few minutes on a slow connection) ..."
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Countersign needs Python 3.11 or newer; set PYTHON=python3.11")'
ifdef UV
	@test -x $(BIN)/python || $(UV) venv -q --python $(PYTHON) $(VENV)
	@$(UV) pip install -q --compile-bytecode --python $(BIN)/python -r requirements.txt -r requirements-dev.txt
	@$(UV) pip install -q --compile-bytecode --python $(BIN)/python --no-deps -r requirements-demo.txt
	@$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
else
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null  # made by uv, which was removed since
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt -r requirements-dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -r requirements-demo.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
endif
	@touch $@
