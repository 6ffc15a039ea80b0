# Every command a developer, CI and the README use. All tools land in $(CACHE), outside the checkout.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export SLIPWAY_CACHE ?= $(HOME)/.cache/slipway

# The environment holds the checkout's own packages as links, so each checkout has one of its own.
LOCK := $(shell (pwd; cat requirements/dev.txt pyproject.toml) | sha256sum | cut -c1-12)
VENV := $(SLIPWAY_CACHE)/venv-$(LOCK)
BIN := $(VENV)/bin
CLUSTER ?= dev
NODES ?= 1

.PHONY: help setup lint unit coverage binaries generate lock cluster-up cluster-down images demo demo-down test test-full bench

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | column -t -s "$$(printf '\t')"

setup: $(VENV)/.ready ## Install the locked Python environment

# The marker is written last, so a half-built environment is built again. `.venv` lets editors find it.
$(VENV)/.ready:
	@devcluster/bootstrap $(VENV)
	@touch $@
	@ln -sfn $(VENV) .venv

lint: setup ## Format check, ruff, mypy strict, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: setup ## Tests that need no cluster
	$(BIN)/pytest tests/unit tests/property --slow=none

coverage: setup ## Every branch of the operator's decisions is tested by a table
	$(BIN)/pytest tests/unit/operator/domain -q --cov=slipway_operator.domain --cov-branch --cov-report=term:skip-covered --cov-fail-under=100

generate: setup ## Write CRDs, chart copies, RBAC, the API reference and gRPC's messages from their sources
	$(BIN)/slipway-operator generate
	$(BIN)/python -m slipway_runtime.serve.grpc.generate

lock: setup ## Lock dependencies with hashes again
	PATH=$(BIN):$$PATH requirements/lock

cluster-up: setup ## Start a Kubernetes of NODES nodes named CLUSTER
	$(BIN)/python -m slipway_devcluster up --name $(CLUSTER) --nodes $(NODES)

cluster-down: setup ## Stop it and leave nothing behind
	$(BIN)/python -m slipway_devcluster down --name $(CLUSTER)

binaries: setup ## Build Kubernetes and its companions (a first build takes about 15 minutes)
	$(BIN)/python -m slipway_devcluster binaries

images: setup ## Build the container images
	$(BIN)/python -m slipway_devcluster images build

demo: setup ## The whole chain on a cluster, from data to answers (uses KUBECONFIG when it is set)
	$(BIN)/python -m slipway_demo

demo-down: cluster-down ## Remove the demo's cluster

test: setup lint coverage binaries ## Every fast test, and a seeded sample of the slow ones
	$(BIN)/pytest tests --slow=sample --maxfail=3 --durations=15

test-full: setup lint coverage binaries ## Every test, slow matrices whole; writes docs/test-summary.md
	$(BIN)/pytest tests --slow=all --durations=40 --summary=docs/test-summary.md

bench: setup ## Measure, and write docs/benchmarks.md
	$(BIN)/python -m tests.bench
