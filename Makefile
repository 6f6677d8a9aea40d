# Two commands: `make` builds and grades everything, `make test` tests it. `make help` lists all.
# Nothing is installed outside .venv and nothing is written outside .venv and _build.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/installed
OUT    := _build
BOOK   := $(BIN)/jupyter-book build . -W -n --keep-going
PYTEST := $(BIN)/python -m pytest
# Tests run side by side, one process a core; those marked multiprocess share one group.
SPREAD := -n auto --dist loadgroup
PORT   ?= 8000
BASE   ?= /

# One thread for each process: cores are shared by tests, not by one test's threads.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
# The tools of this environment are found first, mpiexec too.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := all
.PHONY: all install test check format book book-anew class serve site bench soak lock clean help

all: book-anew class ## build the book from nothing, grade the sample class (plain `make`)
	@printf '\nThe book       %s\n' "$(CURDIR)/$(OUT)/html/index.html"
	@printf 'The gradebook  %s\n' "$(CURDIR)/$(OUT)/class/gradebook.csv"
	@printf 'The report     %s\n\n' "$(CURDIR)/$(OUT)/class/report.html"
	@printf 'Read it in a browser:  make serve\n'
	@printf 'Do the first lab:      %s/labs start introduction\n' "$(BIN)"
	@printf 'Run all the tests:     make test\n'
	@printf 'Everything else:       make help\n'

install: $(STAMP) ## make .venv with everything in it (also done by each target below)

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; found = sys.version_info[:2]; sys.exit(0 if (3, 11) <= found <= (3, 13) else "Python 3.11 to 3.13 is needed, and $(PYTHON) is %d.%d. Name another one: make PYTHON=python3.12" % found)'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || \
		{ echo 'Python could not make .venv; on Debian and Ubuntu: apt install python3-venv'; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check -c requirements.lock -e '.[all]'
	@touch $@

test: $(STAMP) ## run the tests
	$(PYTEST) $(SPREAD) tests

check: $(STAMP) ## format and lint (ruff), types (mypy), doctests, length of code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) --doctest-modules -q mlsys autograder book/extension
	$(BIN)/python tests/architecture/report.py

format: $(STAMP) ## format the code
	$(BIN)/ruff check --fix-only -q .
	$(BIN)/ruff format .

book: $(STAMP) ## build the book; outputs of cells are reused while the code is unchanged
	$(BOOK)

book-anew: $(STAMP)
	rm -rf $(OUT)/html $(OUT)/jupyter_execute $(OUT)/.doctrees $(OUT)/.jupyter_cache
	$(BOOK)

class: $(STAMP) ## grade the sample class of the autodiff lab
	$(BIN)/autograder sample $(OUT)/sample_class --lab autodiff
	$(BIN)/autograder grade $(OUT)/sample_class --lab autodiff --out $(OUT)/class

serve: $(STAMP) ## show the book at http://127.0.0.1:8000, rebuilt when a chapter changes
	PYTHONPATH=book $(BIN)/python -m extension.serve --port $(PORT)

site: book ## make _build/site, a folder for any static host (BASE=/sub/path/ for its 404 page)
	PYTHONPATH=book $(BIN)/python -m extension.site --base $(BASE)

bench: $(STAMP) ## race against the libraries that are installed; writes benchmarks/results
	@set -e; for race in benchmarks/bench_*.py; do echo "$$race"; $(BIN)/python $$race; done

soak: $(STAMP) ## the tests with thousands of cases for each law (hours)
	$(PYTEST) $(SPREAD) --hypothesis-profile=soak --timeout=3600 tests

lock: ## refresh requirements.lock from a new environment that passes the tests
	$(PYTHON) -m venv --clear $(OUT)/lock
	$(OUT)/lock/bin/python -m pip install -e '.[all]'
	$(OUT)/lock/bin/python -m pytest tests
	sed -n '/^#/p' requirements.lock > $(OUT)/requirements.lock
	$(OUT)/lock/bin/python -m pip freeze --exclude-editable | \
		sed -e '/ @ /d' -e '/^nvidia/d' -e '/^triton==/d' -e 's/+[a-z0-9]*$$//' >> $(OUT)/requirements.lock
	mv $(OUT)/requirements.lock requirements.lock

clean: ## remove what was built and the tools' caches; keeps .venv
	rm -rf $(OUT) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find autograder benchmarks book labs mlsys tests -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
