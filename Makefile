# Two commands do everything on a fresh machine with Python 3.11 or newer and make: `make up` and `make test`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2
WEB := $(shell git ls-files dashboard/web 2>/dev/null || find dashboard/web -type f -not -path '*/node_modules/*' -not -path '*/dist/*')

.PHONY: up test check bench protocol lock clean help
.DEFAULT_GOAL := help

help:            ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

up: $(VENV)/.installed          ## environment, page, then everything in one place: http://127.0.0.1:8000
	$(BIN)/gwanje up $(ARGS)

test: $(VENV)/.installed-dev    ## the same environment, then every check and test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

check: $(VENV)/.installed-dev   ## format, lint, types and import rules only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed       ## every benchmark, figures as JSON
	$(BIN)/gwanje bench

protocol: $(VENV)/.installed    ## write docs/protocol anew from the types
	$(BIN)/gwanje protocol docs/protocol

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, was " + sys.version)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml requirements.lock hatch_build.py $(WEB)
	$(BIN)/pip install --disable-pip-version-check -q -r requirements.lock
	$(BIN)/pip install --disable-pip-version-check -q --no-deps -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(BIN)/pip install --disable-pip-version-check -q -r requirements-dev.lock
	touch $@

lock:                           ## pin the newest versions that pyproject.toml allows
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -q uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header \
		--no-config --upgrade -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header \
		--no-config --upgrade -c requirements.lock --group dev --extra pictures --extra sumo -o requirements-dev.lock pyproject.toml

clean:                          ## remove the environment and what was built
	rm -rf $(VENV) dashboard/web/dist dashboard/web/node_modules
