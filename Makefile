# make alone prints what there is. Works with GNU make 3.81 (macOS) and with Git's bash on Windows.
SHELL := bash
.DEFAULT_GOAL := help

# Tools that are not part of the module: their dependencies stay out of go.mod, their versions stay here.
GOLANGCI_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.6.0
INSPECTOR_VERSION := 2.12.0
CONFORMANCE_VERSION := 0.2.0-alpha.12
OIDC_PROVIDER_VERSION := 9.13.3
GORELEASER_VERSION := v2.15.0
SYFT_VERSION := v1.54.1
MCPB_VERSION := 2.1.2
AJV_VERSION := 8.20.0
REGISTRY_VERSION := v1.8.7

FUZZTIME ?= 30s
BENCHTIME ?= 1s
SCRIPTS ?= 3400
SOAK_CALLS ?= 3600
MUTANTS ?= all

# What gofmt looks at: testdata may hold Go that is wrong on purpose.
GOFILES = $$(find . -name '*.go' -not -path '*/testdata/*' -not -path './.*')

EXE := $(shell go env GOEXE)
TOOLS := $(CURDIR)/.tools
GOLANGCI := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)$(EXE)
GOVULNCHECK := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)$(EXE)

GORELEASER := $(TOOLS)/goreleaser-$(GORELEASER_VERSION)$(EXE)
SYFT := $(TOOLS)/syft-$(SYFT_VERSION)$(EXE)
RELEASE = GORELEASER='$(GORELEASER)' SYFT='$(SYFT)' MCPB_VERSION=$(MCPB_VERSION) AJV_VERSION=$(AJV_VERSION) REGISTRY_VERSION=$(REGISTRY_VERSION)

# Golden files, snapshots and generated docs, and the tests that compare them.
GENERATED := ./internal/docgen ./tools ./internal/app
GENERATED_TESTS := Golden|Generated|Snapshot

# The parts of make check, cheapest first. .ci/run reads this list.
CHECKS := fmt-check tidy-check vet lint docs-check test-race

.PHONY: help check checks $(CHECKS) fmt generate test demo faults soak mutants bench fuzz cover vuln inspector conformance oidc browser keyring build clean
.PHONY: mcpb image release-check

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

check: $(CHECKS) ## Everything below up to test-race; what CI runs

fmt-check: ## Every file is formatted
	@files=$$(gofmt -l $(GOFILES)) || exit 1; \
	if [ -n "$$files" ]; then echo "not formatted, run make fmt:"; echo "$$files"; exit 1; fi

tidy-check: ## go.mod and go.sum are what go mod tidy makes of them
	go mod tidy -diff

vet: ## go vet here, and for Windows and macOS
	go vet ./...
	GOOS=windows go vet ./...
	GOOS=darwin go vet ./...

lint: $(GOLANGCI) ## golangci-lint by .golangci.yml
	$(GOLANGCI) run

docs-check: ## Golden files and generated docs are what the code says
	@set -o pipefail; out=$$(go test $(GENERATED) -run '$(GENERATED_TESTS)' 2>&1); rc=$$?; echo "$$out"; \
	if [ $$rc -ne 0 ]; then echo "if the change is meant: make generate, and look at the diff"; exit $$rc; fi; \
	if grep -q 'internal/docgen.*no tests to run' <<<"$$out"; then echo "internal/docgen has no test named $(GENERATED_TESTS)"; exit 1; fi

test-race: ## All tests with the race detector, of faults and random scripts a part (needs a C compiler)
	go test -race -short ./...

fmt: ## Format every file
	@gofmt -l -w $(GOFILES)

generate: ## Write golden files and generated docs anew
	UPDATE=1 go test $(GENERATED) -run '$(GENERATED_TESTS)'

test: ## All tests
	go test ./...

demo: ## The guided tour: a client, the server, a simulated Aura
	go run . demo

faults: ## Every tool under every fault, and random scripts against a model (SCRIPTS=3400 for each way of asking; UPDATE=1 writes the page anew)
	FAULTS=all go test -count=1 -run '^TestEveryToolUnderEveryFault$$' ./internal/app
	@awk '/<!-- read:begin/,/<!-- changed:end/' docs/reliability.md
	go test -count=1 -timeout 2h -run '^TestAnyScript' ./internal/app -rapid.checks=$(SCRIPTS)

soak: ## The calls of an hour in 20 minutes, on stdio and over HTTP, with chaos at Aura: memory, goroutines, files, audit (SOAK_CALLS=3600)
	SOAK_CALLS=$(SOAK_CALLS) go test -count=1 -v -timeout 3h -run '^TestSoak$$' ./internal/app

