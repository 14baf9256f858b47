# `make fast` while you work, `make all` before a change lands. Both use the virtual environment in .venv.

BIN = .venv/bin

.PHONY: all fast check setup

all:
	.ci/run

# Let pytest cache its rewritten asserts between runs, even if PYTHONDONTWRITEBYTECODE is set.
fast: check
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -q -n 2 --fast

check:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy ghapp checks tests
	$(BIN)/lint-imports

setup:
	python3 -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[test]'
