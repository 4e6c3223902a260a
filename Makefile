# newt-tunnel: `make` lists the targets. Everything a target needs it sets up itself.

SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
STACK ?= nas
PLUGINS ?= auto
PANGOLIN ?= own
# The default branch of `origin`; without one `main`; without that the uncommitted changes alone are reviewed.
BASE ?= $(shell git rev-parse --quiet --verify --abbrev-ref refs/remotes/origin/HEAD 2>/dev/null || \
	{ git show-ref --quiet --verify refs/heads/main && echo main; } 2>/dev/null || echo HEAD)
JOBS ?= 5
CACHE := $(or $(NEWT_TUNNEL_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/newt-tunnel)
# Each `pulumi up` lists what is installed; the pip that comes with Python 3.11 takes twice as long.
PIP := pip==26.3
SHELL_SCRIPTS = newt_tunnel/tools/forge/install newt_tunnel/cluster/pod/newt-gate newt_tunnel/cluster/pod/newt-probe newt_tunnel/tools/new/look.sh newt_tunnel/tools/new/secret.sh $(shell find tests .ci -name '*.sh') .ci/run

# A value as one word of the shell.
quoted = '$(subst ','\'',$(1))'

# Set on some machines. Then every program compiles all that it imports anew: three times as slow.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  variables: STACK=nas|k3s-home  PLUGINS=auto|official|standin PANGOLIN=own|cloud (make demo)  JOBS=5 AGAIN=yes (make test)"
	@echo "  ENGINE=29|29-nftables|28|26|here: the lab's Docker engine (here: this machine's, or Debian's)"
	@echo "  without ENGINE: 29 (test, attack, faults), here (demo, lab-up); attack and faults ALL=yes: all of them"
	@echo "  make demo STACK=k3s-home in a cluster of yours: KUBECONFIG=FILE [ADDRESS=this machine's,"
	@echo "  as pods reach it] [ACCEPT_NODE_ACCESS=yes, for an enforcer that exempts its own node]"

$(VENV)/.ready: requirements.txt requirements-dev.txt policies/requirements.txt
	@# Standard output belongs to the target that needs this: it may be on its way into a file.
	@echo "setting up $(VENV) from requirements-dev.txt ..." >&2
	@python3 -m venv $(VENV) >&2
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check $(PIP) >&2
	@# What is imported is compiled then: most of the SDK for Kubernetes never is.
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-dev.txt >&2
	@touch $@

.PHONY: setup
setup: $(VENV)/.ready ## make the virtual environment

.PHONY: demo
demo: $(VENV)/.ready ## deploy the stack in a lab on this machine, for real, and show what newt reaches
	@$(PYTHON) -m tests.demo --stack $(STACK) --plugins $(PLUGINS) --pangolin $(PANGOLIN) \
		$(if $(ADDRESS),--address $(ADDRESS)) $(if $(ACCEPT_NODE_ACCESS),--accept-node-access)

.PHONY: adopt
adopt: $(VENV)/.ready ## print the stack file for the plain newt of COMPOSE=path [ADDRESS=of-the-Docker-host]
	@$(PYTHON) -m newt_tunnel adopt --stack $(call quoted,$(STACK)) $(if $(ADDRESS),--address $(call quoted,$(ADDRESS))) \
		-- $(call quoted,$(COMPOSE))

.PHONY: review
review: $(VENV)/.ready ## what this branch and your edits do to newt's reach: BASE=main [HEAD=a commit] [STACK=the only one]
	@$(PYTHON) -m newt_tunnel review $(if $(filter-out file,$(origin STACK)),--stack $(call quoted,$(STACK))) \
		$(if $(HEAD),-- $(call quoted,$(BASE)...$(HEAD)),--merge-base -- $(call quoted,$(BASE)))

.PHONY: test
test: lint ## everything: lint, types, unit tests, and (as root on Linux) the lab with real packets
	@if command -v go >/dev/null; then (cd tests/lab/pangolin && go vet ./... && go test ./...) && \
		(cd tests/lab/pangolin_cli && go vet ./...) && cd tests/lab/kubernetes/pod && go vet ./...; \
	else echo "skipped: the tests of the lab's Go programs, because there is no Go on this machine" >&2; fi
	@# Built before the lab shares the machine: linking the Kubernetes plugin takes 4 GB.
	@if [ "$$(id -u)" = 0 ]; then \
		$(PYTHON) -m tests.engine env >/dev/null && $(PYTHON) -m tests.lab engines; fi
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
	@for program in newt-egress newt-proof; do \
		$(PYTHON) -m newt_tunnel.docker_host.programs $$program | $(VENV)/bin/shellcheck - || exit 1; done

.PHONY: attack
attack: $(VENV)/.ready ## try everything that could break the cage, here with real packets; SEED=N draws the same
	@$(PYTHON) -m tests.attack $(if $(SEED),--seed $(SEED)) $(if $(ALL),--all)

.PHONY: bench
bench: $(VENV)/.ready ## what the cage costs, beside no cage and the post's script; writes bench.json
	@$(PYTHON) -m tests.bench

.PHONY: faults
faults: $(VENV)/.ready ## newt floods forbidden targets while all kinds of things happen to the Docker host, and in a cluster
	@$(PYTHON) -m tests.faults $(if $(ALL),--all)

.PHONY: evidence
evidence: $(VENV)/.ready ## attack and faults, and write what was found into docs/evidence.md; read the diff
	@$(PYTHON) -m tests.attack --evidence $(if $(ALL),--all)
	@$(PYTHON) -m tests.faults --evidence $(if $(ALL),--all)

.PHONY: golden
golden: $(VENV)/.ready ## rewrite the golden files from what is rendered and declared now; read the diff
	@$(PYTHON) -m pytest tests/unit/egress -q --update-golden
	@$(PYTHON) -m tests.unit.policies.recorder

.PHONY: check
check: $(VENV)/.ready ## whether the stack files are valid and what they would allow: all, or STACK=nas
	@$(PYTHON) -m newt_tunnel check $(if $(filter-out file,$(origin STACK)),-- $(call quoted,$(STACK)))

.PHONY: check-blueprint
check-blueprint: $(VENV)/.ready ## whether STACK's cage fits its Pangolin blueprint, or BLUEPRINT=path
	@$(PYTHON) -m newt_tunnel check-blueprint $(if $(BLUEPRINT),--blueprint $(call quoted,$(BLUEPRINT))) \
		$(if $(SITE),--site $(call quoted,$(SITE))) -- $(call quoted,$(STACK))

.PHONY: suggest
suggest: $(VENV)/.ready ## what STACK's newt was refused lately, as entries to think about; in a cluster FLOWS=path
	@$(PYTHON) -m newt_tunnel suggest $(if $(FLOWS),--flows $(call quoted,$(FLOWS))) \
		$(if $(BLUEPRINT),--blueprint $(call quoted,$(BLUEPRINT))) -- $(call quoted,$(STACK))

.PHONY: docs
docs: $(VENV)/.ready ## rewrite the generated parts of README and docs, and the schema of the stack files; read the diff
	@$(PYTHON) -m tests.unit.docs.documents
	@$(PYTHON) -m newt_tunnel.settings.schema

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