mutants: ## Each condition of the guard broken in turn: a test has to notice (MUTANTS=all, or a pattern for their names)
	MUTANTS='$(MUTANTS)' go test -v -count=1 -timeout 6h -run '^TestEvery' ./internal/mutants

bench: ## The budgets, as ratios measured in one run, into docs/performance.md (BENCHTIME=1s)
	BENCH_PAGE='$(CURDIR)/docs/performance.md' go test -run '^$$' -bench . -benchtime $(BENCHTIME) ./internal/bench

fuzz: ## Every fuzz test, one after another (FUZZTIME=30s each)
	@set -eo pipefail; \
	targets=$$(go test -list '^Fuzz' ./... | \
		awk '/^Fuzz/ { name[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, name[i]; n = 0 }'); \
	while read -r package name; do \
		[ -n "$$name" ] || continue; \
		echo "== $$name in $$package for $(FUZZTIME)"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null; \
	done <<<"$$targets"

cover: ## Coverage of the whole suite, in coverage.out; names the lines that it misses in what has to be sure
	go test -coverpkg=./... -coverprofile=coverage.out ./...
	@go tool cover -func=coverage.out | tail -n 1
	@awk -v PACKAGES='internal/guard auraclient internal/health' -v LEAST=90 -f .ci/cover.awk coverage.out
	@echo "line by line: go tool cover -html=coverage.out"

vuln: $(GOVULNCHECK) ## Known vulnerabilities (asks Go's database over the network)
	$(GOVULNCHECK) ./...

inspector: build ## The official MCP inspector's checks (needs npm; brings Node 24 where Node is older than 22)
	INSPECTOR_VERSION=$(INSPECTOR_VERSION) bash .ci/inspector.sh bin/aura-mcp$(EXE)

conformance: build ## The official MCP conformance suite over HTTP, in both revisions (needs npm, as above)
	CGO_ENABLED=0 go build -trimpath -o bin/conformance$(EXE) ./internal/conformance
	CONFORMANCE_VERSION=$(CONFORMANCE_VERSION) bash .ci/conformance.sh bin/aura-mcp$(EXE) bin/conformance$(EXE)

oidc: ## The tests with a real identity provider (needs npm, as above)
	OIDC_PROVIDER_VERSION=$(OIDC_PROVIDER_VERSION) bash .ci/oidc.sh
browser: ## The tests that click on pages in Chromium (installs it on Debian and Ubuntu)
	bash .ci/chromium.sh
	BROWSER_TESTS=required go test -count=1 -run '^TestBrowser' ./internal/app

keyring: ## The test with a real keyring (skipped where dbus-run-session and gnome-keyring-daemon are not installed)
	go test -count=1 -v -run '^TestARealKeyring' .

build: ## bin/aura-mcp
	CGO_ENABLED=0 go build -trimpath -o bin/aura-mcp$(EXE) .

mcpb: $(GORELEASER) ## The bundle for Claude Desktop, in dist (needs npm)
	'$(GORELEASER)' build --snapshot --clean
	$(RELEASE) bash .ci/mcpb.sh dist

image: ## The container image (needs a Docker engine)
	docker build --build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) --build-arg SERVER_NAME=$$(sed -n 's/^  "name": "\(.*\)",$$/\1/p' server.json) -t aura-mcp .

release-check: $(GORELEASER) $(SYFT) ## Build and try everything that a release has, in dist (minutes; needs npm)
	$(RELEASE) bash .ci/release-check.sh

clean: ## Remove what was built, tools included
	rm -rf bin dist .tools coverage.out

checks:
	@echo $(CHECKS)

# A tool is installed beside its final name and then moved, so that an interrupted install is not taken for a whole one.
$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI_VERSION), once"
	@GOBIN='$(TOOLS)/new' GOFLAGS= CGO_ENABLED=0 go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv '$(TOOLS)/new/golangci-lint$(EXE)' '$@'

$(GOVULNCHECK):
	@GOBIN='$(TOOLS)/new' GOFLAGS= CGO_ENABLED=0 go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
	@mv '$(TOOLS)/new/govulncheck$(EXE)' '$@'

$(GORELEASER):
	@echo "building goreleaser $(GORELEASER_VERSION), once"
	@GOBIN='$(TOOLS)/new' GOFLAGS= CGO_ENABLED=0 go install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)
	@mv '$(TOOLS)/new/goreleaser$(EXE)' '$@'

$(SYFT):
	@echo "building syft $(SYFT_VERSION), once"
	@GOBIN='$(TOOLS)/new' GOFLAGS= CGO_ENABLED=0 go install github.com/anchore/syft/cmd/syft@$(SYFT_VERSION)
	@mv '$(TOOLS)/new/syft$(EXE)' '$@'
