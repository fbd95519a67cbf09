# make table     from a clone to results/table.csv
# make quick     a table of the smallest configuration, in a folder of its own: it shows that all runs
# make report    results/report.zip and .html: all results in one file; TARGETS adds more
# make check     lint, types and the tests that need no Snakemake: under three minutes
# make test      the whole test suite, in WORKERS processes
# make coverage  the whole test suite with the line coverage of the package; TESTS narrows it
# make lint      ruff, snakefmt, codespell, mypy, snakemake --lint
# make docs      the documentation site, build/site/docs/index.html; it needs no network
# make lock      the lock files, after a change of dependencies; UPGRADE=--upgrade: new versions
# By hand: pip install --require-hashes -r requirements.lock; pip install --no-deps -e . ; then
# snakemake or pytest.

VENV  ?= .venv
CORES ?= all
PYTHON ?= python3
WORKERS ?= 2
TESTS ?= tests
TORCH := $(shell grep -o '^torch==[0-9.]*' requirements-cpu.lock)
CPU_WHEELS = https://download.pytorch.org/whl/cpu
PIP = $(VENV)/bin/pip install --quiet

.PHONY: table quick report check test coverage lint docs lock clean

table: $(VENV)/installed
	$(VENV)/bin/snakemake --cores $(CORES) results/table.csv
	$(VENV)/bin/microexpr show results/table.csv
	@echo "results/table.csv; beside it: metrics.csv (all metrics, intervals, controls), predictions.csv,"
	@echo "comparisons.csv, confusion.csv, table_feature_modes.csv, folds.csv; caches in faces/, magnified/,"
	@echo "features/; one log per job in logs/, its time and memory in benchmarks/."

quick: $(VENV)/installed
	$(VENV)/bin/snakemake --cores $(CORES) --directory results/quick --configfile config/ci.yaml -- \
	  results/table.csv
	$(VENV)/bin/microexpr show results/quick/results/table.csv

# TARGETS="all results/comparison.csv" and so on: what is asked for is in the report.
TARGETS ?= all
report: $(VENV)/installed
	$(VENV)/bin/snakemake --cores $(CORES) -- $(TARGETS)
	umask 077 && $(VENV)/bin/snakemake --report results/report.html -- $(TARGETS)
	umask 077 && $(VENV)/bin/snakemake --report results/report.zip -- $(TARGETS)

check: lint
	$(VENV)/bin/python -m pytest -n $(WORKERS) -m "not workflow and not slow"

PYTEST = -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: $(VENV)/installed-dev
	$(VENV)/bin/python $(PYTEST)

# Processes that tests start are measured too, copies of the package included.
coverage: $(VENV)/installed-dev
	$(VENV)/bin/coverage erase
	$(VENV)/bin/coverage run $(PYTEST) $(TESTS)
	$(VENV)/bin/coverage combine --quiet
	$(VENV)/bin/coverage report --skip-covered --show-missing

lint: $(VENV)/installed-dev
	$(VENV)/bin/ruff check --no-cache .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/snakefmt --check Snakefile workflow
	$(VENV)/bin/codespell
	$(VENV)/bin/mypy
	$(VENV)/bin/snakemake --lint

# A machine without an NVIDIA driver must not fetch 2.7 GB of CUDA with PyTorch's Linux build.
# So a CPU wheel of the pinned version is tried first: from pip's own settings (PIP_FIND_LINKS), or
# from PyTorch's index. Where there is none, PyPI's build is taken. The file holds which lock serves.
$(VENV)/torch: requirements-cpu.lock
	@echo "Installing into $(VENV): a minute or two."
	$(PYTHON) -m venv $(VENV)
	echo requirements.lock > $@
	command -v nvidia-smi >/dev/null || [ "$$(uname -s)" != Linux ] || \
	  { $(PIP) --no-deps --retries 1 --timeout 15 --index-url $(CPU_WHEELS) $(TORCH) && \
	    echo requirements-cpu.lock > $@; } || \
	  echo "No CPU wheel of $(TORCH) within reach; taking PyPI's build."

$(VENV)/installed: $(VENV)/torch requirements-cuda.lock pyproject.toml
	$(PIP) --require-hashes -r $$(cat $(VENV)/torch)
	$(PIP) --no-deps -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.lock
	$(PIP) --require-hashes --no-deps -r requirements-dev.lock
	touch $@

docs: $(VENV)/installed-dev
	$(VENV)/bin/sphinx-build -q -W --keep-going -c docs -d build/doctrees . build/site

# Pins follow pyproject.toml; run after a change there and commit the result.
lock:
	$(PYTHON) tools/lock.py $(UPGRADE)

clean:
	rm -rf results .snakemake .test/results .test/.snakemake
