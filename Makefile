# Everything that is made goes to .venv, out/ and the cache: $SMOLKIT_CACHE, else smolkit/ in $XDG_CACHE_HOME or ~/.cache.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
EXTRAS := bundled,gguf,onnx,data,apps,vision,dev

# llama-cpp-python is compiled once, for the processor that it will run on.
export CMAKE_ARGS ?= -DGGML_NATIVE=ON
CORES := $(shell getconf _NPROCESSORS_ONLN)
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(CORES)

.PHONY: help setup demo test test-slow bench lint screenshots browser clean
.DELETE_ON_ERROR:

help:
	@echo "make demo       the whole pipeline on this machine: train, measure, convert, extract (15 minutes)"
	@echo "make test       the tests (minutes)"
	@echo "make test-slow  the long ones, and those in a real browser"
	@echo "make bench      measurements, each beside the tool that it is compared with"
	@echo "make lint       ruff and mypy"
	@echo "make screenshots  the README's pictures, of MODEL=out/model and SPACE=out/issue-space"
	@echo "make setup      .venv with everything the above need; they call it themselves"
	@echo "make clean      remove out/ and caches, keep .venv"

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --editable '.[$(EXTRAS)]'
	@touch $@

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "smolkit needs Python 3.11 or newer, and $(PYTHON) is not. Run: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

demo: setup
	$(VENV)/bin/smolkit demo walkthrough

# Two processes, each with half of the cores: most of the time goes into work of one thread. Whole files, since what is
# made for the tests of a file is made once.
test: setup browser
	OMP_NUM_THREADS=$$((($(CORES) + 1) / 2)) OMP_WAIT_POLICY=PASSIVE $(PY) -m pytest --numprocesses 2 --dist loadfile

test-slow: setup browser
	$(PY) -m pytest -m slow

bench: setup
	$(PY) -m benchmarks

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

screenshots: setup browser
	$(PY) apps/screenshots/take.py $(MODEL) $(SPACE)

browser:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && apt-get install -y -qq chromium; \
	else \
		echo "No Chromium here: install it to run the browser tests, which are skipped until then." >&2; \
	fi

clean:
	rm -rf out build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find smolkit tests benchmarks apps -name __pycache__ -type d -prune -exec rm -rf {} +
