# Vestibule. `make help` lists what can be called.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# rustup's folder is often missing in shells that are not log-in shells.
export PATH := $(PATH):$(HOME)/.cargo/bin
export npm_config_fund := false
export npm_config_audit := false
export npm_config_update_notifier := false

# dev builds in a fraction of the time; `make run PROFILE=release` is what one would install.
PROFILE ?= dev
BINARY := target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/vestibule
# What `vestibule start` is given: make run ARGS="--port 8000"
ARGS ?=

WEB_SOURCES := $(shell find web/src web/public -type f 2>/dev/null) web/index.html web/vite.config.ts web/tsconfig.json
NODE_FOLDERS := web tests/guide tests/browser
INSTALLED := $(NODE_FOLDERS:%=%/node_modules/.package-lock.json)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

.PHONY: run
run: ## set up, build, and start Vestibule; Ctrl-C stops it and its database
	@tests/setup run
	@$(MAKE) build
	exec $(BINARY) start $(ARGS)

.PHONY: test
test: ## everything: format, lints, unit, integration, guide, browser and restart tests
	@tests/setup test
	@tests/run

.PHONY: check
check: ## what is quick: format, lints, unit tests of the web app
	@tests/setup run
	@tests/run check

.PHONY: build
build: web ## the binary with the web app inside (PROFILE=release for the one to install)
	cargo build -p app --profile $(PROFILE)

.PHONY: web
web: web/dist/index.html ## the web app alone

web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web && npm run --silent build
	@touch $@

.PHONY: packages
packages: $(INSTALLED) ## the npm packages of the web app and of the tests

# npm writes this file last, so it says whether the folder is complete and newer than the lock.
$(INSTALLED): %/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --no-fund --no-audit
	@touch $@

.PHONY: fuzz
fuzz: ## requests to the data API, changed at random, through its parser and planner (FOR=300 seconds)
	cargo run -p rest --features fuzz --example hammer -- $(or $(FOR),60)

.PHONY: fuzz-coverage
fuzz-coverage: ## the same, led by which code they reach (FOR=300 seconds; needs cargo-fuzz)
	@fuzz/run $(or $(FOR),60)

.PHONY: bench
bench: ## the release binary measured, against targets (PART=rest for one part of bench/)
	@tests/setup test
	@$(MAKE) build PROFILE=release
	cargo build -p load --profile release
	@node bench/run.mjs $(PART)

.PHONY: clean
clean: ## remove what was built; data in .vestibule stays
	rm -rf target fuzz/target web/dist $(NODE_FOLDERS:%=%/node_modules)
