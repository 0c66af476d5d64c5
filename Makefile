# What can be done with this checkout. Each target prepares what it needs and says what it does.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
SAY := @printf '== %s\n'
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet
LOCKED := --require-hashes --no-deps
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --build-deps-for editable

# Empty files that say how far the environment is. They stand in order: a changed lock begins anew.
PRODUCT := .venv/.product
DEVELOPMENT := .venv/.development
QUIX := .venv/.quix

.PHONY: help demo test torture bench lint style types imports format docs system setup lock clean

help:  ## show this list
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/make \1\t\2/p' Makefile | expand -t 16

demo: $(PRODUCT)  ## watch a made-up centre on the boards; ARGS="..." goes to goldpan demo
	$(SAY) "a made-up centre: its last 24 hours first, then as it happens; nothing of it is kept"
	$(BIN)/goldpan demo $(ARGS)

test: $(DEVELOPMENT) system  ## run every test, two at a time; ARGS="..." goes to pytest
	$(SAY) "running the tests"
	$(BIN)/python -m pytest -q --numprocesses 2 --dist worksteal --durations=10 $(ARGS)

torture: $(DEVELOPMENT) system  ## run the fault tests, the long ones too
	$(SAY) "killing processes and filling disks; this takes long"
	$(BIN)/python -m pytest -q --durations=10 -m "faults or torture" $(ARGS)

bench: $(DEVELOPMENT) $(QUIX) system  ## measure speed, memory and disk, beside others
	$(SAY) "measuring; leave the machine alone meanwhile"
	$(BIN)/python -m tests.bench $(ARGS)

lint: style types imports  ## check style, types and who imports whom

style: $(DEVELOPMENT)
	$(SAY) "style"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEVELOPMENT)
	$(SAY) "types"
	$(BIN)/mypy

imports: $(DEVELOPMENT)
	$(SAY) "imports"
	$(BIN)/lint-imports --no-cache

format: $(DEVELOPMENT)  ## put the code into its one form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(DEVELOPMENT)  ## write the pages and boards that are made from the catalogue
	$(BIN)/goldpan metrics record
	$(BIN)/goldpan metrics glossary > docs/glossary.md
	$(BIN)/goldpan metrics glossary --lang zh > docs/glossary.zh.md
	$(BIN)/goldpan metrics requirements > docs/requirements.md
	$(BIN)/goldpan dashboards build

system:
	@sh infra/test_packages.sh

setup: $(DEVELOPMENT)  ## make .venv from the lock, with goldpan and the tools in it

lock: $(DEVELOPMENT)  ## write the lock files anew from pyproject.toml, within its bounds
	$(SAY) "resolving; every file is fetched for its hash, which takes some minutes"
	env -u PIP_FIND_LINKS CUSTOM_COMPILE_COMMAND="make lock" \
	  $(COMPILE) --output-file requirements.txt pyproject.toml
	env -u PIP_FIND_LINKS CUSTOM_COMPILE_COMMAND="make lock" \
	  $(COMPILE) --extra dev --extra bench --constraint requirements.txt \
	  --output-file requirements-dev.txt pyproject.toml
	env -u PIP_FIND_LINKS CUSTOM_COMPILE_COMMAND="make lock" \
	  $(COMPILE) --output-file tests/bench/simple_job/quix.txt tests/bench/simple_job/quix.in

clean:  ## remove .venv and the caches; data is left alone
	rm -rf .venv goldpan.egg-info build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PRODUCT): requirements.txt pyproject.toml
	$(SAY) "making .venv from requirements.txt (about 200 MB to fetch)"
	python=$$(sh infra/find_python.sh) && "$$python" -m venv --clear .venv
	$(PIP) $(LOCKED) --requirement requirements.txt
	$(PIP) --no-deps --no-index --no-build-isolation --editable .
	@touch $@

$(DEVELOPMENT): requirements-dev.txt $(PRODUCT)
	$(SAY) "adding the tools of requirements-dev.txt"
	$(PIP) $(LOCKED) --requirement requirements-dev.txt
	@touch $@

$(QUIX): tests/bench/simple_job/quix.txt $(DEVELOPMENT)
	$(SAY) "adding Quix Streams, which the bench compares with, in an environment of its own"
	$(BIN)/python -m venv --clear .venv/quix
	.venv/quix/bin/python -m pip --disable-pip-version-check --no-input install --quiet \
	  $(LOCKED) --requirement tests/bench/simple_job/quix.txt
	@touch $@
