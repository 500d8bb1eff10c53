# citycard: one card, one ledger. "make help" lists what there is.

SHELL := /bin/sh
export PATH := $(PATH):/usr/local/go/bin:/usr/lib/go/bin:/usr/lib/go-1.26/bin
# The Go that is installed is used as it is; none is downloaded.
export GOTOOLCHAIN := local

GO       ?= go
TOOL     := $(GO) tool -modfile=lint.mod
# In continuous integration the race detector watches the tests.
RACE     ?= $(if $(CI),-race)
# Tests wait for servers as much as they compute, so more packages than processors run at a time.
PACKAGES ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
FUZZTIME ?= 20s
# make soak: the seed and how long
SEED     ?= $(shell date +%Y%m%d)
MINUTES  ?= 60
BENCH    ?= .
BENCHED  ?= ./...
DATABASE ?=
ARGS     ?=

.PHONY: help demo test test-cockroach build setup setup-test lint vet bench fuzz soak generate clean bin/citycard bin/cardterm bin/cardsim bin/cardhsm

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

demo: setup build ## a whole city day, end to end (ARGS="--cards 500 --serve")
	bin/citycard demo $(ARGS)

# go vet has seen the tests before; go test would look again.
test: setup-test build vet ## all tests, and which were not run and why; with CI set also under the race detector
	@$(TOOL) gotestsum --format pkgname --format-hide-empty-pkg --post-run-command deploy/tests-not-run.sh -- $(RACE) -p $(PACKAGES) -vet=off -timeout 60m ./...

test-cockroach: setup-test ## the tests and the demonstration on a real CockroachDB (COCKROACH_BINARY=program PARTS="kills three")
	@GO="$(GO)" deploy/test-cockroach.sh $(PARTS)

build: bin/citycard bin/cardterm bin/cardsim bin/cardhsm ## the four programs, into bin/

# The programs say which commit they are. Where git does not answer (no git, sources without
# their history, a work tree of another user's), they are built without.
VCS = $(if $(shell git status --porcelain >/dev/null 2>&1 && echo yes),auto,false)

# cardterm and cardhsm reach the libraries of readers and of security modules through cgo.
bin/citycard bin/cardsim:
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=$(VCS) -o $@ ./cmd/$(@F)

bin/cardterm bin/cardhsm: setup
	CGO_ENABLED=1 $(GO) build -trimpath -buildvcs=$(VCS) -o $@ ./cmd/$(@F)

setup: ## install what is missing on Debian or Ubuntu; elsewhere say what to install
	@deploy/setup.sh

setup-test:
	@deploy/setup.sh test

vet: setup
	$(GO) vet ./...

lint: setup vet ## gofumpt, go vet, staticcheck, the OpenAPI document, govulncheck
	@unformatted=$$($(TOOL) gofumpt -l .) || exit; \
	if [ -n "$$unformatted" ]; then echo "gofumpt: these files are not formatted:"; echo "$$unformatted"; exit 1; fi
	$(TOOL) staticcheck ./...
	$(TOOL) validate docs/api.yaml
	@deploy/govulncheck.sh $(TOOL) govulncheck

# Packages are measured one after the other, so that they do not disturb each other.
bench: setup ## all benchmarks: a table, and bench.json (BENCH=pattern, BENCHED=packages, FULL=1 for 10 million rows, DATABASE=url)
	$(if $(DATABASE),CITYCARD_TEST_DATABASE_URL='$(DATABASE)') $(GO) test -p 1 -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m $(BENCHED) | $(GO) run ./cmd/bench --out bench.json

fuzz: setup ## each fuzz target for FUZZTIME
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package || exit; \
		done; \
	done

soak: setup-test build ## the long checks: fuzzing, random input and changes, terminals, counters and a big day through faults (SEED=1 MINUTES=60)
	@GO="$(GO)" deploy/soak.sh $(SEED) $(MINUTES)

generate: ## the protobuf code; needs protoc and protoc-gen-go
	@for program in protoc protoc-gen-go; do command -v $$program >/dev/null || \
		{ echo "$$program is missing: apt-get install protobuf-compiler; go install google.golang.org/protobuf/cmd/protoc-gen-go@latest"; exit 1; }; done
	$(GO) generate ./...

clean: ## remove bin/; data directories stay
	rm -rf bin
