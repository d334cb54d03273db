# Two commands do everything: `make demo` and `make test`. They need Python 3.11 or newer and PyPI.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
OUT ?= out
FPS ?= 30
SIZE ?= full
PAGE ?= docs/reliability.md
TRIES ?= tests/reliability
PEERS := .venv-peers
FILM ?=

.PHONY: demo test lint types contracts bench bench-quick bench-stages bench-protocol fidelity reliability clean

demo: $(VENV)/ready
	clip="$$($(BIN)/fearrefactor models pull bikes)" && \
	$(BIN)/fearrefactor mask "$$clip" --classes person --output $(OUT) --contact-sheet

test: $(VENV)/ready
	$(BIN)/pytest

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy

contracts: $(VENV)/ready
	$(BIN)/lint-imports

# All of it, in about three hours on a quiet machine; FILM=… shows another film than the catalog's.
bench: $(VENV)/ready $(PEERS)/ready
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/stages.py
	$(BIN)/python benchmarks/model.py
	$(BIN)/python benchmarks/limits.py $(if $(FILM),--film $(FILM))
	$(BIN)/python benchmarks/peers.py $(if $(FILM),--film $(FILM))
	$(BIN)/python benchmarks/driver.py
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/report_page.py
	$(BIN)/python benchmarks/page.py

bench-quick: $(VENV)/ready $(PEERS)/ready
	$(BIN)/python benchmarks/peers.py --quick $(if $(FILM),--film $(FILM))

bench-stages: $(VENV)/ready
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/stages.py

bench-protocol: $(VENV)/ready
	$(BIN)/python benchmarks/protocol.py

fidelity: $(VENV)/ready
	FIDELITY_WRITE=1 $(BIN)/pytest tests/golden/test_odd_files.py

reliability: $(VENV)/ready
	RELIABILITY=$(SIZE) RELIABILITY_PAGE=$(PAGE) $(BIN)/pytest $(TRIES)

clean:
	rm -rf $(VENV) $(PEERS) $(OUT)

# uv installs in half a minute what takes pip several; pip stays, because models come from wheels.
# Compiled at once: workers of Ray would each compile thousands of modules for themselves.
$(VENV)/ready: pyproject.toml overrides.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is too old: Python 3.11 or newer is needed; make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --override overrides.txt --editable . --group dev
	@touch $@

$(PEERS)/ready: benchmarks/peers/requirements.txt overrides.txt $(VENV)/ready
	$(PYTHON) -m venv $(PEERS)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(PEERS)/bin/python --override overrides.txt -r benchmarks/peers/requirements.txt
	@touch $@
