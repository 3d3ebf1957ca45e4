# Two commands for newcomers: `make demo` and `make test`. Both need python3, make and a package index.
PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_VENV ?= .venv-docs
DOCS_STAMP := $(DOCS_VENV)/.installed

# Modules are compiled once, and not by each of the processes that tests and measurements start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-quick fuzz lint bench schema completion docs tutorial coverage vsix packages clean-machine e2e clean
.DEFAULT_GOAL := help

help:  ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12
.PHONY: help

$(STAMP): pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) -e '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)  ## show the whole loop on examples/tiny_mlp.py (creates .venv and installs first)
	$(BIN)/python examples/demo.py

test: lint  ## lint, type-check and run all tests (creates .venv and installs first)
	$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

# What needs neither torch nor a process of its own: the format, its rules and fixes, and how the server reads edits.
QUICK := $(addprefix tests/core/,artifact check companions graph kinds live navigate params text) \
	$(addprefix tests/server/,lsp test_frames.py test_incremental.py test_settings.py test_splice.py test_wording.py)

test-quick: $(STAMP)  ## the tests for in between: style, and what is quick, in less than a minute
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -n 2 -q -m "not slow and not thorough" $(QUICK)

fuzz: $(STAMP)  ## edit artifacts at random for an hour, guided by coverage (FUZZ_SECONDS=3600); what teaches something is kept
	$(BIN)/python -m tests.fuzz -max_total_time=$(or $(FUZZ_SECONDS),3600) tests/fuzz/corpus

lint: $(STAMP)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)  ## measure against what users have today
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

schema: $(STAMP)  ## write schema/ and the editors' snippets again from the kind table and the settings
	$(BIN)/python -m torchlean_core.artifact.schema schema/
	$(BIN)/python -m torchlean_core.config schema/
	$(BIN)/python -m torchlean_core.init.schema schema/
	$(BIN)/python -m torchlean_core.navigate.snippets editors/vscode/snippets

completion: $(STAMP)  ## write the scripts that complete command lines again from the commands' options
	$(BIN)/python -m torchlean_core.cli.completion_scripts

$(DOCS_STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $(DOCS_STAMP)

# An environment of its own: small, and without torch.
docs: $(DOCS_STAMP)  ## write the generated pages of docs/ again, and build the site into site/
	$(DOCS_VENV)/bin/python -m torchlean_core.rulebook.pages docs/rules
	$(DOCS_VENV)/bin/python -m torchlean_core.kinds.pages docs
	$(DOCS_VENV)/bin/python -m torchlean_core.cli.pages docs
	$(DOCS_VENV)/bin/python -m torchlean_ls.pages docs
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/python -m mkdocs build --clean  # not --quiet: warnings would not count
	@echo "site/index.html is the site; it needs no server"

tutorial: $(STAMP)  ## run the commands that pages of docs/ show, and write what they print into them
	$(BIN)/python -m tests.docs.transcript docs/tutorial.md docs/how-to/migrate.md

coverage: $(STAMP)  ## write docs/capture-coverage.md again: every model of the zoo, captured and measured; and docs/onnx-coverage.md
	$(BIN)/python -m tests.core.capture.zoo
	$(BIN)/python -m tests.core.onnx

# The same bytes each time: vsce takes the date of the files from here. It is the one that hatchling takes by itself.
vsix: export SOURCE_DATE_EPOCH := $(or $(SOURCE_DATE_EPOCH),1580601600)
vsix:  ## check, lint, test and package the VS Code extension (needs node and npm)
	cd editors/vscode && npm ci && npm run check && npm run lint && npm test && npm run package

# Built twice, they are the same bytes: with the tools of constraints.txt, and without a date of the builder's own.
packages: $(STAMP)  ## build the wheel and the source archive into dist/
	$(BIN)/python -m hatchling build -d dist

clean-machine:  ## build wheel, source archive and extension, and use them in an empty environment (needs git; node for the extension)
	tests/release/clean_machine.sh

e2e: $(STAMP) vsix  ## drive a real VS Code in a browser (needs node, npm and chromium)
	tests/e2e/vscode/run.sh

clean:  ## remove what the commands above made
	rm -rf $(VENV) $(DOCS_VENV) site .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-out
