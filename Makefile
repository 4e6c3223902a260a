# newt-tunnel: `make` lists the targets. Everything a target needs it sets up itself.

SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
STACK ?= nas
PLUGINS ?= auto
BASE ?= $(shell git symbolic-ref --quiet --short refs/remotes/origin/HEAD || echo main)
HEAD ?= HEAD
JOBS ?= 5
CACHE := $(or $(NEWT_TUNNEL_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/newt-tunnel)
# Each `pulumi up` lists what is installed; the pip that comes with Python 3.11 takes twice as long.
PIP := pip==26.3
SHELL_SCRIPTS := forge/install host/newt-egress host/newt-proof pod/newt-gate pod/newt-probe $(shell find tests .ci -name '*.sh') .ci/run

# Set on some machines. Then every program compiles all that it imports anew: three times as slow.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  variables: STACK=nas|k3s-home  PLUGINS=auto|official|standin (make demo)  JOBS=5 AGAIN=yes (make test)"
	@echo "  make demo STACK=k3s-home in a cluster of yours: KUBECONFIG=FILE [ADDRESS=this machine's,"
	@echo "  as pods reach it] [ACCEPT_NODE_ACCESS=yes, for an enforcer that exempts its own node]"

$(VENV)/.ready: requirements.txt requirements-dev.txt policies/requirements.txt
	@echo "setting up $(VENV) from requirements-dev.txt ..."
	@python3 -m venv $(VENV)
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check $(PIP)
	@# What is imported is compiled then: most of the SDK for Kubernetes never is.
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-dev.txt
	@touch $@

.PHONY: setup
setup: $(VENV)/.ready ## make the virtual environment

.PHONY: demo
demo: $(VENV)/.ready ## deploy the stack in a lab on this machine, for real, and show what newt reaches
	@$(PYTHON) -m tests.demo --stack $(STACK) --plugins $(PLUGINS) \
		$(if $(ADDRESS),--address $(ADDRESS)) $(if $(ACCEPT_NODE_ACCESS),--accept-node-access)

.PHONY: adopt
adopt: $(VENV)/.ready ## print the stack file for the plain newt of COMPOSE=path [ADDRESS=of-the-Docker-host]
	@$(PYTHON) -m adopt "$(COMPOSE)" $(if $(ADDRESS),--address $(ADDRESS))

.PHONY: review
review: $(VENV)/.ready ## what a branch does to newt's reach: BASE=main HEAD=HEAD [STACK=the only one]
	@$(PYTHON) -m review $(if $(filter-out file,$(origin STACK)),--stack '$(STACK)') -- '$(BASE)...$(HEAD)'

.PHONY: test
test: lint ## everything: lint, types, unit tests, and (as root on Linux) the lab with real packets
	@if command -v go >/dev/null; then (cd tests/lab/pangolin && go vet ./... && go test ./...) && \
		cd tests/lab/kubernetes/pod && go vet ./...; \
	else echo "skipped: the tests of the lab's Go programs, because there is no Go on this machine"; fi
	@$(PYTHON) -m pytest -q --durations=15 -n $(JOBS) $(if $(AGAIN),--again)

.PHONY: unit
unit: $(VENV)/.ready ## the tests that need no root and no lab
	@$(PYTHON) -m pytest -m 'not lab' -q

.PHONY: lint
lint: $(VENV)/.ready ## ruff, mypy, shellcheck
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy --cache-dir $(CACHE)/mypy .
	@$(VENV)/bin/shellcheck $(SHELL_SCRIPTS)

.PHONY: attack
attack: $(VENV)/.ready ## try everything that could break the cage, here with real packets; SEED=N draws the same
	@$(PYTHON) -m tests.attack $(if $(SEED),--seed $(SEED))

.PHONY: bench
bench: $(VENV)/.ready ## what the cage costs, beside no cage and the post's script; writes bench.json
	@$(PYTHON) -m tests.bench

.PHONY: faults
faults: $(VENV)/.ready ## newt floods forbidden targets while all kinds of things happen to the Docker host, and in a cluster
	@$(PYTHON) -m tests.faults

.PHONY: evidence
evidence: $(VENV)/.ready ## attack and faults, and write what was found into docs/evidence.md; read the diff
	@$(PYTHON) -m tests.attack --evidence
	@$(PYTHON) -m tests.faults --evidence

.PHONY: golden
golden: $(VENV)/.ready ## rewrite the golden files from what is rendered and declared now; read the diff
	@$(PYTHON) -m pytest tests/unit/egress -q --update-golden
	@$(PYTHON) -m tests.unit.policies.recorder

.PHONY: check-blueprint
check-blueprint: $(VENV)/.ready ## whether STACK's cage fits its Pangolin blueprint, or BLUEPRINT=path
	@$(PYTHON) -m blueprint $(STACK) $(if $(BLUEPRINT),--blueprint $(BLUEPRINT)) $(if $(SITE),--site $(SITE))

.PHONY: suggest
suggest: $(VENV)/.ready ## what STACK's newt was refused lately, as entries to think about; in a cluster FLOWS=path
	@$(PYTHON) -m suggest $(STACK) $(if $(FLOWS),--flows $(FLOWS)) $(if $(BLUEPRINT),--blueprint $(BLUEPRINT))

.PHONY: docs
docs: $(VENV)/.ready ## rewrite the generated parts of README and docs, and the schema of the stack files; read the diff
	@$(PYTHON) -m tests.unit.docs.documents
	@$(PYTHON) -m settings.schema

.PHONY: policies
policies: $(VENV)/.ready ## preview STACK with the policy pack
	@pulumi preview --stack $(STACK) --policy-pack policies

.PHONY: lab-up
lab-up: $(VENV)/.ready ## start the lab: the post's network as namespaces without an uplink
	@$(PYTHON) -m tests.lab up

.PHONY: lab-shell
lab-shell: $(VENV)/.ready ## a shell on the lab's workstation, where pulumi works on the deployed STACK
	@$(PYTHON) -m tests.demo --shell --stack $(STACK)

.PHONY: lab-down
lab-down: $(VENV)/.ready ## stop the lab and remove what it made
	@$(PYTHON) -m tests.lab down
