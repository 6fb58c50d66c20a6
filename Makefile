# The two commands that matter: make demo, make test. Everything lands in .venv, nothing outside of this folder.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
OUTPUT ?= demo-output
SECONDS ?= 60
COUNT ?= 2000

# pip is told to leave byte-compiling (a minute for 19,000 files) to Python, which does it for the quarter of
# them that are ever imported; so Python must be allowed to keep what it compiled.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo install test test-nightly fuzz differential soak bench ranker check check-cluster docs release-check format clean

help:  ## list these targets
	@echo "make TARGET, with:"
	@sed -n 's/^\([a-z-]*\):.*## /\1:/p' Makefile | while IFS=: read -r name what; do printf '  %-13s %s\n' "$$name" "$$what"; done
	@echo "PYTHON=python3.12 chooses another Python (3.11 or newer), VENV=FOLDER another environment."

demo: $(VENV)/.installed  ## install, then run the whole pipeline on made-up books: some minutes
	@echo "Running the demo in $(OUTPUT): some minutes on two cores."
	@$(BIN)/jet demo --output $(OUTPUT)
	@echo "Your own books: $(BIN)/jet pipeline --ledgers FILES --output FOLDER"

install: $(VENV)/.installed  ## make the virtual environment and install jet in it

test: $(VENV)/.installed-dev  ## run the daily tests, those without Ray beside those with it; or ARGS="tests/books -x" alone
	@$(BIN)/python -m pytest $(or $(ARGS),-n 2 --durations=20)

test-nightly: $(VENV)/.installed-dev  ## run the tests of volume: long files, 2,000 journals, a soak, the image's 2.5 GB
	@$(BIN)/python -m pytest -m nightly $(ARGS)

fuzz: $(VENV)/.installed-dev  ## fuzz each reader of files (or TARGETS='sie csv') for SECONDS=60; Linux on x86-64
	@$(BIN)/python tests/fuzzing/run.py --seconds $(SECONDS) $(TARGETS)

differential: $(VENV)/.installed-dev  ## read COUNT=2000 generated journals as ledger and hledger do; needs both (Debian: ledger, hledger)
	@$(BIN)/python tests/books/differential/differential.py --count $(COUNT) $(ARGS)

check: $(VENV)/.installed-dev  ## style, lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-cluster: $(VENV)/.installed-dev  ## the files for clusters, the image, the commands in the documents
	$(BIN)/python -m cluster.check

docs: $(VENV)/.installed-docs  ## build the documents and the API reference in build/docs; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q
	@echo "Open build/docs/index.html"

# The notebook's example is the whole library; it runs beside the wheel, so that nothing of this folder is imported.
release-check: $(VENV)/.installed-release  ## build sdist and wheel, check both, and run an example in a fresh environment
	rm -rf dist build/release
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(PYTHON) -m venv build/release
	build/release/bin/python -m pip install -qq --no-compile --disable-pip-version-check dist/*.whl
	cd build/release && bin/python ../../examples/notebook.py

soak: $(VENV)/.installed-dev  ## the whole way of two million entries, and the memory meanwhile: hours
	$(BIN)/python -m benchmarks.soak --output soak-output $(ARGS)

bench: $(VENV)/.installed-bench  ## measure speed beside other tools, on ARGS="--data FOLDER" or on made-up books
	$(BIN)/python -m benchmarks.performance --output bench-output $(ARGS)

ranker: $(VENV)/.installed-bench  ## make the ranker that comes with jet anew, of the ledgers in DATA=FOLDER
	@$(BIN)/python -m benchmarks.pretraining --data $(DATA) $(ARGS)

format: $(VENV)/.installed-dev  ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the environment, the demo's output, builds and caches
	rm -rf $(VENV) $(OUTPUT) build dist *.egg-info bench-output soak-output .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis fuzz-findings
	find jet ray_jobs cluster tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# A dot every few seconds, since pip is silent: the largest files are of some hundred megabytes. The dots end
# with the shell that they are for.
define pip_install
@echo "$(1)"
@(while sleep 5 && kill -0 $$$$ 2>/dev/null; do printf .; done) & dots=$$!; \
$(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check $(2); status=$$?; \
kill $$dots 2>/dev/null; echo; exit $$status
endef

$(VENV)/.installed: pyproject.toml | $(VENV)/.made
	$(call pip_install,Installing jet and what it needs into $(VENV) (2 GB or more; two to five minutes). A dot is five seconds.,-e '.[all]')
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(call pip_install,Installing the tools for tests and checks.,-e '.[dev]')
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	$(call pip_install,Installing the tools that the benchmarks compare with.,-e '.[bench]')
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(call pip_install,Installing what builds the documents.,-e '.[docs]')
	@touch $@

$(VENV)/.installed-release: $(VENV)/.installed
	$(call pip_install,Installing what builds and checks a release.,-e '.[release]')
	@touch $@

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "jet needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make demo PYTHON=python3.12" >&2; exit 1; }
	@echo "Making a virtual environment in $(VENV) with $$($(PYTHON) --version)."
	@$(PYTHON) -m venv $(VENV) || { \
		echo "$(PYTHON) can't make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@touch $@
