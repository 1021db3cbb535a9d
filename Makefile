# `make` lists the commands.
.DEFAULT_GOAL := help
.PHONY: help install repro smoke verify sweep sync resolve exps register check test slow bench torture parity ui notebook lint lock

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export UV_CUSTOM_COMPILE_COMMAND := make lock
# With this variable, DVC, MLflow and each stage would compile their modules again at every start.
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

repro: install ## Run all stages of the pipeline that are not up to date
	@# After Ctrl-C the last line is the program's, which says how to go on; make, which was interrupted, ends like it.
	@trap : INT; .venv/bin/python -m stages.tools.repro || { code=$$?; [ $$code -eq 130 ] || exit $$code; }

smoke: install ## Run all stages of sine and digits at tiny size in a copy, to see that they work (a minute); REPORT=smoke.md
	.venv/bin/python -m stages.tools.smoke $(if $(REPORT),--report $(REPORT))

verify: install ## Compute the published results again in a temporary clone, and compare; EXPERIMENT=sine, SEED=111
	.venv/bin/python -m stages.tools.verify $(if $(EXPERIMENT),--experiment $(EXPERIMENT)) $(if $(SEED),--seed $(SEED))

sweep: install ## Compute all runs that the last commit's params.yaml lists, several at once
	.venv/bin/python -m stages.sweep

sync: install ## Send the messages that wait in the outbox to MLflow
	.venv/bin/python -m stages.tools.sync

resolve: install ## After a merge: resolve conflicts in dvc.lock and reports (first resolve params.yaml by hand)
	.venv/bin/python -m stages.tools.resolve

exps: install ## Compare DVC's experiments: their scores, and the parameters that differ
	.venv/bin/dvc exp show --only-changed --keep '[^./]+[.](?!yaml)[^./]+$$' --drop '.*/|params.yaml'

register: install ## Register a run's generator as a model: RUN=mnist/seed-1
	.venv/bin/python -m stages.tools.register $(RUN) $(if $(NAME),--name $(NAME)) $(if $(ALIAS),--alias $(ALIAS))

# Threads that spin while they wait slow down the tests beside them.
check test slow: export OMP_WAIT_POLICY := PASSIVE
check test slow: PYTEST := .venv/bin/python -m pytest --numprocesses logical --dist loadfile
check: install ## Run the fast tests, without pipeline and server (2 minutes)
	$(PYTEST) --ignore tests/integration

test: install ## Run all tests except the slow ones (10 minutes)
	$(PYTEST) -m "not slow"

slow: install ## Run the slow tests: kills, outages, clusters, browsers, commands in the docs (20 minutes)
	$(PYTEST) -m slow

ui: install ## Open the runs in MLflow's UI; PORT=5000, EXPERIMENT=sine
	@exec .venv/bin/python -m stages.tools.ui $(if $(PORT),--port $(PORT)) $(if $(EXPERIMENT),--experiment $(EXPERIMENT))

# JupyterLab asks nobody for newer versions, news or extensions.
notebook: LAB := --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.news_url=None --LabApp.extension_manager=readonly
notebook: install ## Open the tutorial, docs/tutorial.ipynb, in JupyterLab
	@exec .venv/bin/jupyter lab --LabApp.default_url=/lab/tree/docs/tutorial.ipynb $(LAB)

bench: install ## Measure speed, quality over time, overhead and memory (20 minutes)
	.venv/bin/python -m benchmarks

torture: install ## Kill trainings, break the MLflow store, run many writers; check that nothing is lost (40 minutes)
	.venv/bin/python -m benchmarks.torture
	.venv/bin/python -m benchmarks.outages
	.venv/bin/python -m benchmarks.writers
	.venv/bin/python -m benchmarks.sweep

parity: install ## Compare trainings on all devices, with other threads, in two processes (5 minutes)
	.venv/bin/python -m benchmarks.parity

lint: install ## Check style, types, and imports between packages
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

lock: install ## Compile requirements.txt from pyproject.toml, with the newest versions
	.venv/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --all-extras --group dev pyproject.toml --output-file requirements.txt
