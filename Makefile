# make table   from a clone to results/table.csv
# make test    the whole test suite, in WORKERS processes
# make report  results/report.zip and .html: everything that there is, for a browser; TARGETS adds to it
# make lint    ruff, snakefmt, snakemake --lint
# Both do nothing but: pip install -r requirements.lock -e . ; snakemake ... or pytest ...

VENV  ?= .venv
CORES ?= all
PYTHON ?= python3
WORKERS ?= 2
TORCH := $(shell grep -o '^torch==[0-9.]*' requirements.lock)
CPU_WHEELS = https://download.pytorch.org/whl/cpu

.PHONY: table report test lint lock clean

table: $(VENV)/installed
	$(VENV)/bin/snakemake --cores $(CORES) results/table.csv
	$(VENV)/bin/microexpr show results/table.csv
	@echo "results/table.csv; beside it: metrics.csv (all metrics, intervals, controls), predictions.csv,"
	@echo "comparisons.csv, confusion.csv, table_readings.csv, folds.csv; caches in faces/, magnified/,"
	@echo "features/; one log a job in logs/, its time and memory in benchmarks/."

# TARGETS="all results/comparison.csv" and so on: what is asked for is in the report.
TARGETS ?= all
report: $(VENV)/installed
	$(VENV)/bin/snakemake --cores $(CORES) -- $(TARGETS)
	umask 077 && $(VENV)/bin/snakemake --report results/report.html -- $(TARGETS)
	umask 077 && $(VENV)/bin/snakemake --report results/report.zip -- $(TARGETS)

test: $(VENV)/installed-dev
	$(VENV)/bin/python -m pytest -n $(WORKERS) --dist loadfile

lint: $(VENV)/installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/snakefmt --check Snakefile workflow
	$(VENV)/bin/snakemake --lint

# A machine without an NVIDIA driver must not fetch 2.7 GB of CUDA with PyTorch's Linux build.
# So a CPU wheel of the pinned version is tried first: from pip's own settings (PIP_FIND_LINKS), or
# from PyTorch's index. Where there is none, the ordinary index serves, and all the same it works.
$(VENV)/torch: requirements.lock
	@echo "Installing into $(VENV): a minute or two."
	$(PYTHON) -m venv $(VENV)
	command -v nvidia-smi >/dev/null || [ "$$(uname -s)" != Linux ] || \
	  $(VENV)/bin/pip install --quiet --no-deps --retries 1 --timeout 15 --index-url $(CPU_WHEELS) \
	    $(TORCH) || echo "No CPU wheel of $(TORCH) within reach; taking the ordinary one."
	touch $@

$(VENV)/installed: $(VENV)/torch requirements.lock pyproject.toml
	$(VENV)/bin/pip install --quiet -r requirements.lock -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.lock
	$(VENV)/bin/pip install --quiet -r requirements-dev.lock
	touch $@

# Pins follow pyproject.toml; run after a change there and commit the result.
lock:
	$(PYTHON) tools/lock.py

clean:
	rm -rf results .snakemake .test/results .test/.snakemake
