# Everything a person starts. The first target that needs it makes .venv and installs the project into it.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# uv takes a tenth of pip's time. It does not read pip's own configuration, so pip takes over where uv cannot.
PIP    := $(BIN)/pip install --quiet --disable-pip-version-check
UV     := $(BIN)/uv pip install --quiet --python $(BIN)/python
RESULTS ?= benchmarks/results
# Python may keep compiled modules, whatever the environment says. Otherwise hundreds of processes compile each one again.
export PYTHONDONTWRITEBYTECODE :=
PYTEST := -m pytest -q $(ARGS)
# Python 3.12 measures coverage almost for free. Before that, the tests take half as long again.
COVERAGE ?= $(shell $(BIN)/python -c 'import sys; print("yes" * (sys.version_info >= (3, 12)))')

.DEFAULT_GOAL := help
.PHONY: help demo psql up down unit test test-slow test-chroma soak coverage check fmt hooks docs bench bench-scale bench-retrieval
.PHONY: bench-cluster bench-precision plots release-check clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/.installed: pyproject.toml
	@echo 'Making $(VENV): some 1.2 GB, a few minutes, once'
	$(PYTHON) -m venv $(VENV)
	$(PIP) uv
	$(UV) -e '.[dev,embedded,demo,cli]' || $(PIP) -e '.[dev,embedded,demo,cli]'
	@touch $@

$(VENV)/.bench: $(VENV)/.installed
	$(PIP) -e '.[bench]'
	@touch $@

$(VENV)/.peers: $(VENV)/.bench
	@# One by one, because not every peer can be installed everywhere. The table names what is missing.
	@$(BIN)/python -c 'import tomllib; \
	  print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["peers"], sep="\n")' | \
	  while read -r peer; do $(PIP) -e . "$$peer" || echo "$$peer cannot be installed here"; done
	@# This one asks for pgvector before 0.4, and runs with the one that the library needs.
	@$(PIP) --no-deps langchain-postgres || echo 'langchain-postgres cannot be installed here'
	@touch $@

# --- to try it ---

demo: $(VENV)/.installed  ## Index real text into Chroma and PostgreSQL, ask both, compare; FOLDER=~/notes asks about yours
ifdef FOLDER
	$(BIN)/agent-brain-store demo "$$FOLDER" $${QUESTION:+"$$QUESTION"}
else
	$(BIN)/python examples/demo.py
endif

psql: $(VENV)/.installed  ## A psql on the demo's database, with the query files at hand
	$(BIN)/python examples/psql.py

up:  ## Start PostgreSQL with pgvector in Docker (POSTGRES_PASSWORD=...), and wait until it answers
	docker compose up --detach --wait

down:  ## Stop it; its data stay
	@# the file asks for a password before it does anything
	POSTGRES_PASSWORD=$${POSTGRES_PASSWORD:-unused} docker compose down

# --- to change it: ARGS='-k filters' goes to pytest ---

unit: $(VENV)/.installed  ## The fast tests: seconds, no server
	$(BIN)/python $(PYTEST) tests/unit

test: check  ## Check, then run the tests: ten minutes; with coverage on Python 3.12 or newer, or with COVERAGE=yes
	@# The files come in the order of the folders, so that the quick unit tests are the last ones.
	$(BIN)/python $(PYTEST) --numprocesses 3 --dist loadfile --no-loadscope-reorder $(if $(COVERAGE),--cov --cov-report=)
	@$(if $(COVERAGE),echo "Coverage: the tests run $$($(BIN)/coverage report --format=total) % of the package. make coverage shows the rest.")

test-slow: $(VENV)/.installed  ## The tests that take long: the demo, memory and load
	$(BIN)/python $(PYTEST) -m slow --timeout 7200 --override-ini faulthandler_timeout=7260

test-chroma: $(VENV)/.installed  ## Every test that needs no PostgreSQL
	$(BIN)/python $(PYTEST) -m 'not postgres and not slow'

soak: $(VENV)/.installed  ## Faults at random on both backends: ten minutes, or SECONDS=... (SEED=... repeats one)
	$(BIN)/python -m benchmarks.soak $(or $(SECONDS),600) $(SEED)

coverage: $(VENV)/.installed  ## The lines that the last make test with coverage did not run
	$(BIN)/coverage report --skip-covered --show-missing

check: $(VENV)/.installed  ## Lint, formatting, types, SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python .ci/lint_sql.py

fmt: $(VENV)/.installed  ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

hooks: $(VENV)/.installed  ## Check what you commit, before it is committed
	$(BIN)/pre-commit install

docs: $(VENV)/.installed  ## Build the site into site/, with every link checked
	$(BIN)/python .ci/settings.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo 'To read it: python3 -m http.server --directory site, and then http://localhost:8000'

# --- to measure and to release it ---

bench: $(VENV)/.bench $(if $(PEERS),$(VENV)/.peers)  ## Speed, interleaved (docs/performance.md); PEERS=1 beside other stores
	RESULTS=$(RESULTS) $(BIN)/python -m benchmarks.speed $(or $(ARGS),$(if $(PEERS),peers))

bench-scale: $(VENV)/.installed  ## One store that grows to a million chunks (SIZES=..., DIMENSIONS=..., MINUTES=..., LOADERS=...)
	RESULTS=$(RESULTS) $(BIN)/python -m benchmarks.scale

bench-retrieval: $(VENV)/.installed  ## Retrieval quality on judged collections (COLLECTIONS=folder)
	RESULTS=$(RESULTS) $(BIN)/python -m benchmarks.retrieval $(COLLECTIONS)

bench-cluster: $(VENV)/.installed  ## A store on a Citus cluster beside one on one node (COORDINATOR=url, COLLECTIONS=folder)
	RESULTS=$(RESULTS) DATABASE_URL=$(COORDINATOR) $(BIN)/python -m benchmarks.cluster $(COLLECTIONS)

bench-precision: $(VENV)/.installed  ## Precisions of the vector index (CHUNKS=100000, DIMENSIONS='384 768 1536 3072')
	RESULTS=$(RESULTS) $(BIN)/python -m benchmarks.precision $(or $(CHUNKS),100000) $(DIMENSIONS)

plots: $(VENV)/.installed  ## Draw docs/pictures from what the targets above have recorded
	$(BIN)/python -m benchmarks.plots

release-check: $(VENV)/.installed  ## Build the release and try it in a fresh environment (TAG=v1.2.3 must be its version)
	$(BIN)/python .ci/release.py "$$TAG"

clean:  ## Remove what the targets above have made
	rm -rf .venv .demo .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist site
