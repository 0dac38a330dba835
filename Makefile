# Pool Dashboard. `make` alone lists the targets.

PORT ?= 8765
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check

# The first of these that is new enough and can make an environment; PYTHON=... overrides.
PYTHONS := python3 python3.14 python3.13 python3.12 python3.11

# pip's downloads stay in the project, like everything else that make writes.
export PIP_CACHE_DIR ?= $(CURDIR)/.cache/pip

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help demo test check bench peers shots wheel clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# exec leaves the demo as make's own child: a SIGTERM that make passes on, or Ctrl-C, reaches it.
demo: $(VENV)/.demo  ## run the demo on http://127.0.0.1:PORT (PORT=8765)
	exec $(BIN)/pool-dashboard demo --listen 127.0.0.1:$(PORT)

test: $(VENV)/.dev  ## run all tests (ARGS="-k word" for some)
	$(BIN)/python -m tests.house.chromium
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev  ## format, lint, types, import rules, templates
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --lint templates dashboard

bench: $(VENV)/.dev  ## measure what watching a pool costs
	$(BIN)/python -m benchmarks $(ARGS)

peers: $(VENV)/.dev  ## run the libraries' own pool tests, with and without watching
	$(BIN)/python -m benchmarks.peers $(ARGS)

shots: $(VENV)/.dev  ## take the screenshots of the docs anew (five minutes)
	$(BIN)/python -m tests.browser.shots

wheel: $(VENV)/.dev  ## build sdist and wheel into dist/
	$(BIN)/python -m build --no-isolation

clean:  ## remove everything that make built
	rm -rf $(VENV) .cache build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: an environment is filled again only when pyproject.toml changed.
$(VENV)/.demo: pyproject.toml $(VENV)/.made
	@echo "installing what the demo needs (PostgreSQL included), about a minute the first time"
	$(PIP) install -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.made
	@echo "installing what the tests need (PostgreSQL included), about a minute the first time"
	$(PIP) install -e '.[dev]'
	@touch $(VENV)/.demo $@

# A Python without ensurepip (Debian packs it apart) makes a broken environment, so we ask first.
$(VENV)/.made:
	@bare=; for python in $(or $(PYTHON),$(PYTHONS)); do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	        echo "making $(VENV) with $$("$$python" --version)"; \
	        exec "$$python" -m venv --clear $(VENV); \
	    fi; \
	    bare="$$python"; \
	done; \
	if [ -n "$$bare" ]; then \
	    echo "$$bare cannot make an environment: its venv or ensurepip module is missing." >&2; \
	    echo "On Debian or Ubuntu: apt-get install python3-venv" >&2; \
	else \
	    echo "Python 3.11 or newer is needed; found: $$(python3 --version 2>&1 || echo none)." >&2; \
	    echo "Name another one with: make PYTHON=/path/to/python3.12" >&2; \
	fi; \
	exit 1
	@touch $@
