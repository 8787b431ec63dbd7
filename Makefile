# `make` lists what there is. Everything works from a fresh clone with Go and Node;
# the first `make check` builds its tools (golangci-lint 85 s, buf 85 s on two cores, then under a second).

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

# The tools have modules of their own, so that nobody who imports the hub inherits their requirements.
BUF      ?= go tool -modfile=tools/go.mod buf
GOLANGCI ?= go tool -modfile=tools/golangci/go.mod golangci-lint

# Protos, and what is made of them: the hub's own, and each example's into its own folder.
PROTOS    := proto $(wildcard examples/*/proto)
TEMPLATES := buf.gen.yaml $(wildcard examples/*/buf.gen.yaml)
GENERATED := gen $(wildcard examples/*/gen)
# Pages that a program makes of protos and their comments: it fails where one is missing.
REFERENCE := docs/configuration.md docs/errors/README.md docs/reference

# The real JavaScript clients; npm ci runs again only when a lock file changed.
NODE_MODULES := e2e/node_modules/.installed
BENCH_NODE   := bench/peers/node/node_modules/.installed
CLIENT_NODE  := sdk/ts/node_modules/.installed

.PHONY: help demo test e2e clients client types fuzz bench check lint generated tidy protos generate image fmt

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Not by `go run`, which answers Ctrl-C by an error.
demo: ## a hub, an example backend and a page that shows them; ARGS="--http HOST:PORT --grpc HOST:PORT"
	go build -o bin/hub ./cmd/hub
	exec bin/hub demo $(ARGS)

## Tests

# The library's door, an oracle for the hub's own, has the same end-to-end tests, with socket.io-client 4.8 and 2.5. A process
# of its own: common hubs and goleak are one door's. Left out are Chromium, which takes long, what is about wire alone, and the
# bad network (Jitter), which the library leaves to pings of its own, beyond its test's patience; and who dies without a word: at an
# upgrade the library (engine/v3 v3.0.4, clearTransport) stops an Engine.IO 3 session's ping time-out, and starts none before its next ping.
LIBRARY := HUB_DOOR=library HUB_E2E=required go test -race -timeout 10m -skip '^Test(Chromium|Slow|ADeadDescriptor|ConnectsOfEveryKind|Turmoil|Jitter|WhoDiesWithoutAWord)' ./e2e

# Allocation tests (TestAllocs…) run without -race, which allocates itself; only their packages are built again.
# Then the modules of their own: bench, sdk/go/bridge. HUB_E2E=required: a missing Node fails e2e instead of skipping it.
# HUB_CLIENTS=required does the same for Chromium, Python's clients and curl, which npm does not bring; .ci/run sets it.
test: clients $(NODE_MODULES) client ## all tests: -race once, allocation tests without, every module; the browser client
	HUB_E2E=required go test -race -timeout 10m $$(go list ./... | grep -v /e2e)
	HUB_E2E=required go test -race -timeout 10m -p 1 ./e2e/... # alone: browsers beside other tests miss their time
	$(LIBRARY)
	@dirs=$$({ grep -rlE --include='*_test.go' '^func TestAllocs' hub sdk cmd || true; } | xargs -r -n1 dirname | sort -u | sed 's|^|./|'); \
	if [[ -n "$$dirs" ]]; then echo go test -run '^TestAllocs' $$dirs; go test -timeout 10m -run '^TestAllocs' $$dirs; fi
	@for mod in $$(find . -name go.mod -not -path ./go.mod -not -path './tools/*' -not -path '*/node_modules/*'); do \
	echo "cd $$(dirname $$mod) && go test -race ./..."; (cd $$(dirname $$mod) && go test -race -timeout 10m ./...); done

e2e: clients $(NODE_MODULES) sdk/ts/dist/index.js ## only the real clients against a real hub; LONG=1 adds the long runs
	HUB_E2E=required $(if $(LONG),HUB_LONG=1) go test -race -count=1 -timeout $(if $(LONG),60m,10m) ./e2e/...

# Said here, because go test does not print why it skips.
clients:
	@names=$$(e2e/clients | xargs); [[ -z "$$names" ]] || echo "tests of clients that are not installed are skipped; on Debian: apt-get install --no-install-recommends $$names"

client: $(CLIENT_NODE) ## only sdk/ts: its build, types, README, size, and tests against a fake hub
	cd sdk/ts && npm test

# What e2e drives.
sdk/ts/dist/index.js: $(CLIENT_NODE) $(wildcard sdk/ts/src/*.ts) sdk/ts/tsconfig.json
	cd sdk/ts && npm run build

FUZZTIME ?= 30s
fuzz: ## every fuzz test, one after the other, FUZZTIME (30s) each
	@grep -roE --include='*_test.go' '^func Fuzz\w+' hub sdk cmd | while IFS=: read -r file name; do \
	echo "$${name#func } ($$(dirname $$file))"; \
	go test -run '^$$' -fuzz "^$${name#func }$$" -fuzztime $(FUZZTIME) "./$$(dirname $$file)" </dev/null; done

# Without npm the Node peer is missing in the table, which says so: the others can be measured all the same.
bench: $(if $(shell command -v npm),$(BENCH_NODE)) ## the hub beside its peers; QUICK=1 within three minutes; ARGS="-peers hub,raw -out DIR"
	go run -C bench . $(if $(QUICK),-quick) $(ARGS)

%/node_modules/.installed: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund
	@touch $@

## Checks: none of them changes a file.

check: tidy generated protos lint types ## all that is checked without running: lint, generated code, protos, go.mod, types

# bench and the bridge stand on the repository's root by a local replacement, which gomoddirectives forbids everyone else.
# Measured on two busy cores: with nothing cached 105 s, after a change 18 s, without one 1 s.
lint: ## golangci-lint: faults, walls (see hub/README.md) and formatting
	$(GOLANGCI) config verify
	$(GOLANGCI) run --allow-parallel-runners ./...
	cd bench && $(subst tools/,../tools/,$(GOLANGCI)) run --allow-parallel-runners --config ../.golangci.yml --disable gomoddirectives ./...
	cd sdk/go/bridge && $(subst tools/,../../../tools/,$(GOLANGCI)) run --allow-parallel-runners --config ../../../.golangci.yml --disable gomoddirectives ./...

# Into a directory of its own, and compared: so it holds for a dirty tree too, and leaves it as it was.
generated: ## generated code and the reference are what the protos make
	@echo 'buf generate, compared with $(GENERATED); go run ./docs/internal/reference, with $(REFERENCE)'
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	for template in $(TEMPLATES); do $(BUF) generate --template $$template --output "$$tmp"; done; \
	go run ./docs/internal/reference -out "$$tmp"; \
	for dir in $(GENERATED) $(REFERENCE); do diff -r $$dir "$$tmp/$$dir" || { echo "$$dir is not what the protos make: run \`make generate\`"; exit 1; }; done

types: $(CLIENT_NODE) ## sdk/ts compiles, what must not does not, and its README's code does
	cd sdk/ts && npm run check

protos: ## buf lint, buf format, and no change that breaks who speaks the protocol already
	$(BUF) lint
	for dir in $(PROTOS); do $(BUF) format $$dir --diff --exit-code; done
	$(BUF) breaking proto --against proto/image.binpb

tidy: ## go.mod lists what is imported, no more
	go mod tidy -diff
	cd bench && go mod tidy -diff
	cd sdk/go/bridge && go mod tidy -diff

## What changes files

generate: ## make the generated code and the reference from the protos
	@for template in $(TEMPLATES); do echo buf generate --template $$template; $(BUF) generate --template $$template; done
	go run ./docs/internal/reference

# proto/image.binpb is the protocol that is out there. Renew it when a release goes out, so that the next one is
# measured against it. Before that only to break the protocol on purpose: then the commit says who is broken and why.
image: ## declare the protocol of today to be the one that must not break
	$(BUF) build proto --exclude-source-info -o proto/image.binpb

fmt: ## format Go and protos
	$(GOLANGCI) fmt ./...
	for dir in $(PROTOS); do $(BUF) format $$dir -w; done
