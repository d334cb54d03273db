# Two commands do everything: `make demo` and `make test`. They need Python 3.11 or newer and PyPI.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
OUT ?= out
FPS ?= 30
SIZE ?= full
PAGE ?= docs/reliability.md
TRIES ?= tests/reliability

.PHONY: demo test lint types contracts bench-stages bench-memory bench-protocol fidelity reliability clean

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

bench-stages: $(VENV)/ready
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/stages.py

bench-protocol: $(VENV)/ready
	$(BIN)/python benchmarks/protocol.py

bench-memory: $(VENV)/ready
	$(BIN)/python benchmarks/memory.py --fps $(FPS)

fidelity: $(VENV)/ready
	FIDELITY_WRITE=1 $(BIN)/pytest tests/golden/test_odd_files.py

reliability: $(VENV)/ready
	RELIABILITY=$(SIZE) RELIABILITY_PAGE=$(PAGE) $(BIN)/pytest $(TRIES)

clean:
	rm -rf $(VENV) $(OUT)

# uv installs in half a minute what takes pip several; pip stays, because models come from wheels.
# Compiled at once: workers of Ray would each compile thousands of modules for themselves.
$(VENV)/ready: pyproject.toml overrides.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is too old: Python 3.11 or newer is needed; make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --override overrides.txt --editable . --group dev
	@touch $@
