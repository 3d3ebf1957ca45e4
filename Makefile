# Two commands for newcomers: `make demo` and `make test`. Both need python3, make and a package index.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint bench schema docs coverage vsix e2e clean
.DEFAULT_GOAL := help

help:  ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12
.PHONY: help

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)  ## show the whole loop on examples/tiny_mlp.py (creates .venv and installs first)
	$(BIN)/python examples/demo.py

test: lint  ## lint, type-check and run all tests (creates .venv and installs first)
	$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

lint: $(STAMP)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)  ## measure against what users have today
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

schema: $(STAMP)  ## write schema/ again from the kind table and the settings
	$(BIN)/python -m torchlean_core.artifact.schema schema/
	$(BIN)/python -m torchlean_core.config schema/
	$(BIN)/python -m torchlean_core.init.schema schema/

docs: $(STAMP)  ## write docs/ again from the rules, the kinds and the server
	$(BIN)/python -m torchlean_core.check.pages docs/rules
	$(BIN)/python -m torchlean_core.kinds.pages docs
	$(BIN)/python -m torchlean_ls.pages docs

coverage: $(STAMP)  ## write docs/capture-coverage.md again: every model of the zoo, captured and measured
	$(BIN)/python -m tests.core.capture.zoo

vsix:  ## check, lint, test and package the VS Code extension (needs node and npm)
	cd editors/vscode && npm ci && npm run check && npm run lint && npm test && npm run package

e2e: $(STAMP) vsix  ## drive a real VS Code in a browser (needs node, npm and chromium)
	tests/e2e/vscode/run.sh

clean:  ## remove what the commands above made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-out
