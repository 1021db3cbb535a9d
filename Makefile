# What to do here: `make` lists it.
.DEFAULT_GOAL := help
.PHONY: help install repro smoke verify sweep sync resolve exps register check test slow bench torture parity ui lint lock

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export UV_CUSTOM_COMPILE_COMMAND := make lock
# With it, DVC, MLflow and each stage would compile their modules again at every start.
unexport PYTHONDONTWRITEBYTECODE

help: ## List these commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

install: .venv/installed ## Make the virtual environment .venv from requirements.txt

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet uv==0.13.9
	.venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes --requirement requirements.txt
	touch $@

repro: install ## Run what is not up to date of the pipeline
	@.venv/bin/python -m stages.tools.repro

smoke: install ## Run all stages of sine and digits at tiny size in a copy, to see that they work (a minute); REPORT=smoke.md
	.venv/bin/python -m stages.tools.smoke $(if $(REPORT),--report $(REPORT))

verify: install ## Make what params.yaml lists again from nothing, and compare it with what is published; EXPERIMENT=sine, SEED=111
	.venv/bin/python -m stages.tools.verify $(if $(EXPERIMENT),--experiment $(EXPERIMENT)) $(if $(SEED),--seed $(SEED))

sweep: install ## Compute all runs of the last commit's params.yaml, several at once; then as repro
	.venv/bin/python -m stages.sweep

sync: install ## Send to MLflow what waits in the outbox
	.venv/bin/python -m stages.tools.sync

resolve: install ## After a merge of branches with results: resolve dvc.lock and reports; params.yaml comes first, by hand
	.venv/bin/python -m stages.tools.resolve

exps: install ## Compare experiments: their scores, and the parameters that differ
	.venv/bin/dvc exp show --only-changed --keep '[^./]+[.](?!yaml)[^./]+$$' --drop '.*/|params.yaml'

register: install ## Register a run's generator as a model: RUN=mnist/seed-1
	.venv/bin/python -m stages.tools.register $(RUN) $(if $(NAME),--name $(NAME)) $(if $(ALIAS),--alias $(ALIAS))

# Threads that spin while they wait hold up the tests beside them.
check test slow: export OMP_WAIT_POLICY := PASSIVE
check test slow: PYTEST := .venv/bin/python -m pytest --numprocesses logical --dist loadfile
check: install ## Run the tests that need no pipeline and no server (a minute)
	$(PYTEST) --ignore tests/integration

test: install ## Run the tests, all but the slow ones (10 minutes)
	$(PYTEST) -m "not slow"

slow: install ## Run the slow tests: kills, outages, clusters, browsers, what the pages print (20 minutes)
	$(PYTEST) -m slow

ui: install ## Open the runs in MLflow's UI; PORT=5000, EXPERIMENT=sine
	@exec .venv/bin/python -m stages.tools.ui $(if $(PORT),--port $(PORT)) $(if $(EXPERIMENT),--experiment $(EXPERIMENT))

bench: install ## Measure speed, quality against time, overhead and memory (15 minutes)
	.venv/bin/python -m benchmarks

torture: install ## Kill trainings and the store they log to, compare how they end; many writers at once (25 minutes)
	.venv/bin/python -m benchmarks.torture
	.venv/bin/python -m benchmarks.outages
	.venv/bin/python -m benchmarks.writers
	.venv/bin/python -m benchmarks.sweep

parity: install ## Compare trainings on all devices, with other threads, in two processes (5 minutes)
	.venv/bin/python -m benchmarks.parity

lint: install ## Check style, types, and which rooms import which
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

lock: install ## Compile requirements.txt from pyproject.toml, with the newest versions
	.venv/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --all-extras --group dev pyproject.toml --output-file requirements.txt
