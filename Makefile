# The commands of everyday work; .ci/run runs the same ones.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: setup check test bench figures

setup: .venv/stamp

.venv/stamp: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: setup
	$(BIN)/python -m pytest -n auto

bench: setup
	$(BIN)/python -m benchmarks.sizes
	$(BIN)/python -m benchmarks.scalar
	$(BIN)/python -m benchmarks.native
	$(BIN)/python -m benchmarks.kernels
	$(BIN)/python -m benchmarks.sparse
	$(BIN)/python -m benchmarks.training

figures: setup
	$(BIN)/adlab figures -o figures
