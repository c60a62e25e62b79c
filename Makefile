# make demo: the flagship question, answered. make test: everything that is tested.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check lint bench coverage clean

demo: $(READY)
	@$(BIN)/hcckb query second-line-placebo-vegfr
	@echo
	@$(BIN)/hcckb select second-line-placebo-vegfr --endpoint OS
	@echo
	@$(BIN)/hcckb flow second-line-placebo-vegfr --endpoint OS
	@echo
	@mkdir -p out
	@$(BIN)/hcckb pool second-line-placebo-vegfr --endpoint OS --plot out/forest.svg --plot out/forest.png

test: $(READY) lint check
	$(BIN)/pytest -n 2

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: $(READY)
	$(BIN)/hcckb check

bench: $(READY)
	$(BIN)/python benchmarks/run.py

# Rarely run (a minute or two): do the 95 % intervals hold the truth in 95 % of simulated sets?
coverage: $(READY)
	$(BIN)/python benchmarks/coverage.py

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

clean:
	rm -rf $(VENV) out dist build .mypy_cache .ruff_cache .hypothesis
