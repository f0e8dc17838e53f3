# make demo, make test: set everything up (see scripts/setup.sh), then compute or test.
.POSIX:
.PHONY: setup demo test test-quick lint docs benchmark release clean

BIN = .venv/bin
# One thread a process: GPAW and the tests are parallel over processes.
THREADS = OMP_NUM_THREADS=1

setup:
	@sh scripts/setup.sh

demo: setup
	$(THREADS) $(BIN)/anodeflow run workflows/quickstart.yaml
	$(THREADS) $(BIN)/anodeflow report quickstart -o demo

# In three processes, to which files of tests are shared out (pytest-xdist), or as many as WORKERS says; 0: in one. On two
# cores three are right: one of them waits for Slurm most of the time.
WORKERS = 3
# Each process compiles 550 files unless an earlier one may keep them so.
PYTEST = $(THREADS) PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder
# ARGS goes to pytest: make test ARGS="tests/test_doctor.py -x"
test: lint
	$(PYTEST) -n $(WORKERS) $(ARGS)

# What answers at once, of every part: no GPAW, no potential, no Slurm, no server, nothing that takes more than half a second.
# On two cores within 90 s.
test-quick: setup
	$(PYTEST) -n 2 -m "not slow and not gpaw and not mlip and not slurm" $(ARGS)

# The manual as a site, its notebooks run: site/index.html. Any warning, a dead link for one, is an error.
docs: setup
	NO_MKDOCS_2_WARNING=1 ANODEFLOW_HOME=$(CURDIR)/site/.home $(THREADS) $(BIN)/python -m mkdocs build --clean

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What an answer costs, ours and the plain way side by side: make benchmark CASE=li-adsorption (or lih-adsorption, li-hop,
# li3mg7-adsorption); prints one JSON line. Tens of minutes on one core; cut off, it goes on when called again.
# CASE=li3mg7-campaign: minima and hops of Li3Mg7(001) without a potential, with one, and with one that learns.
benchmark: setup
	@$(THREADS) $(BIN)/python benchmarks/$(if $(filter li3mg7-campaign,$(CASE)),learning.py,cost.py $(CASE))

# dist/: sdist, wheel and release notes; the wheel is tried in a clean environment.
release: setup
	sh scripts/release.sh $(BIN)/python

# Back to a fresh clone. Results live in ANODEFLOW_HOME and stay.
clean:
	rm -rf .venv demo report site dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
