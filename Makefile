# Countersign. `make help` lists the targets. All of them share one environment in .venv.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
DEMO_DIR ?= .demo
# Bytecode is kept: without it, each process that a test or the demo starts compiles everything again.
unexport PYTHONDONTWRITEBYTECODE
# More workers than cores, since many tests wait for a server or a browser. A file stays on one worker, which starts its
# servers once; the longest files begin first.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 4 ? 2 * n : n)))
SPREAD := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo demo-check demo-reset test test-slow test-outage test-all lint format types contracts check lock clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/ready ## build the demo world, start everything, print one address (Ctrl-C stops it)
	@exec $(BIN)/python -m demo run --directory $(DEMO_DIR)

demo-reset: $(VENV)/ready ## forget the demo world; the next `make demo` begins anew
	@$(BIN)/python -m demo reset --directory $(DEMO_DIR)

demo-check: $(VENV)/ready ## do the main job in a real headless browser, on free ports
	@exec $(BIN)/python -m demo check

test: $(VENV)/ready ## run the test suite (without the few long ones)
	@exec $(BIN)/python -m pytest -m "not slow and not outage" $(SPREAD)

test-slow: $(VENV)/ready ## run the few long tests
	@$(BIN)/python -m pytest -m slow $(SPREAD) -q || test $$? = 5  # 5: none is marked

test-outage: $(VENV)/ready ## kill and stall the servers for a quarter of an hour, and look at the pages
	@exec $(BIN)/python -m pytest -m outage $(SPREAD) -n 2 -q

test-all: $(VENV)/ready ## run every test
	@exec $(BIN)/python -m pytest $(SPREAD)

lint: $(VENV)/ready ## ruff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: $(VENV)/ready ## let ruff format and mend what it can
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

types: $(VENV)/ready ## mypy, strict
	@$(BIN)/mypy

contracts: $(VENV)/ready ## the house's import contracts
	@$(BIN)/lint-imports

check: lint types contracts test ## everything quick

lock: $(VENV)/ready ## pin the requirements again from the loose inputs
	@$(BIN)/uv pip compile -q --upgrade --python-version 3.11 --no-emit-index-url --exclude-newer "$$(date -d '-7 days' +%F)" requirements.in -o requirements.txt
	@$(BIN)/uv pip compile -q --upgrade --python-version 3.11 --no-emit-index-url --exclude-newer "$$(date -d '-7 days' +%F)" requirements-dev.in -o requirements-dev.txt

clean: ## remove the environment and caches (not the demo world)
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build dist *.egg-info

# uv when it is there, plain venv and pip otherwise, both with bytecode; `ready` is touched only when everything is in.
$(VENV)/ready: requirements.txt requirements-dev.txt requirements-demo.txt pyproject.toml
	@echo "Making the environment in $(VENV) (once; some minutes on a slow line) ..."
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Countersign needs Python 3.11 or newer; set PYTHON=python3.11")'
ifdef UV
	@test -x $(BIN)/python || $(UV) venv -q --python $(PYTHON) $(VENV)
	@$(UV) pip install -q --compile-bytecode --python $(BIN)/python -r requirements.txt -r requirements-dev.txt
	@$(UV) pip install -q --compile-bytecode --python $(BIN)/python --no-deps -r requirements-demo.txt
	@$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
else
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null  # made by uv, which is gone
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt -r requirements-dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -r requirements-demo.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
endif
	@touch $@
