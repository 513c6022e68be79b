# The two commands are `make drill` and `make test`; `make help` lists the rest. What a target does stands in setup/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help drill test stack stack-down lint unit sanity importer browser molecule second-stack bench clean ready ready-python

# Also where Ansible would not read the file by itself, because the folder can be written by everybody.
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

drill: ready ## make everything ready, break the sandbox's database and mend it with db_failure.yml (DRILL=all: every fault; DRILL=disaster_recovery: the loss of the database; APP=DIR: on your own application)
	@setup/drill.sh

test: ready-python ## run all checks: lint, unit, sanity, importer, browser, molecule; leaves nothing running
	@setup/test.sh

stack: ready ## make the sandbox and leave it running
	@molecule/stack/stack.sh up

stack-down: ## remove the sandbox
	@molecule/stack/stack.sh down

lint: ready-python ## check style, types and documentation
	@setup/lint.sh

unit: ready-python ## run the unit tests, which cover the pure logic to 95 % or more
	@.venv/bin/python -m pytest tests/unit -q --cov --cov-fail-under=95

sanity: ready-python ## run ansible-test sanity
	@setup/sanity.sh

importer: ready-python ## ask galaxy-importer whether Galaxy would take the tarball
	@setup/importer.sh

browser: ready-python ## look at the pages that the playbooks make in a headless browser
	@setup/browser.sh

molecule: ready ## run the scenarios on the sandbox (some of them: make molecule SCENARIO='db_failure drill'), then remove it
	@setup/nftables.sh
	@setup/gnupg.sh
	@setup/molecule.sh

second-stack: ready ## run those in SCENARIO beside it, on a second sandbox made of a copy of the checkout
	@setup/nftables.sh
	@setup/gnupg.sh
	@setup/second_stack.sh

# Which of the programs in bench/.
BENCH ?= speed

bench: ready ## measure how long runs take, as ratios (BENCH=billing: the billing at scale; BENCH=payments: charging many payments; BENCH=rotation: encrypting credentials anew; BENCH=security: judging a long log and blocking many addresses; BENCH=backup: a backup and a restore of 1 GB; BENCH=review: the report of a long incident and the history of many; BENCH=recovery: who recovers which fault, about two hours)
	@setup/nftables.sh
	@molecule/stack/stack.sh up
	@.venv/bin/python bench/$(BENCH).py

clean: ## remove what these targets made, but not the records in incidents/
	@setup/clean.sh

ready-python:
	@setup/python.sh
	@setup/collections.sh

ready: ready-python
	@setup/engine.sh

# The line of `make help` alone, for the headlines of `make test`.
describe-%:
	@sed -n 's/^$*:.*## //p' Makefile
